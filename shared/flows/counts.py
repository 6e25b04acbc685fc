"""What jobs count, added up over all processes of a deployment: each adds what it has counted once a minute.

A process that ends without being told loses what it has counted since.
"""

import json
from datetime import timedelta

import sqlalchemy as sa

from shared.flows.app import App
from shared.foundation.telemetry import Labels
from shared.storage import tables as db
from shared.storage.database import Database, upsert

KEPT_EVERY = timedelta(minutes=1)
# By name: what is counted. Each is labelled with the platform, which is empty where it is about none.
TOTALS = {
    "jobs": "jobs that ended, by platform, name and outcome",
    "job_seconds": "seconds that jobs took, by platform and name",
    "calls": "requests that jobs sent, by platform, host and status",
    "call_seconds": "seconds that these requests took, by platform and host",
    "throttled": "requests of jobs that were rejected because there were too many, by platform and host",
    "token_failures": "access tokens that were asked for and not given, by platform and the code of the failure",
    "messages_inspected": "messages that policies were asked about, by platform",
    "messages_acted_on": "messages on which an action was carried out, by platform and action",
}


async def keep(app: App, *, at_once: bool = False) -> None:
    """Add what this process has counted to the totals, once in a minute at most unless `at_once`."""
    now, counts = app.clock.now(), app.counts
    if not counts.here or not (at_once or counts.kept_at is None or abs(now - counts.kept_at) >= KEPT_EVERY):
        return
    # Taken before anything is waited for: a run beside this one would add the same.
    found, counts.kept_at = dict(counts.here), now
    counts.here.clear()
    # In one order, so that no two processes wait for each other's rows.
    rows = sorted((name, json.dumps(dict(labels)), value) for (name, labels), value in found.items())
    table = db.totals
    async with app.database.write() as write:
        adding = upsert(write, table, added=("value",))
        await write.execute(adding.values([dict(zip(table.columns.keys(), row, strict=True)) for row in rows]))


async def totals(database: Database) -> dict[str, dict[Labels, float]]:
    """What was counted since the deployment began, by name and labels; each of TOTALS is there."""
    found: dict[str, dict[Labels, float]] = {name: {} for name in TOTALS}
    async with database.read() as read:
        for row in await read.execute(sa.select(db.totals)):
            if row.name in found:
                found[row.name][tuple(json.loads(row.labels).items())] = row.value
    return found
