"""What an operator does to a connection: make it, synchronise, look, grant again, revoke, attest a step."""

from typing import Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows import grant, revoke
from shared.flows import requests as orders
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import Accepted, Created, Request, Strict, accepted, created
from shared.web.representations.grants import ConsentLink, MadeConnection, NewConnection, invitation, made_connection


class Sync(Strict):
    """What an operator may say with a synchronisation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"accept_loss": False}]})

    accept_loss: bool = Field(default=False, description="somebody has looked: the directory really has shrunk so much")


class Look(Strict):
    """What an operator may say with a look at the tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"repair": True}]})

    repair: bool = Field(default=False, description="put right what others have changed in our objects")


class Revoke(Strict):
    """What an operator says with a revoke."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acknowledge_quarantine": True}]})

    acknowledge_quarantine: bool = Field(
        default=False, description="messages that wait in quarantine are exported, and cannot be put back afterwards"
    )


class Noted(TypedDict):
    """It is noted, and done in a while."""

    accepted: Literal[True]


NOTED: Noted = {"accepted": True}


@refuses(
    "400 unknown_platform",
    "400 tenant_needed",
    "400 site_not_served",
    "400 unknown_mode",
    "400 not_possible_here",
    "400 no_scanner",
    "400 action_not_possible",
    "403 another_customer",
    "502",
)
async def create(app: App, request: Request, body: NewConnection) -> Created[MadeConnection]:
    """Create a connection. Nothing changes in the tenant before its administrator has consented."""
    return created(made_connection(await make(app, request, body)))


async def make(app: App, request: Request, body: grant.NewConnection) -> grant.MadeConnection:
    """Create a connection for the caller. Raises Refused if it would be another customer's, or might become so."""
    if request.actor.customer is not None and body.tenant is None and not _proves_who(app, body.platform):
        raise Refused(
            400,
            "tenant_needed",
            "tenant: name it. On this platform a consent does not show who gave it, so another "
            "customer's could be taken for it.",
        )
    return await grant.create(app, _theirs(request, body), request.actor.name)


def _proves_who(app: App, platform: str) -> bool:
    return platform not in app.platforms or app.platforms[platform].proves_who


def _theirs(request: Request, new: grant.NewConnection) -> grant.NewConnection:
    """A caller confined to one customer creates connections of that customer only."""
    mine = request.actor.customer
    if mine is None or new.customer == mine:
        return new
    if new.customer:
        raise Refused(403, "another_customer", "customer: you make connections of your own customer only.")
    return new.model_copy(update={"customer": mine})


@refuses("409 not_running")
async def sync(app: App, request: Request, body: Sync) -> Accepted[Noted]:
    """Synchronise the directory now."""
    name = "sync-accepting-loss" if body.accept_loss else "sync-now"
    await orders.start(app, request.connection, name, request.actor.name)
    return accepted(NOTED)


@refuses("409 not_running")
async def reconcile(app: App, request: Request, body: Look) -> Accepted[Noted]:
    """Check the tenant now, and carry out what is due."""
    await orders.start(app, request.connection, "repair" if body.repair else "advance", request.actor.name)
    return accepted(NOTED)


@refuses("409 tenant_taken", "409 changed_meanwhile")
async def grant_again(app: App, request: Request) -> Accepted[ConsentLink]:
    """Connect again: removals stop. Returns a new invitation link, in case consent is needed again."""
    return accepted(invitation(await grant.connect_again(app, request.connection, request.actor.name)))


@refuses("409 quarantine_not_empty", "409 changed_meanwhile", "502")
async def revoke_access(app: App, request: Request, body: Revoke) -> Accepted[Noted]:
    """Revoke access: mail routing is restored first, then everything that was created is removed, step by step."""
    acknowledged = body.acknowledge_quarantine
    await revoke.revoke(app, request.connection, request.actor.name, acknowledged=acknowledged)
    return accepted(NOTED)


@refuses("404 no_such_step", "409 not_offered_now")
async def attest(app: App, request: Request) -> Accepted[Noted]:
    """Mark an administrator's step as done, to be verified where an API can see it; or accept an offered removal."""
    await revoke.attest(app, request.connection, request.args["key"], request.actor.name)
    return accepted(NOTED)
