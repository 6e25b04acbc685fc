"""What the small app in `sample_app` lives in, for the tests of the host's stand-in."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.programs.azurite import Azurite

SAMPLE = Path(__file__).parent / "sample_app"
NEW_YEAR = "0 0 0 1 1 *"
DEADLINE_SECONDS = 20  # seconds
# Reading the certificate authorities anew for each call would cost more than the call.
CLIENT = httpx.Client(trust_env=False, timeout=DEADLINE_SECONDS)


def until(found: Callable[[], Any]) -> Any:
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not (answer := found()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return answer


@dataclass(frozen=True)
class Sample:
    """The sample app's surroundings: its storage, its clock, and what it has noted."""

    part: Azurite
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """The app's settings."""
        return {
            "AzureWebJobsStorage": self.part.connection_string,
            "SAMPLE_NOTES": str(self.folder / "notes"),
            "SAMPLE_SCHEDULE": NEW_YEAR,
        }

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What the app has seen so far."""
        file = self.folder / "notes"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def seen(self, **like: Any) -> list[dict[str, Any]]:
        """The notes that hold these values."""
        return [note for note in self.notes if like.items() <= note.items()]

    def queue(self, name: str) -> Any:
        """A client of one queue."""
        from azure.storage.queue import QueueClient

        return QueueClient.from_connection_string(self.part.connection_string, name)

    def send(self, text: str, *, raw: bool = False) -> None:
        """Put a message on the app's queue, made if it is not there."""
        from azure.core.exceptions import ResourceNotFoundError

        content = text if raw else base64.b64encode(text.encode()).decode()
        try:
            self.queue("work").send_message(content)
        except ResourceNotFoundError:
            self.queue("work").create_queue()
            self.queue("work").send_message(content)

    def waiting(self, name: str) -> int:
        """How many messages a queue holds, hidden ones too."""
        return int(self.queue(name).get_queue_properties().approximate_message_count)
