"""Policies that only report until a time: what becomes of each when its time has come, once."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from shared.connections import record
from shared.connections.due import in_stages
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.foundation.schedule import Site
from shared.protection.policies import Policy, images, key, stored
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

ASKS = "report only ended at its time: it still only reports, until an operator decides"
ACTS = "report only ended at its time: it acts from now on, as was chosen"
LIVING = (Stage.GRANT, Stage.RUN)


async def connections_due(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """The connections of some sites with a policy whose end has come and was not carried out yet."""
    table = db.policies.c
    here = table.connection.in_(in_stages(*LIVING, sites=sites))
    async with database.read() as read:
        found = await read.execute(sa.select(table.connection).where(table.ends <= now, here).distinct())
        return list(found.scalars())


async def end(database: Database, connection: Connection, now: datetime) -> list[Policy]:
    """Carry out each end that has come: the policy acts from now on if that was chosen, else it goes on reporting.

    The ledger has it in the same transaction. Returns the policies as they are now.
    """
    table, ended = db.policies, []
    mine = (table.c.connection == connection.id, table.c.ends <= now)
    async with database.write() as write:
        if connection.stage not in LIVING or not await record.unchanged(write, connection):
            return []
        for content in list((await write.execute(sa.select(table.c.content).where(*mine))).scalars()):
            before = after = Policy.model_validate(content)
            if before.afterwards == "act":
                after = before.model_copy(update={"report_only": False, "report_only_until": None, "afterwards": "ask"})
            note = ASKS if after == before else ACTS
            changed = images(before, after)
            was, now_is = changed["before"] or None, changed["after"] or None
            entry = Entry(key=key(after.name), act=Act.ORDER, note=note, before=was, after=now_is)
            await chain.append(write, connection.id, connection.generation, now, entry)
            row = (table.c.connection == connection.id, table.c.name == after.name)
            await write.execute(sa.update(table).where(*row).values(content=stored(after), ends=None))
            ended.append(after)
    return ended


def asking(policies: Sequence[Policy], now: datetime) -> list[Policy]:
    """Those that go on reporting beyond their end, until a person decides."""
    return [one for one in policies if one.acts and one.report_only_until and one.report_only_until <= now]
