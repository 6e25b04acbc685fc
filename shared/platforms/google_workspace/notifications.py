"""Gmail's notifications by Pub/Sub push: verified, noted, answered at once. Reading is a job's matter.

A push says only that there is news; it may be forged, doubled, late or lost, and none of that does harm.
"""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Mapping
from typing import Any

from shared.deployment.context import Context
from shared.deployment.identity import is_account
from shared.deployment.queues import Job
from shared.foundation.errors import Refused
from shared.protection import mailboxes

log = logging.getLogger(__name__)

SOURCE = "gmail"
# A historyId is an unsigned number of 64 bits that the database keeps as a signed one.
# https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages
MAX_POSITION = 2**63 - 1


def audience(context: Context) -> str:
    """What a push's token must be meant for: the address it comes to, unless the subscription says otherwise."""
    return context.settings.google.push_audience or f"{context.settings.public_url}/api/notifications/{SOURCE}"


class Notifications:
    """Takes pushes. Those that come while others are being written down are written together, in one statement."""

    def __init__(self, context: Context, platform: str) -> None:
        self._context, self._platform = context, platform
        self._coming: dict[str, int] = {}
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify a push and note the news. Raises Refused 401 for one that Google did not send for us."""
        settings = self._context.settings.google
        genuine = await is_account(
            self._context.issuers,
            headers.get("authorization", ""),
            settings.push_account,
            certs_url=settings.certs_url,
            audience=audience(self._context),
        )
        if not genuine:
            raise Refused(401, "not_signed", "This notification is not signed by the account that sends ours.")
        news = _news(body)
        if news is None:
            # Not acknowledged, so that it stays with the subscription, where somebody can find it.
            log.warning("a notification could not be read")
            raise Refused(400, "not_valid", "body: names no mailbox and position, unlike Gmail's notifications.")
        address, position = news
        self._coming[address] = max(position, self._coming.get(address, 0))
        if self._next is None:
            self._next = asyncio.create_task(self._note())
        # Shielded: a push whose sender has hung up does not take those of others with it.
        await asyncio.shield(self._next)

    async def _note(self) -> None:
        async with self._turn:
            news, self._coming, self._next = self._coming, {}, None
            for connection in await mailboxes.notice(self._context.database, self._platform, news):
                await self._context.queue.send(Job(name="scan", connection_id=connection), self._context.clock.now())


def _news(body: bytes) -> tuple[str, int] | None:
    """The mailbox's address, in lower case, and the position in a push, whose data is base64 of either alphabet."""
    try:
        data: Any = json.loads(body)["message"]["data"]
        padded = str(data).replace("-", "+").replace("_", "/") + "=" * (-len(str(data)) % 4)
        content = json.loads(base64.b64decode(padded, validate=True))
        address, position = content["emailAddress"], content["historyId"]
        # Google writes the number as a number or as a string.
        if not isinstance(address, str) or isinstance(position, bool) or not isinstance(position, int | str):
            return None
        number = int(position)
        address.encode()  # half a surrogate pair is no text
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return None
    return (address.lower(), number) if 0 <= number <= MAX_POSITION and "\0" not in address else None
