"""What an operator does to a connection: make it, synchronise, look, grant again, revoke, attest a step."""

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from shared.flows import grant, move, requests, revoke
from shared.flows import invitation as invitations
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import Accepted, Created, Nothing, Request, Strict, accepted, created
from shared.web.representations.grants import ConsentLink, MadeConnection, NewConnection, invitation, made_connection
from shared.web.saved_plans import Seen, as_planned
from shared.web.second_person import agreed


class Sync(Strict):
    """What an operator may say with a synchronisation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"accept_loss": False}]})

    accept_loss: bool = Field(default=False, description="sync although a large part of the directory is gone")
    full: bool = Field(
        default=False, description="read the whole directory again, not only what changed; heals our copy"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.accept_loss and self.full:
            raise ValueError("name one of accept_loss and full: a loss is accepted of what was read again")
        return self


class Look(Strict):
    """Options of a check of the tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"repair": True}]})

    repair: bool = Field(default=False, description="repair drift in our objects")


class Revoke(Strict):
    """What an operator says with a revoke."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acknowledge_quarantine": True}]})

    acknowledge_quarantine: bool = Field(
        default=False, description="messages in quarantine are exported first, and cannot be released afterwards"
    )


class Move(Strict):
    """The tenant that an operator of all customers moves."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": "5f0c1d9b-e7a8-4c0f-9a3b-e1f0c2d4a6b8"}]})

    tenant: str = Field(min_length=1, max_length=100, pattern=grant.LINE, description="the platform's id of it")


class Noted(TypedDict):
    """Accepted; carried out in a while."""

    accepted: Literal[True]


NOTED: Noted = {"accepted": True}


@refuses(
    "400 unknown_platform",
    "400 site_not_served",
    "400 unknown_mode",
    "400 not_dispensable",
    "400 not_possible_here",
    "400 no_scanner",
    "403 another_customer",
    "403 administrators_only",
    "409 second_person_needed",
    "502",
)
async def create(app: App, request: Request, body: NewConnection) -> Created[MadeConnection]:
    """Create a connection. Nothing changes in the tenant before its administrator has consented."""
    return created(made_connection(await make(app, request, body)))


async def make(app: App, request: Request, body: grant.NewConnection) -> grant.MadeConnection:
    """Create a connection for the caller. Raises Refused if it would be another customer's."""
    if any(policy.takes_everyones_mail for policy in body.policies):
        await agreed(app, request, "a policy that takes everyone's mail")
    return await grant.create(app, _theirs(request, body), request.actor.name)


def _theirs(request: Request, new: grant.NewConnection) -> grant.NewConnection:
    """A caller confined to one customer creates connections of that customer only."""
    mine = request.actor.customer
    if mine is None or new.customer == mine:
        return new
    if new.customer:
        raise Refused(403, "another_customer", "customer: you make connections of your own customer only.")
    return new.model_copy(update={"customer": mine})


@refuses("403 administrators_only", "409 not_running", "409 halted", "409 second_person_needed")
async def sync(app: App, request: Request, body: Sync) -> Accepted[Noted]:
    """Synchronise the directory now. To accept that much of it is gone takes the role admin."""
    if body.accept_loss:
        await agreed(app, request, requests.JOBS["sync-accepting-loss"])
    name = "sync-accepting-loss" if body.accept_loss else "resync" if body.full else "sync-now"
    await requests.start(app, request.connection, name, request.actor.name)
    return accepted(NOTED)


@refuses("409 not_running", "409 halted", "409 look_under_way")
async def reconcile(app: App, request: Request, body: Look, planned: Seen) -> Accepted[Noted]:
    """Check the tenant now, and carry out what is due."""
    await as_planned(app, request.connection, "repair" if body.repair else "now", planned)
    await requests.start(app, request.connection, "repair" if body.repair else "advance", request.actor.name)
    return accepted(NOTED)


@refuses("409 tenant_taken", "409 changed_meanwhile", "409 look_under_way")
async def grant_again(app: App, request: Request, planned: Seen) -> Accepted[ConsentLink]:
    """Connect again: removals stop. Returns a new invitation link, in case consent is needed again."""
    await as_planned(app, request.connection, "grant", planned)
    return accepted(invitation(await grant.connect_again(app, request.connection, request.actor.name)))


@refuses("409 connection_ended")
async def renew_invitation(app: App, request: Request) -> Accepted[ConsentLink]:
    """Renew the invitation: create a new link and end earlier ones."""
    connection = request.connection
    link = await invitations.renew(app, connection, request.actor.name)
    return accepted(invitation(grant.Invitation(connection_id=connection.id, consent_url=link)))


async def end_invitation(app: App, request: Request) -> Nothing:
    """End every link of the connection. A consent that was begun by one of them is not taken any more."""
    await invitations.withdraw(app, request.connection, request.actor.name)
    return Nothing(status=204)


@refuses("403 another_customer", "404 no_such_tenant", "409 not_waiting_for_consent")
async def move_tenant(app: App, request: Request, body: Move) -> Accepted[Noted]:
    """Let this connection take a tenant that another customer has, or had. For operators of all customers only.

    Both ledgers say so. The tenant's administrator has to consent here, and the other customer's connections of the
    tenant have to be closed.
    """
    if request.actor.customer is not None:
        raise Refused(403, "another_customer", "A tenant is moved by an operator who sees all customers.")
    await move.move(app, request.connection, body.tenant, request.actor.name)
    return accepted(NOTED)


@refuses("409 quarantine_not_empty", "409 changed_meanwhile", "409 look_under_way", "502")
async def revoke_access(app: App, request: Request, body: Revoke, planned: Seen) -> Accepted[Noted]:
    """Revoke access: mail routing is restored first, then everything that was created is removed, step by step."""
    await as_planned(app, request.connection, "revoke", planned)
    acknowledged = body.acknowledge_quarantine
    await revoke.revoke(app, request.connection, request.actor.name, acknowledged=acknowledged)
    return accepted(NOTED)


@refuses("404 no_such_step", "409 not_offered_now")
async def attest(app: App, request: Request) -> Accepted[Noted]:
    """Mark an administrator's step as done, to be verified where an API can see it; or accept an offered removal."""
    await revoke.attest(app, request.connection, request.args["key"], request.actor.name)
    return accepted(NOTED)
