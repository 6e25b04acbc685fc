"""What an operator does to a connection: make it, synchronise, look, grant again, revoke, attest a step."""

from pydantic import BaseModel, ConfigDict

from shared.app import App
from shared.connections import Connection
from shared.errors import Refused
from shared.handlers import grant, revoke
from shared.handlers.overview import found
from shared.lifecycle import Stage
from shared.queues import Job
from shared.web.messages import Request, Response, as_json


class Sync(BaseModel):
    """What an operator may say with a sync."""

    model_config = ConfigDict(extra="forbid")
    accept_loss: bool = False


class Revoke(BaseModel):
    """What an operator says with a revoke."""

    model_config = ConfigDict(extra="forbid")
    acknowledge_quarantine: bool = False


async def create(app: App, request: Request) -> Response:
    """Make a connection."""
    return as_json(await grant.create(app, request.model(grant.NewConnection), request.actor), 201)


async def sync(app: App, request: Request) -> Response:
    """Synchronise now."""
    connection = await found(app, request.args["id"])
    name = "sync-accepting-loss" if request.model(Sync).accept_loss else "sync-now"
    await start(app, connection, name)
    return as_json({"accepted": True}, 202)


async def reconcile(app: App, request: Request) -> Response:
    """Look at the tenant now."""
    await start(app, await found(app, request.args["id"]), "advance")
    return as_json({"accepted": True}, 202)


async def start(app: App, connection: Connection, job: str) -> None:
    """Have a job run now. Only a running connection is synchronised."""
    if job.startswith("sync") and connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection is synchronised.")
    await app.queue.send(Job(name=job, connection=connection.id), app.clock.now())


async def grant_again(app: App, request: Request) -> Response:
    """Connect again: removals stop, and a link is returned in case consent is needed anew."""
    connection = await found(app, request.args["id"])
    return as_json(await grant.connect_again(app, connection, request.actor), 202)


async def revoke_access(app: App, request: Request) -> Response:
    """Revoke access."""
    acknowledged = request.model(Revoke).acknowledge_quarantine
    await revoke.revoke(app, await found(app, request.args["id"]), request.actor, acknowledged=acknowledged)
    return as_json({"accepted": True}, 202)


async def attest(app: App, request: Request) -> Response:
    """Say that an administrator's step is done."""
    connection = await found(app, request.args["id"])
    await revoke.attest(app, connection, request.args["key"], request.actor)
    return as_json({"accepted": True}, 202)
