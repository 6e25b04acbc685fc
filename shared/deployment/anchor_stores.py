"""Where anchors lie: a file that is only appended to, or numbered objects that a bucket's retention lock keeps.

An object is written once, under the condition that there is none of its number, so that two processes never fork the
log; it is read until the first number that is not there. Both clouds take the condition as a header:
https://learn.microsoft.com/rest/api/storageservices/put-blob and
https://cloud.google.com/storage/docs/request-preconditions.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from shared.deployment.identity import Identity, ManagedIdentity, ServiceIdentity
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent
from shared.foundation.http_client import Http, Reply, unreadable
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire

AZURE, GOOGLE = "https://storage.azure.com", "https://www.googleapis.com/auth/devstorage.read_write"
AZURE_VERSION = "2023-11-03"
# Objects that are read side by side.
READS_AT_ONCE = 32


class AnchorStore(Protocol):
    """Keeps lines in their order, and changes none."""

    async def lines(self) -> list[str]:
        """All of them. Raises Temporary during an outage, Permanent `anchor_not_valid` or `our_anchors`."""
        ...

    async def append(self, number: int, line: str) -> bool:
        """Keep a line as the one after `number` others; False if another process was faster. Raises as `lines`."""
        ...


@dataclass(frozen=True)
class AnchorFile:
    """A file of one machine."""

    path: Path

    async def lines(self) -> list[str]:
        """What the file holds; nothing while it is not there."""
        return await asyncio.to_thread(self._lines)

    async def append(self, number: int, line: str) -> bool:
        """Write at the end, unless it has grown since it was read."""
        return await asyncio.to_thread(self._append, number, line)

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def _append(self, number: int, line: str) -> bool:
        if len(self._lines()) != number:
            return False
        with self.path.open("a") as anchors:
            anchors.write(line + "\n")
            anchors.flush()
            os.fsync(anchors.fileno())
        return True


@dataclass(frozen=True, kw_only=True)
class AnchorObjects:
    """The objects of one container or bucket."""

    place: str
    audience: str
    identity: Identity
    wire: Wire
    headers: Mapping[str, str]
    once: Mapping[str, str]
    """What makes a PUT refuse to replace."""
    # What was read: it is under a lock, and cannot have changed.
    known: list[str] = field(default_factory=list)

    async def lines(self) -> list[str]:
        """Those that are known, and the objects after them."""
        async with self.wire.client(self.place) as http:
            while True:
                first = len(self.known)
                replies = await asyncio.gather(
                    *(self._ask(http, "GET", first + place) for place in range(READS_AT_ONCE))
                )
                found = [_text(reply) for reply in replies]
                whole = found.index(None) if None in found else READS_AT_ONCE
                if any(one is not None for one in found[whole:]):
                    raise Permanent(
                        "anchor_not_valid", f"The anchor {first + whole} is missing, and later ones are there."
                    )
                self.known.extend(one for one in found[:whole] if one is not None)
                if whole < READS_AT_ONCE:
                    return list(self.known)

    async def append(self, number: int, line: str) -> bool:
        """Make the object of this number."""
        async with self.wire.client(self.place) as http:
            reply = await self._ask(http, "PUT", number, line)
        if reply.status in (409, 412):  # what was written before its answer was lost is our own
            return (await self.lines())[number] == line
        if reply.status not in (200, 201):
            raise _refused(reply)
        return True

    async def _ask(self, http: Http, method: str, number: int, line: str | None = None) -> Reply:
        token = await self.identity.token(self.audience)
        # Azure wants the date; Google takes no notice of it.
        date = format_datetime(self.wire.clock.now(), usegmt=True)
        headers = {"Authorization": f"Bearer {token}", "x-ms-date": date, **self.headers}
        if line is not None:
            headers |= {**self.once, "Content-Type": "application/json"}
        content = None if line is None else line.encode()
        url = f"{self.place}/{number:09d}.json"
        return await http.send(method, url, headers=headers, content=content, repeatable=True)


def chosen(settings: Settings, wire: Wire, clock: Clock) -> AnchorStore | None:
    """The store that the settings name, if they name one."""
    if settings.anchors_container is not None:
        return AnchorObjects(
            place=settings.anchors_container,
            audience=AZURE,
            identity=ManagedIdentity(wire, clock, settings.azure_identity),
            wire=wire,
            headers={"x-ms-version": AZURE_VERSION},
            once={"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"},
        )
    if settings.anchors_bucket is not None:
        return AnchorObjects(
            place=settings.anchors_bucket,
            audience=GOOGLE,
            identity=ServiceIdentity(wire, clock),
            wire=wire,
            headers={},
            once={"x-goog-if-generation-match": "0"},
        )
    return AnchorFile(settings.anchors) if settings.anchors is not None else None


def _text(reply: Reply) -> str | None:
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise _refused(reply)
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        raise unreadable(reply.service, reply.status) from None


def _refused(reply: Reply) -> Permanent:
    return Permanent(
        "our_anchors",
        f"{reply.service} refused our anchors ({reply.status}). Give this deployment's identity the right to read and "
        "create objects in the container or bucket that the settings name, and see that it is there.",
    )
