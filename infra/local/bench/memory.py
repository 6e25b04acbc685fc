"""How much memory a life takes: a process of its own for each tenant, from its consent to its synchronised rest.

`python -m infra.local.bench.memory PLATFORM USERS` prints the peak in KiB. Linux only.
"""

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from infra.local.bench.stand import HARBOUR, SMALL, connected, stand

TENANTS = {"microsoft365": SMALL, "google": HARBOUR}
FEW, MANY = 1_000, 100_000
# Of this program alone. The peak in rusage is not: a child begins with that of the process that started it.
STATUS = Path("/proc/self/status")
DOMAIN = "measured.example"


def measured() -> dict[str, float]:
    """The peak with a large directory against that with a small one; nothing where the system does not tell."""
    if not STATUS.exists():
        return {}
    return {f"memory-{name}": _peak_of(name, MANY) / _peak_of(name, FEW) for name in TENANTS}


def _peak_of(platform: str, users: int) -> int:
    words = (sys.executable, "-m", "infra.local.bench.memory", platform, str(users))
    return int(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - our own words


async def _life(platform: str, users: int) -> None:
    tenant = replace(TENANTS[platform], domain=DOMAIN, signs_in="")
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with stand(Path(folder)) as at:
            wanted = {"platform": platform, "name": "Measured", "domain": DOMAIN, "users": users}
            made = await at.order("POST", "/_sim/tenants", wanted)
            await connected(replace(at, tenants=[{"id": made["id"], "domain": DOMAIN}]), tenant)


if __name__ == "__main__":
    asyncio.run(_life(sys.argv[1], int(sys.argv[2])))
    (peak,) = (line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    sys.stdout.write(f"{peak}\n")
