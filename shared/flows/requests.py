"""What an operator asks to be done now: it is noted with their name, and a job does it."""

from shared.connections import halts
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import expected_jobs, orders
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.protection import listings

# Each order with what the ledger says of it.
JOBS = {
    "sync-now": "sync requested",
    "resync": "full sync requested; the whole directory is read again",
    "sync-accepting-loss": "sync requested; loss of directory entries accepted",
    "advance": "check requested",
    "repair": "repair requested",
}


async def start(app: App, connection: Connection, job: str, actor: str) -> None:
    """Have one of JOBS run now.

    Raises Refused: only a running connection is synchronised or repaired, and none that is halted.
    """
    if job != "advance" and connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Sync and repair need a running connection.")
    if halt := await halts.of(app.database, connection):
        raise Refused(409, halts.CODE, halt.sentence)
    now = app.clock.now()
    async with app.database.write() as write:
        await chain.order(write, connection, now, actor, JOBS[job], runs=True)
        await expected_jobs.expect(write, connection.id, job, now)
        if job in orders.ORDERED:
            await orders.give(write, connection, job, now)
        if job == "resync":
            # A run that reads now sees that its listing was begun anew, and ends.
            await listings.begin_all(write, connection.id, now)
    await app.queue.send(Job(name=job, connection_id=connection.id), now)
