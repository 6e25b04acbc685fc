"""Where a job is sent, to be run now or later. A message is only a hint to look: losing one loses nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Job:
    """The name of a handler and the connection it is for. Holds no state and no secret."""

    name: str
    connection: str
    attempts: int = 0


class Queue(Protocol):
    """Sends a job to be run at or after a moment, at least once."""

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job. When this returns, the job will not be lost by us."""
        ...
