"""What a policy names that the tenant has not, or that stands for nobody we can know."""

from collections.abc import Sequence

import sqlalchemy as sa

from shared.protection.directory import MAX_IDS_A_STATEMENT
from shared.protection.memberships import HIDDEN, hidden_groups
from shared.protection.policies import Policy
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId


async def unknown(database: Database, connection_id: ConnectionId, policy: Policy) -> str | None:
    """The field that names something the tenant has not, or a group with hidden members, with a sentence; else None.

    What is not known yet because nothing was read so far is taken on trust.
    """
    kinds = {
        "users": (db.users.c.id, "user"),
        "groups": (db.groups.c.id, "group"),
        "domains": (db.domains.c.name, "domain"),
    }
    for kind, (column, word) in kinds.items():
        for field in (kind, f"except_{kind}"):
            named: list[str] = getattr(policy, field)
            if named and (place := await _first_unknown(database, connection_id, column, named)) is not None:
                return f"{field}.{place}: the organisation has no such {word}."
    for field in ("groups", "except_groups"):
        named = getattr(policy, field)
        hidden = {one.id for one in await hidden_groups(database, connection_id)} if named else set[str]()
        if (place := next((number for number, one in enumerate(named) if one in hidden), None)) is not None:
            return f"{field}.{place}: {HIDDEN}"
    return None


async def _first_unknown(
    database: Database, connection_id: ConnectionId, column: sa.Column[str], named: Sequence[str]
) -> int | None:
    mine = sa.select(column).where(column.table.c.connection == connection_id)
    async with database.read() as read:
        if (await read.execute(mine.limit(1))).first() is None:
            return None
        for start in range(0, len(named), MAX_IDS_A_STATEMENT):
            some = named[start : start + MAX_IDS_A_STATEMENT]
            known = set((await read.execute(mine.where(column.in_(some)))).scalars())
            place = next((start + number for number, one in enumerate(some) if one not in known), None)
            if place is not None:
                return place
    return None
