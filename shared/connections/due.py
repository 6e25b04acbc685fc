"""Which connections have work to do: what should be true now counts, not which timer has fired."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.foundation.schedule import Site, last_due
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

# A connection to which nobody has consented is closed so long after it was made, or last renewed.
INVITATION_LIFE = timedelta(days=14)


def _sync_is_due(sites: Sequence[Site], now: datetime) -> sa.ColumnElement[bool]:
    """The connection runs, and has not been synchronised since its site's daily synchronisation was due last."""
    table = db.connections.c
    late = (
        sa.and_(table.site == str(site), sa.or_(table.synced_at.is_(None), table.synced_at < last_due(site, now)))
        for site in sites
    )
    return sa.and_(table.stage == int(Stage.RUN), sa.or_(sa.false(), *late))


async def sync_is_due(database: Database, connection: Connection, now: datetime) -> bool:
    """Whether the daily synchronisation of one connection is due."""
    due = _sync_is_due([connection.site], now)
    async with database.read() as read:
        found = await read.execute(sa.select(db.connections.c.id).where(db.connections.c.id == connection.id, due))
        return found.first() is not None


async def to_sync(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """The connections of some sites whose daily synchronisation is due."""
    async with database.read() as read:
        return list((await read.execute(sa.select(db.connections.c.id).where(_sync_is_due(sites, now)))).scalars())


async def running(database: Database) -> list[ConnectionId]:
    """The connections that run."""
    async with database.read() as read:
        return list((await read.execute(in_stages(Stage.RUN))).scalars())


async def missed(database: Database, sites: Sequence[Site], now: datetime) -> list[tuple[ConnectionId, str]]:
    """The connections of some sites that should be at work, each with its job; for the sweep, which finds what is lost.

    A connection that waits until `not_before` is left alone until then.
    """
    table = db.connections.c
    ready = sa.or_(table.not_before.is_(None), table.not_before <= now)
    moving = sa.or_(
        table.stage.in_([Stage.GRANT, Stage.REVOKE]),
        sa.and_(table.stage == Stage.NEW, table.claimed_tenant.is_not(None)),
    )
    retried = sa.and_(table.stage == Stage.RUN, table.not_before.is_not(None))
    ended = sa.and_(table.stage == Stage.NEW, table.stage_since <= now - INVITATION_LIFE)
    job = sa.case(
        (ended, "end-invitation"),
        (table.stage == Stage.CLEANUP, "clean-up"),
        (moving, "advance"),
        (sa.or_(_sync_is_due(sites, now), retried), "sync"),
    )
    here = table.site.in_([str(site) for site in sites])
    query = sa.select(table.id, job.label("job")).where(here, sa.or_(ready, ended), job.is_not(None))
    async with database.read() as read:
        return [(row.id, row.job) for row in await read.execute(query)]


def at_rest(now: datetime) -> sa.Select[ConnectionId]:
    """The ids of the connections that no run holds and that wait for no time, to be used inside another query."""
    table = db.connections.c
    waits = sa.or_(table.not_before > now, table.lease_until > now)
    return sa.select(table.id).where(sa.or_(waits.is_(None), sa.not_(waits)))


def in_stages(*stages: Stage, platform: str | None = None) -> sa.Select[ConnectionId]:
    """The ids of the connections in some stages, of one platform or of all, to be used inside another query."""
    table = db.connections.c
    query = sa.select(table.id).where(table.stage.in_([int(stage) for stage in stages]))
    return query if platform is None else query.where(table.platform == platform)
