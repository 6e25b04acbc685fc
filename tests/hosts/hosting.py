"""Starts the stand-in for the Azure Functions host, for the tests that live in it or kill it."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HOST = Path(__file__).parent / "azure_host" / "host.py"
START_LIMIT = 120  # seconds; a machine may be busy


class NotHosted(Exception):
    """The host ended instead of getting ready; the message is what it printed."""


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A host that is ready: where it answers, its functions' triggers by name, and its process."""

    url: str
    functions: dict[str, dict[str, Any]]
    process: "subprocess.Popen[bytes]"
    output: Path

    def end(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end; returns its exit code, negative if a signal ended it."""
        self.process.send_signal(number)
        return self.process.wait(START_LIMIT)


def python(version: str) -> Path:
    """Where the runtime's environment for a version of Python has its interpreter."""
    return ROOT / ".parts" / f"azure-{version}" / "bin" / "python"


def missing(version: str = "3.11") -> str | None:
    """What this machine lacks to host an app, and what installs that; None if nothing."""
    if (python(version).parent.parent / "ready").exists():
        return None
    return f"Microsoft's Functions runtime is not there for Python {version} (make runtime)"


@contextmanager
def hosted(
    app: Path, clock_file: Path, environment: Mapping[str, str], *, port: int = 0, version: str = "3.11"
) -> Iterator[Hosted]:
    """Host the app in this folder until the block is left. With port 0, on a free one. Raises NotHosted."""
    with tempfile.TemporaryDirectory(prefix="host-") as folder:
        output, ready = Path(folder) / "output", Path(folder) / "ready"
        command = [python(version), HOST, "--app", app, "--port", port, "--clock", clock_file, "--ready-file", ready]
        with output.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own words
                [*map(str, command), "--leashed"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                cwd=folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        try:
            end = time.monotonic() + START_LIMIT
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise NotHosted(output.read_text())
                time.sleep(0.01)
            told = json.loads(ready.read_text())
            yield Hosted(url=told["url"], functions=told["functions"], process=process, output=output)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
