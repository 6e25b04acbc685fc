"""Programs of others that tests speak to: started on loopback, on free ports, and never outliving the tests."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
# Where `make parts` puts them.
PARTS = HERE.parent.parent / ".parts"
START_LIMIT = 120  # seconds; a machine may be busy


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready: str,
    environment: Mapping[str, str] | None = None,
    within: float = START_LIMIT,
) -> Iterator[re.Match[str]]:
    """Run a program until the block is left; what it printed when it was ready, as a pattern found it.

    The program must end when its standard input is closed, which happens even if the tests are killed.
    """
    with tempfile.TemporaryDirectory(prefix="part-") as folder, (Path(folder) / "output").open("w+b") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            yield _when_ready(process, Path(folder) / "output", ready, within)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _when_ready(process: "subprocess.Popen[bytes]", output: Path, pattern: str, within: float) -> re.Match[str]:
    end = time.monotonic() + within
    while (found := re.search(pattern, output.read_text())) is None:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r} did not start: {output.read_text()}")
        time.sleep(0.01)
    return found


def set_clock(file: Path, seconds: float) -> None:
    """Write how far a clock is ahead. Everybody reads the sign or lives without, but Debian's faketime wants it."""
    # Several lives may move one clock at the same time.
    new = file.with_name(f"{file.name}.{threading.get_ident()}.new")
    new.write_text(f"{seconds:+}")
    # At once: in a file that is being written anew, another process would read that no time has passed.
    new.replace(file)


def move_clock(file: Path, seconds: float) -> None:
    """Move a clock forward."""
    set_clock(file, float(file.read_text()) + seconds)
