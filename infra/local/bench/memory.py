"""How much memory a life takes: a process of its own for each tenant, from its consent to its synchronised rest.

`python -m infra.local.bench.memory PLACE` prints the peak in KiB; PLACE is the tenant's in TENANTS. Linux only.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.local.bench.stand import LARGE, SMALL, connected, stand

TENANTS = (SMALL, LARGE)
# Of this program alone. The peak in rusage is not: a child begins with that of the process that started it.
STATUS = Path("/proc/self/status")


def measured() -> dict[str, float]:
    """The peak with a large directory against that with a small one; nothing where the system does not tell."""
    if not STATUS.exists():
        return {}
    small, large = (_peak_of(place) for place in range(len(TENANTS)))
    return {"memory": large / small}


def _peak_of(place: int) -> int:
    words: Sequence[str] = (sys.executable, "-m", "infra.local.bench.memory", str(place))
    return int(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - our own words


async def _life(place: int) -> None:
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with stand(Path(folder)) as at:
            await connected(at, TENANTS[place])


if __name__ == "__main__":
    asyncio.run(_life(int(sys.argv[1])))
    (peak,) = (line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    sys.stdout.write(f"{peak}\n")
