"""What an operator asks to be done now: it is noted with their name, and a job does it."""

from shared.connections import halts
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import orders
from shared.flows.app import App
from shared.foundation.errors import Refused

# Each order with what the ledger says of it.
JOBS = {
    "sync-now": "synchronise now",
    "sync-accepting-loss": "synchronise now, and accept that so much of the directory is gone",
    "advance": "look at the tenant now",
    "repair": "put right what others have changed",
}


async def start(app: App, connection: Connection, job: str, actor: str) -> None:
    """Have one of JOBS run now.

    Raises Refused: only a running connection is synchronised or repaired, and none that is halted.
    """
    if job != "advance" and connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection is synchronised or repaired.")
    if halt := await halts.of(app.database, connection):
        raise Refused(409, halts.CODE, halt.sentence)
    now = app.clock.now()
    async with app.database.write() as write:
        await chain.order(write, connection, now, actor, JOBS[job], runs=True)
        if job in orders.ORDERED:
            await orders.give(write, connection, job, now)
    await app.queue.send(Job(name=job, connection_id=connection.id), now)
