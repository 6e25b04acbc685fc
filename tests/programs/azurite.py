"""Azurite, the storage emulator: its queues, in memory, with a clock that can be moved."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.programs import HERE, PARTS, move_clock, running, set_clock

PROGRAM = PARTS / "node" / "node_modules" / "azurite" / "dist" / "src" / "queue" / "main.js"
# The emulator's own account and its published key: the same on every machine, and no secret.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, kw_only=True)
class Azurite:
    """A running emulator. `clock_file` says how many seconds its clock is ahead."""

    queue_url: str
    connection_string: str
    clock_file: Path

    def move(self, seconds: float) -> None:
        """Let that much time pass for the emulator, and for the others that read the file."""
        move_clock(self.clock_file, seconds)


def missing() -> str | None:
    """What this machine lacks for it, and what installs that; None if nothing."""
    if not shutil.which("node"):
        return "node is not there (20 or newer)"
    if not PROGRAM.exists():
        return "Azurite is not there (make parts)"
    return None if _faketime() else "faketime is not there (apt-get install faketime)"


@contextmanager
def azurite(clock_file: Path, certificate: Path | None = None) -> Iterator[Azurite]:
    """Start it at the time that the file says: seconds ahead with a sign, made if it is not there.

    With a certificate (key and chain in one PEM file) it speaks TLS, and takes Entra's tokens as well as its own key.
    """
    if not clock_file.exists():
        set_clock(clock_file, 0)
    command = [
        "node",
        "--require",
        HERE / "leash.cjs",
        PROGRAM,
        "--queueHost",
        "127.0.0.1",
        "--queuePort",
        "0",
        "--silent",
        "--inMemoryPersistence",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ]
    if certificate is not None:
        command += ["--cert", certificate, "--key", certificate, "--oauth", "basic"]
    environment = {
        "LD_PRELOAD": str(_faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(clock_file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with running(command, ready=r"successfully listens on (https?)://(\S+)", environment=environment) as ready:
        scheme, address = ready.groups()
        url = f"{scheme}://{address}/{ACCOUNT}"
        access = f"DefaultEndpointsProtocol={scheme};AccountName={ACCOUNT};AccountKey={KEY};QueueEndpoint={url};"
        yield Azurite(queue_url=url, connection_string=access, clock_file=clock_file)


def _faketime() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
