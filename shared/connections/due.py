"""Which connections have work to do: what should be true now counts, not which timer has fired."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections import halts
from shared.connections.lease import not_held
from shared.connections.record import Connection, Status, update
from shared.connections.stages import Stage
from shared.foundation.schedule import DAY, Site, last_due
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


def sync_is_due(connection: Connection, now: datetime) -> bool:
    """The same of a record, as it was read with the lease."""
    late = connection.synced_at is None or connection.synced_at < last_due(connection.site, now)
    return connection.stage is Stage.RUN and late


async def to_sync(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """The connections of some sites whose daily synchronisation is due."""
    async with database.read() as read:
        return list((await read.execute(sa.select(db.connections.c.id).where(_sync_is_due(sites, now)))).scalars())


async def running(database: Database, sites: Sequence[Site]) -> list[ConnectionId]:
    """The connections of some sites that run."""
    async with database.read() as read:
        return list((await read.execute(in_stages(Stage.RUN, sites=sites))).scalars())


async def claim_checks(
    database: Database, sites: Sequence[Site], now: datetime, every: timedelta
) -> list[ConnectionId]:
    """The running connections of some sites that are to be checked now; each is due again after `every`.

    Taken in one statement, so that what is on its way is not sent a second time.
    """
    table = db.connections
    due = sa.or_(table.c.check_at.is_(None), table.c.check_at <= now)
    here = table.c.site.in_([str(site) for site in sites])
    claim = sa.update(table).where(table.c.stage == int(Stage.RUN), here, due).values(check_at=now + every)
    async with database.write() as write:
        return list((await write.execute(claim.returning(table.c.id))).scalars())


async def looked(database: Database, connection_id: ConnectionId, again: datetime) -> None:
    """A tenant was looked at whole: its next check is due so late."""
    async with database.write() as write:
        await update(write, connection_id, check_at=again)


async def missed(database: Database, sites: Sequence[Site], now: datetime) -> list[tuple[ConnectionId, str]]:
    """The connections of some sites that should be at work, each with its job; for the sweep, which finds what is lost.

    A connection that waits until `not_before` is left alone until then, and one on which a run is at work is not lost.
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
        # Cleared once more after its close, and again until that has come to its end.
        (sa.and_(table.stage == Stage.CLOSED, table.not_before.is_not(None)), "clean-up"),
        (moving, "advance"),
        (sa.or_(_sync_is_due(sites, now), retried), "sync"),
    )
    here = table.site.in_([str(site) for site in sites])
    query = sa.select(table.id, job.label("job")).where(
        here, sa.or_(ready, ended), table.id.in_(not_held(now)), job.is_not(None)
    )
    async with database.read() as read:
        return [(row.id, row.job) for row in await read.execute(query)]


async def oldest(database: Database) -> datetime | None:
    """When the first of the connections that there are was made."""
    async with database.read() as read:
        found: datetime | None = (await read.execute(sa.select(sa.func.min(db.connections.c.created_at)))).scalar()
        return found


async def longest_wait(database: Database, now: datetime) -> datetime | None:
    """The earliest time at which a connection should have been looked at again and was not; None if all were."""
    table = db.connections.c
    free = sa.or_(table.lease_until.is_(None), table.lease_until <= now)
    waiting = (table.not_before < now, table.stage.not_in([int(Stage.NEW), int(Stage.CLOSED)]), free)
    async with database.read() as read:
        found: datetime | None = (await read.execute(sa.select(sa.func.min(table.not_before)).where(*waiting))).scalar()
        return found


async def syncs_late(database: Database, sites: Sequence[Site], now: datetime, grace: timedelta) -> dict[str, int]:
    """How many connections of each site have missed a daily synchronisation that was due longer than `grace` ago.

    Those that need a person are left out, for it is not their synchronisation that is late.
    """
    table = db.connections.c
    late = (
        _sync_is_due(sites, now - grace),
        table.status != str(Status.ATTENTION),
        table.stage_since < now - DAY - grace,
    )
    query = sa.select(table.site, sa.func.count()).where(*late).group_by(table.site)
    async with database.read() as read:
        return {str(site): int(count) for site, count in await read.execute(query)}


def at_rest(now: datetime) -> sa.Select[ConnectionId]:
    """The ids of the connections that no run holds and that wait for no time, to be used inside another query."""
    table = db.connections.c
    waits = sa.or_(table.not_before > now, table.lease_until > now)
    return sa.select(table.id).where(sa.or_(waits.is_(None), sa.not_(waits)))


def quiet(*, but_not: sa.Select[ConnectionId]) -> sa.ColumnElement[bool]:
    """Of a connection's row: it runs and is well, each of its runs ended, no halt stands, it is none of those."""
    table = db.connections.c
    well = sa.and_(table.stage == int(Stage.RUN), table.status == str(Status.OK), table.begun == 0)
    return sa.and_(well, sa.not_(halts.stands()), table.id.not_in(but_not))


def in_stages(
    *stages: Stage, platform: str | None = None, sites: Sequence[Site] | None = None
) -> sa.Select[ConnectionId]:
    """The ids of the connections in some stages, of a platform and sites or of all, to be used inside another query."""
    table = db.connections.c
    query = sa.select(table.id).where(table.stage.in_([int(stage) for stage in stages]))
    query = query if platform is None else query.where(table.platform == platform)
    return query if sites is None else query.where(table.site.in_([str(site) for site in sites]))


def at_sites(sites: Sequence[Site]) -> sa.Select[ConnectionId]:
    """The ids of the connections of some sites, to be used inside another query."""
    return sa.select(db.connections.c.id).where(db.connections.c.site.in_([str(site) for site in sites]))
