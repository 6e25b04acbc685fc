"""Before a grant: the model runs on the tenant with us in it, and what would harm mail waits for somebody to accept it.

Our own copy of the directory is made before that, for it says whose mail is meant. In the tenant nothing is.
"""

from collections.abc import Sequence

from shared.connections import choices, preflight
from shared.connections.choices import Way
from shared.connections.preflight import Preflight
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.engine.concerns import Concern, holding_up
from shared.engine.reconcile import reconcile
from shared.engine.rows import Change, Row
from shared.flows.app import App
from shared.foundation.errors import Permanent
from shared.platforms.contract import OpenTenant

REASON = "preflight"


class InTheWay(Permanent):
    """Something would harm mail, and nothing is made before it is gone or accepted."""


async def clear(app: App, connection: Connection, tenant: OpenTenant, rows: Sequence[Row]) -> None:
    """In stage GRANT: look until nothing is in the way that nobody has accepted. Raises InTheWay while something is.

    Once passed it is not asked again in this generation: from then on our own objects are in the tenant.
    """
    if connection.stage is not Stage.GRANT or not tenant.modelled:
        return
    last = await preflight.find(app.database, connection.id)
    last = last if last is not None and last.generation == connection.generation else None
    if last is not None and last.passed_at is not None:
        return
    ours = [row for row in rows if isinstance(row, Change) and row.local]
    await reconcile(ours, tenant, connection.stage, repair=False)
    found, now = await tenant.concerns() or [], app.clock.now()
    waiting = holding_up(found, await accepted(app, connection))
    look = Preflight(
        generation=connection.generation,
        at=now,
        concerns=[one.image for one in found],
        passed_at=None if waiting else now,
    )
    async with app.database.write() as write:
        await preflight.keep(write, connection.id, look)
        if {one.key for one in found} != {one["key"] for one in (last.concerns if last else ())}:
            await chain.append(write, connection.id, connection.generation, now, _entry(found))
    if waiting:
        raise InTheWay(REASON, told(waiting))
    await tenant.note_mail_flow("before the first change")


async def accepted(app: App, connection: Connection) -> dict[str, Sequence[str]]:
    """The effects that are accepted now, by the finding's key."""
    standing = await choices.standing(app.database, connection.id, app.clock.now())
    return {key: one.effect for key, one in standing.items() if one.way is Way.ACCEPT}


def told(waiting: Sequence[Concern]) -> str:
    """The first concern that waits for an acknowledgement, what to do about it, and how many more wait."""
    first, more = waiting[0], len(waiting) - 1
    rest = f" {more} more {'thing waits' if more == 1 else 'things wait'} too." if more else ""
    return (
        f"Nothing has been created in the tenant yet. {first.told} {first.advice}{rest} When that is done, check "
        "again; or accept the finding, and setup continues."
    )


def _entry(found: Sequence[Concern]) -> Entry:
    lines = {one.key: one.told for one in found}
    note = (
        f"checked before the first change: {len(found)} settings are in the way of mail"
        if found
        else "nothing is any more"
    )
    return Entry(key=REASON, act=Act.REMARK, after=chain.written({"concerns": lines}), note=note)
