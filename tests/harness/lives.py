"""The life of a connection of each platform, stage by stage, so that each stage can be driven again from anywhere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine.ledger import HoldingState
from shared.flows import quarantine
from shared.flows import revoke as revokes
from shared.protection import decisions, exports, mailboxes
from shared.protection.policies import EVERYONE, Policy
from shared.protection.quarantine import NAMED, state_of
from shared.protection.quarantine import QuarantineState as Place
from tests.harness import workspace as google
from tests.harness.world import CONTOSO, ORCHARD, World

Drive = Callable[[World, Connection], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Life:
    """How a connection of one platform is made, and driven through its stages, again and again if need be."""

    domain: str
    begin: Callable[[World], Awaitable[Connection]]
    before: dict[str, Callable[[World, Connection], Awaitable[None]]]
    """What happens once, before a stage is driven: somebody revokes, an administrator acts."""
    stages: dict[str, Drive]
    settled: frozenset[HoldingState]
    """In these states nothing is left that is half done."""


async def run_on(world: World, connection: Connection) -> None:
    """To a running connection that is synchronised and lacks nothing."""
    await world.until_true(
        connection, lambda now: now.stage is Stage.RUN and now.synced_at is not None and now.status is Status.OK
    )


async def revoke(world: World, connection: Connection) -> None:
    """To the administrator's first step. A revoke that was not answered before the death is asked for again."""
    if (await world.connection(connection.id)).stage is Stage.RUN:
        await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")


async def close(world: World, connection: Connection) -> None:
    """To the end."""
    await world.until(connection, Stage.CLOSED)


async def begin_microsoft365(world: World) -> Connection:
    """A connection that protects the domains and two users as well."""
    users = [user["id"] for user in world.graph("GET", "/users?$top=8")["value"] if user.get("mail")][:2]
    connection = await world.create(policies=[EVERYONE, Policy(name="two", users=users)])
    await world.consent(connection)
    world.admin("assign-role")
    return connection


async def remove_application(world: World, _connection: Connection) -> None:
    """The administrator removes it."""
    world.admin("remove-application")


async def begin_google(world: World) -> Connection:
    """A connection of both modes that protects three people, whose administrator has set everything up."""
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    users = [user["id"] for user in customer.users.values() if user["isMailboxSetup"] and not user["suspended"]][:3]
    risky = {"senders": ["risky.example"]}
    some = Policy(name="three", users=users, conditions=risky, actions=["label", "quarantine"])
    connection = await google.create(world, policies=[some])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    await google.route_mail(world, await world.connection(connection.id))
    return connection


async def mail_comes(world: World, connection: Connection) -> None:
    """Two risky messages come to the first of the three, and their push arrives."""
    first, *_ = await mailboxes.listed(world.app.database, connection.id)
    google.mail(world, first.address, count=2)
    for push in google.pushes(world):
        assert (await google.deliver(world, push)).status == 204


async def read_mail(world: World, connection: Connection) -> None:
    """Until both messages bear the label and lie in quarantine."""
    await world.pass_time(timedelta(minutes=20))
    await world.tick()
    await run_on(world, connection)
    assert [row["done"] for row in await decisions.listed(world.app.database, connection.id)] == [True] * 4


async def release_asked(world: World, connection: Connection) -> None:
    """An operator has one of them put back."""
    item = (await world.app.seal.box(connection.id)).name(1, about=NAMED)
    await quarantine.release(world.app, await world.connection(connection.id), item, "operator@msp.example")


async def put_back(world: World, connection: Connection) -> None:
    """Until it is where it was."""
    await world.pass_time(timedelta(minutes=20))
    await world.tick()
    assert await state_of(world.app.database, connection.id, 1) is Place.RELEASED


async def acknowledged(world: World, connection: Connection) -> None:
    """An operator revokes, knowing that the other one waits."""
    now = await world.connection(connection.id)
    await revokes.revoke(world.app, now, "operator@msp.example", acknowledged=True)


async def revoke_acknowledged(world: World, connection: Connection) -> None:
    """To the administrator's first step. A revoke that was not answered before the death is asked for again."""
    await acknowledged(world, connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    assert [part.messages for part in await exports.parts(world.app.database, connection.id)] == [1]


async def undo_routing(world: World, connection: Connection) -> None:
    """The administrator undoes the rule and, a day later, the rest: all that they are asked for."""
    world.admin("delete-rule", ORCHARD)
    await google.remove(world, "route", ORCHARD, connection)
    await revokes.attest(world.app, await world.connection(connection.id), "group", "operator@msp.example")


def asks_for(words: str) -> Drive:
    """Until the administrator is asked for something, in these words."""

    async def drive(world: World, connection: Connection) -> None:
        await world.until_true(connection, lambda now: words in str(now.sentence))

    return drive


def undone(*keys: str) -> Drive:
    """The administrator takes things away."""

    async def act(world: World, connection: Connection) -> None:
        for key in keys:
            await google.remove(world, key, ORCHARD, connection)

    return act


LIVES = {
    "microsoft365": Life(
        domain=CONTOSO,
        begin=begin_microsoft365,
        before={"revoke": World.revoke, "close": remove_application},
        stages={"grant": run_on, "revoke": revoke, "close": close},
        settled=frozenset(HoldingState) - {HoldingState.CREATING, HoldingState.REMOVING},
    ),
    "google": Life(
        domain=ORCHARD,
        begin=begin_google,
        before={
            "mail": mail_comes,
            "release": release_asked,
            "revoke": acknowledged,
            "route": undo_routing,
            "gateway": undone("gateway"),
            "close": undone("application"),
        },
        stages={
            "grant": run_on,
            "mail": read_mail,
            "release": put_back,
            "revoke": revoke_acknowledged,
            "route": asks_for("inbound gateway"),
            # Of the application and the delegation that goes with it.
            "gateway": asks_for("2 steps"),
            "close": close,
        },
        settled=frozenset(HoldingState) - {HoldingState.CREATING, HoldingState.REMOVING},
    ),
}
