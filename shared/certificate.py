"""The exit record: what was made, what went, what was the customer's before us, and what is left or not checked.

It is drawn up from the ledger and from one last complete look at the tenant, and signed.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from shared import database as db
from shared import ledger as ledgers
from shared.connections import Connection
from shared.database import Database
from shared.errors import FootprintError
from shared.ledger import Ledger, State
from shared.lifecycle import ByAdministrator, Change, Present, Row, Stage
from shared.plan import Item, Tenant
from shared.seal import Seal


async def residue(rows: Sequence[Row], tenant: Tenant) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What of ours is still there, and what could not be looked at, by looking at every object once more."""
    tenant.look_again()
    left: list[dict[str, Any]] = []
    unknown: list[dict[str, Any]] = []
    for item in known(rows, tenant.ledger):
        held = tenant.ledger.holdings[item.key]
        if not isinstance(item.row, Change) or held.state is State.BORROWED or held.identity is None:
            continue
        entry = {"key": item.key, "title": item.row.title, "identity": held.identity}
        try:
            observed = await item.row.resource.observe(tenant, item.element, held.identity)
        except FootprintError as error:
            unknown.append(entry | {"why": error.sentence})
            continue
        if isinstance(observed, Present):
            left.append(entry | {"why": "still there"})
    return left, unknown


def known(rows: Sequence[Row], ledger: Ledger) -> list[Item]:
    """Every object that the ledger knows, with its row."""
    by_key = {row.key: row for row in rows if isinstance(row, Change | ByAdministrator)}
    found = []
    for key in ledger.holdings:
        head, _, element = key.partition("/")
        if head in by_key:
            found.append(Item(row=by_key[head], element=element))
    return found


async def draw_up(
    database: Database, connection: Connection, rows: Sequence[Row], *, now: Any, client_id: str, result: str,
    left: Sequence[dict[str, Any]], unknown: Sequence[dict[str, Any]], administrator_done: bool,
) -> dict[str, Any]:  # fmt: skip
    """The certificate's content, kept in the database for this generation of the connection."""
    holdings = await ledgers.holdings_of(database, connection.id)
    history = [entry async for entry in ledgers.entries(database, connection.id)]
    titles = {row.key: row for row in rows}

    def when(key: str, acts: tuple[str, ...]) -> str | None:
        times = [e["at"] for e in history if e["key"] == key and e["act"] in acts and e["state"] in ("done", "noted")]
        return times[-1] if times else None

    content = {
        "connection": connection.id, "name": connection.name, "platform": connection.platform,
        "tenant": connection.tenant, "site": str(connection.site), "generation": connection.generation,
        "result": result, "drawn_up_at": now.isoformat(),
        "changes": [
            {
                "key": key, "title": titles[key.partition("/")[0]].title, "identity": held.identity,
                "state": str(held.state), "made_at": when(key, ("create", "adopt")),
                "removed_at": when(key, ("remove", "forget")) if held.state is State.GONE else None,
            }
            for key, held in sorted(holdings.items())
        ],
        "yours_before_us": [
            e["key"] for e in history if e["act"] == "borrow"
        ],
        "cannot_be_undone": sorted({e["note"] for e in history if e["act"] == "remark"}),
        "residue": list(left),
        "could_not_check": list(unknown),
        "by_administrator": [
            {"key": row.key, "title": row.title, "done": administrator_done,
             "instruction": row.instruction.format(client_id=client_id)}
            for row in rows if isinstance(row, ByAdministrator)
        ],
        "ledger": {"entries": len(history), "head": history[-1]["hash"] if history else ledgers.GENESIS},
    }  # fmt: skip
    table = db.certificates
    mine = sa.and_(table.c.connection == connection.id, table.c.generation == connection.generation)
    async with database.write() as write:
        await write.execute(sa.delete(table).where(mine))
        await write.execute(
            sa.insert(table).values(
                connection=connection.id, generation=connection.generation, made_at=now, content=content
            )
        )
    return content


async def latest(database: Database, connection: Connection) -> dict[str, Any] | None:
    """The certificate of the connection's present generation, or None."""
    table = db.certificates
    query = sa.select(table.c.content).where(
        table.c.connection == connection.id, table.c.generation == connection.generation
    )
    async with database.read() as read:
        found: dict[str, Any] | None = (await read.execute(query)).scalar()
        return found


def signed(seal: Seal, content: dict[str, Any]) -> dict[str, Any]:
    """The content with a signature that anyone can check with the public key beside it."""
    return {"certificate": content, "signature": seal.sign(content), "public_key": seal.public_key()}


def title_of(stage: Stage) -> str:
    """A stage as people read it."""
    names = {
        Stage.NEW: "Waiting for consent",
        Stage.GRANT: "Granting access",
        Stage.RUN: "Service running",
        Stage.REVOKE: "Revoking access",
        Stage.CLEANUP: "Clean-up",
        Stage.CLOSED: "Closed",
    }
    return names[stage]
