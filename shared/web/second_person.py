"""What cannot be undone by the next click: it takes the role admin and, if a setting says so, a second person.

The second person sends the same request within an hour of the first. Both stand in the ledger.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections import search
from shared.connections.search import of_customers
from shared.engine import chain
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, upsert
from shared.storage.ids import ConnectionId
from shared.web.actors import administrators_only
from shared.web.http import Request

APPROVED_WITHIN = timedelta(hours=1)

log = logging.getLogger(__name__)


async def agreed(app: App, request: Request, what: str) -> None:
    """Go on with an administrator's request, or note it until another one sends it too.

    Raises Refused 403 `administrators_only` or 409 `second_person_needed`.
    """
    actor, table, now = request.actor, db.approvals, app.clock.now()
    if not actor.administers:
        raise administrators_only()
    if not app.settings.operators.second_person:
        return
    if actor.is_break_glass:  # who has its secret may be either of the two
        raise Refused(
            409,
            "second_person_needed",
            "This takes two administrators whom the issuer knows. The break-glass account is neither of them.",
        )
    number = _number(request)
    async with app.database.write() as write:
        first = (
            await write.execute(sa.select(table).where(table.c.id == number, table.c.at > now - APPROVED_WITHIN))
        ).first()
        await write.execute(sa.delete(table).where(table.c.at <= now - APPROVED_WITHIN))
        if first is None:
            connection = request.found.id if request.found else None
            row = {"id": number, "connection": connection, "subject": actor.subject, "name": actor.name, "at": now}
            await write.execute(upsert(write, table).values(row))
            await _note(app, write, request, f"asked for, needs a second administrator: {what}")
        elif first.subject != actor.subject:
            await write.execute(sa.delete(table).where(table.c.id == number))
            await _note(app, write, request, f"approved, asked for by {first.name}: {what}")
    if first is None or first.subject == actor.subject:
        raise Refused(
            409,
            "second_person_needed",
            "Noted. Another administrator has to send the same request within an hour of the first.",
        )


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """A request that waits for a second administrator; `connection` is None for one about the deployment."""

    connection: ConnectionId | None
    title: str
    name: str
    until: datetime


async def awaited(app: App, customer: str | None) -> list[Awaited]:
    """The requests that another administrator may still send too, about a customer's connections; None: about all."""
    table, now = db.approvals.c, app.clock.now()
    query = sa.select(db.approvals).where(table.at > now - APPROVED_WITHIN, *of_customers(table.connection, customer))
    async with app.database.read() as read:
        rows = (await read.execute(query.order_by(table.at))).all()
    names = await search.names(app.database, [row.connection for row in rows if row.connection])
    return [
        Awaited(
            connection=row.connection,
            title=names.get(row.connection, "The deployment"),
            name=row.name,
            until=row.at + APPROVED_WITHIN,
        )
        for row in rows
    ]


async def _note(app: App, write: AsyncConnection, request: Request, note: str) -> None:
    log.warning(note, extra={"actor": request.actor.name, "subject": request.actor.subject, "path": request.path})
    if request.found is not None:
        await chain.order(write, request.found, app.clock.now(), request.actor.name, note)


def _number(request: Request) -> str:
    """The request's own words: what another one has to ask for too."""
    try:
        body = json.dumps(json.loads(request.body or b"{}"), sort_keys=True)
    except (ValueError, RecursionError):  # a form, or what its route will refuse
        body = request.body.decode("latin-1")
    # What is about no connection of the path reaches as far as the account does: another one's is another request.
    reach = request.found.id if request.found else request.actor.customer
    words = [request.method, request.path, reach, sorted(request.query.items()), body]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()
