"""Moving a tenant from one customer to another: only an operator who sees all customers can say that it is right."""

import logging

from shared.connections import record
from shared.connections.events import EventKind
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows.app import App
from shared.foundation.errors import Refused

log = logging.getLogger(__name__)


async def move(app: App, connection: Connection, tenant: str, actor: str) -> None:
    """Let a connection that waits for consent take a tenant that another customer has, or had.

    Both ledgers say so; the other customer's webhooks and contacts are told. Nothing is bound by it: the tenant's
    administrator has to consent to this connection, and every open connection of the other customer has to be revoked
    and closed first.
    """
    if connection.stage is not Stage.NEW:
        raise Refused(409, "not_waiting_for_consent", "A tenant is moved to a connection that waits for consent.")
    others = await record.of_other_customers(app.database, connection, tenant)
    if not others:
        raise Refused(404, "no_such_tenant", "No other customer has, or had, a connection of a tenant with this id.")
    now = app.clock.now()
    async with app.database.write() as write:
        await record.update(write, connection.id, moved_tenant=tenant)
        await chain.order(write, connection, now, actor, f"tenant {tenant} moved here from another customer")
        for other in others:
            await chain.order(
                write, other, now, actor, f"tenant moved to another customer's connection {connection.id}"
            )
            await record.tell(write, other, EventKind.MOVED, now, actor=actor)
    moved = {"connection": connection.id, "actor": actor, "others": [other.id for other in others]}
    log.warning("tenant moved to another customer", extra=moved)
