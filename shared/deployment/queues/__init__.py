"""Where a job is sent, to be run now or later. A message is only a hint to look: losing one loses nothing.

It is signed with a key of this deployment. What anybody else has put on the queue says no more than: look.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.foundation.errors import FootprintError
from shared.storage.ids import ConnectionId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.deployment.sealing import Seal

    MessageKey = Callable[[], Awaitable[bytes | None]]

log = logging.getLogger(__name__)

# What each queue carries: clean-up waits a day or more, and never stands behind a night's synchronisations.
JOBS, CLEAN_UP = "footprint-jobs", "footprint-clean-up"
QUEUES = (JOBS, CLEAN_UP)
# A queue's last resort: what was delivered too often without an end.
POISON = "-poison"

# Far more than a message of ours ever has, in characters.
MAX_MESSAGE_CHARS = 300
NAME, CONNECTION = re.compile(r"[a-z][a-z-]{0,39}"), re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """The name of a handler and the connection it is for. Holds no state and no secret."""

    name: str
    connection_id: ConnectionId

    @property
    def queue(self) -> str:
        """The queue that carries it."""
        return CLEAN_UP if self.name == "clean-up" else JOBS


@dataclass(frozen=True, kw_only=True)
class Message:
    """A job as a queue delivers it, and whether this deployment has sent it."""

    job: Job
    not_before: datetime
    signed: bool


class Queue(Protocol):
    """Sends a job to be run at or after a moment, at least once."""

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job. When this returns, the job will not be lost by us."""
        ...


async def message_key(seal: Seal) -> bytes | None:
    """The key that messages are signed with; None while it cannot be had, and they say no more than: look."""
    try:
        return await seal.derived("jobs")
    except FootprintError as error:
        log.warning("messages go unsigned", extra={"reason": error.code})
        return None


def encode(job: Job, not_before: datetime, key: bytes | None) -> str:
    """The job as a message, in JSON, signed with a key if there is one."""
    content = {"name": job.name, "connection": job.connection_id, "not_before": not_before.isoformat()}
    if key is not None:
        content["mac"] = _mac(content, key)
    return json.dumps(content, separators=(",", ":"))


def decode(message: str, key: bytes | None) -> Message:
    """The job of a message and the moment before which it must not run. Raises ValueError if it is not one of ours.

    A queue that cannot hold a message long enough delivers it before that moment: it is then sent again.
    The error does not repeat anything of the message.
    """
    if len(message) > MAX_MESSAGE_CHARS:
        raise ValueError("it is too long")
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    match content:
        case {"name": str(name), "connection": str(connection), "not_before": str(moment), **rest} if rest.keys() <= {
            "mac"
        }:
            if not NAME.fullmatch(name) or not CONNECTION.fullmatch(connection):
                raise ValueError("it names no job or no connection")
            given = str(rest.get("mac", "")).encode(errors="replace")
            signed = key is not None and hmac.compare_digest(given, _mac(content, key).encode())
            job = Job(name=name, connection_id=ConnectionId(connection))
            return Message(job=job, not_before=_moment(moment), signed=signed)
    raise ValueError("it has not the fields of a job")


def _mac(content: dict[str, str], key: bytes) -> str:
    fields = json.dumps([content[name] for name in ("name", "connection", "not_before")])
    return hmac.digest(key, fields.encode(), "sha256").hex()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("its time cannot be read") from None
    if moment.utcoffset() is None:
        raise ValueError("its time has no zone")
    return moment
