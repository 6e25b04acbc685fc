"""What the scanning service reports by itself: marked messages that it saw, and what it has in flight.

It signs as Standard Webhooks do (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature`, an
HMAC-SHA256 of id, time and body under the scanner's secret. A report that comes twice, under one id, counts once.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, insert_new
from shared.storage.ids import ConnectionId

# Clocks differ; what is older may be somebody's who has listened.
TOLERANCE = timedelta(minutes=5)
MAX_ID_CHARS = 200
ID = "webhook-id"
SCANNER = "the scanner"


class Event(StrEnum):
    """What the scanner reports of a message."""

    SEEN = "seen"
    """It came to the scanner."""
    RETURNED = "returned"
    """The scanner gave it back, and the platform took it."""


def verify(app: App, headers: Mapping[str, str], body: bytes) -> None:
    """Raises Refused 401 unless the scanner has signed a report just now. `headers` are in small letters."""
    id_, moment = headers.get(ID, ""), headers.get("webhook-timestamp", "")
    secret, now = app.settings.scanner.secret, app.clock.now().timestamp()
    fresh = moment.isascii() and moment.isdigit() and abs(now - int(moment[:12])) <= TOLERANCE.total_seconds()
    if secret is not None and fresh and 0 < len(id_) <= MAX_ID_CHARS:
        wanted = signature(secret.get_secret_value(), id_, moment, body).encode()
        given = headers.get("webhook-signature", "").split(" ")
        if any(hmac.compare_digest(one.encode(), wanted) for one in given):
            return
    raise Refused(401, "not_the_scanner", "This is not signed with the scanner's secret, or not just now.")


def signature(secret: str, id_: str, moment: str, body: bytes) -> str:
    """What a report bears as `webhook-signature`; the key is the secret's own bytes."""
    content = f"{id_}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()


async def report(app: App, id_: str, mark: str, event: Event) -> None:
    """Note what the scanner reports of a message. Raises Refused 404 if no message of ours bears the mark."""
    table = db.marked_messages
    async with app.database.write() as write:
        found = sa.select(table.c.connection).where(table.c.mark == mark)
        if (connection := (await write.execute(found)).scalar_one_or_none()) is None:
            raise Refused(404, "no_such_mark", "No message of ours bears this mark.")
        await is_new(write, id_, connection, app.clock.now(), mark=mark, event=str(event))


async def is_new(
    write: AsyncConnection, id_: str, connection_id: ConnectionId, now: datetime, *, mark: str = "", event: str
) -> bool:
    """Note a report of a connection, inside the caller's transaction; False if it came before, under its id."""
    row = {"id": id_, "connection": connection_id, "mark": mark, "event": event, "at": now}
    return bool((await write.execute(insert_new(write, db.sightings).values(row))).rowcount)
