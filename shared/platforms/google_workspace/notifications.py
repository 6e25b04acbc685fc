"""Gmail's notifications by Pub/Sub push: verified, noted, answered at once. Reading is a job's matter.

A push says only that there is news; it may be forged, doubled, late or lost, and none of that does harm.
"""

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
LARGEST_POSITION = 2**63 - 1


def audience(context: Context) -> str:
    """What a push's token must be meant for: the address it comes to, unless the subscription says otherwise."""
    return context.settings.google.push_audience or f"{context.settings.public_url}/api/notifications/{SOURCE}"


async def take(context: Context, platform: str, headers: Mapping[str, str], body: bytes) -> None:
    """Verify a push and note the news. Raises Refused 401 for one that Google did not send for us."""
    genuine = await is_account(
        context.issuers,
        headers.get("authorization", ""),
        context.settings.google.push_account,
        certs_url=context.settings.google.certs_url,
        audience=audience(context),
    )
    if not genuine:
        raise Refused(401, "not_signed", "This notification is not signed by the account that sends ours.")
    news = _news(body)
    if news is None:
        # Not acknowledged, so that it stays with the subscription, where somebody can find it.
        log.warning("a notification could not be read")
        raise Refused(400, "not_valid", "body: it names no mailbox and position as Gmail's notifications do.")
    address, position = news
    for connection in await mailboxes.notice(context.database, platform, address, position):
        await context.queue.send(Job(name="scan", connection_id=connection), context.clock.now())


def _news(body: bytes) -> tuple[str, int] | None:
    """The mailbox's address and the position in a push, whose data is base64 of either alphabet."""
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
    return (address, number) if 0 <= number <= LARGEST_POSITION and "\0" not in address else None
