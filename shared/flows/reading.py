"""Reading a customer's mail, or a report on it, is an act: it is noted before anything is handed out."""

import logging

from shared.connections.record import Connection
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.flows.app import App

# What such entries are about, in the ledger.
KEY = "reading"

log = logging.getLogger(__name__)


async def note(app: App, connection: Connection, actor: str, what: str, *, number: int) -> None:
    """Note who is handed what, of which there is a `number`."""
    entry = Entry(key=KEY, act=Act.READ, actor=actor, note=f"{what}: {number}")
    async with app.database.write() as write:
        await chain.append(write, connection.id, connection.generation, app.clock.now(), entry)
    told(connection, actor, what, number=number)


def told(connection: Connection, actor: str, what: str, *, number: int) -> None:
    """The same in the log alone, of what is seen again with each look at a page: senders and subjects."""
    log.info("read", extra={"connection": connection.id, "actor": actor, "what": what, "number": number})
