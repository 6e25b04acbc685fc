"""The process may die at any instant. Every state that it can leave behind is picked up, and leads to the same end.

A reference life is lived once while each durable state is kept: how the platforms and the database are after every
call to a platform and at every commit. Then each state in turn is put back, a new process carries on from it, and
must come to where the reference came: the same objects in the tenant, the same holdings, nothing twice.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from infra.local.simulators.cloud import Saved
from shared.connections.record import Connection, Status
from shared.engine.chain import verify
from shared.engine.ledger import State, holdings_of
from shared.engine.rows import Stage
from shared.flows import quarantine
from shared.flows import revoke as revokes
from shared.protection import decisions, exports, mailboxes
from shared.protection.policies import EVERYONE, Policy
from shared.protection.quarantine import State as Place
from shared.protection.quarantine import state_of
from tests.harness import workspace as google
from tests.harness.databases import Postgresql, Sqlite, postgresql_is_here
from tests.harness.world import CONTOSO, ORCHARD, TestClock, World

SLICES = 4
# Each instant is died at on one kind of database, in turn.
KINDS = (Sqlite, Postgresql) if postgresql_is_here() else (Sqlite,)
# Ids that the platforms give out, and places in their logs; a repeated attempt may be given the next one.
GIVEN_OUT = {"Guid", "Identity", "id", "ExchangeObjectId", "ExternalDirectoryObjectId", "DistinguishedName", "etag"}


@dataclass
class Reference:
    """One life, with every durable state that it went through and where each stage of it came to."""

    connection: str
    states: list[tuple[str, Any, Any]] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)
    before: str = ""


Drive = Callable[[World, Connection], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Life:
    """How a connection of one platform is made, and driven through its stages, again and again if need be."""

    domain: str
    begin: Callable[[World], Awaitable[Connection]]
    before: dict[str, Callable[[World, Connection], Awaitable[None]]]
    """What happens once, before a stage is driven: somebody revokes, an administrator acts."""
    stages: dict[str, Drive]
    settled: frozenset[State]
    """In these states nothing is left that is half done."""


class Committed:
    """The database as another process would find it at any moment; read again only when something was committed."""

    def __init__(self, world: World) -> None:
        self._world, self._known = world, None
        self._engine = world.app.database.engine.sync_engine
        sa.event.listen(self._engine, "commit", self._committing)
        sa.event.listen(self._engine, "checkin", self._done)

    def now(self) -> Any:
        """All of it."""
        self._known = self._known or self._world.databases.content(self._world.folder)
        return self._known

    def _committing(self, connection: sa.Connection) -> None:
        connection.info["committing"] = True

    def _done(self, _connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        if record.info.pop("committing", False):
            self._known = None


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
    customer = world.sims.cloud.customer(ORCHARD)
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
    await quarantine.release(world.app, await world.connection(connection.id), 1, "operator@msp.example")


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
        settled=frozenset(State) - {State.CREATING, State.REMOVING},
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
            "gateway": asks_for("2 things"),
            "close": close,
        },
        settled=frozenset(State) - {State.CREATING, State.REMOVING},
    ),
}


def plain(value: Any) -> Any:
    """A snapshot without the ids that the platforms gave out."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in GIVEN_OUT}
    return [plain(item) for item in value] if isinstance(value, list) else value


async def outcome(world: World, life: Life, connection: str) -> Any:
    """What there is in the tenant and what we hold, as it compares between two lives."""
    holdings = await holdings_of(world.app.database, connection)
    assert {held.state for held in holdings.values()} <= life.settled
    content = json.loads(world.snapshot(life.domain))
    text = json.dumps(plain(content), sort_keys=True)
    for held in holdings.values():
        text = text.replace(held.identity or held.key, held.key)
    return text, sorted((h.key, str(h.state)) for h in holdings.values())


def without_others(saved: Saved, others: Saved, life: Life) -> Saved:
    """A saved moment that holds the large tenants, which no such life touches, as they were at first: once for all."""

    def shared(now: dict[str, Any], at_first: dict[str, Any]) -> dict[str, Any]:
        return {key: one if one.domain == life.domain else at_first[key] for key, one in now.items()}

    return replace(
        saved,
        tenants=shared(saved.tenants, others.tenants),
        customers=shared(saved.customers, others.customers),
    )


# Lived once in each process: what it leaves is the same, and it is looked at from many sides.
LIVED: dict[object, Reference] = {}


async def reference_life(world: World, life: Life) -> Reference:
    """Live the life and keep every state."""
    before = world.snapshot(life.domain)
    connection = await life.begin(world)
    lived = Reference(connection=connection.id, before=before)
    stage = ""

    others, committed = world.sims.cloud.save(), Committed(world)

    def keep(*_: Any) -> None:
        lived.states.append((stage, without_others(world.sims.cloud.save(), others, life), committed.now()))

    for stage, drive in life.stages.items():
        if stage in life.before:
            await life.before[stage](world, await world.connection(connection.id))
        world.sims.cloud.on_request = keep
        engine = world.app.database.engine.sync_engine
        sa.event.listen(engine, "commit", keep)
        keep()
        await drive(world, connection)
        world.sims.cloud.on_request = None
        sa.event.remove(engine, "commit", keep)
        lived.ends[stage] = await outcome(world, life, connection.id)
    return lived


def distinct(life: Life, lived: Reference) -> list[tuple[str, Any, Any]]:
    """The states that differ from the one before: a read leaves everything as it was."""
    found: list[tuple[str, Any, Any]] = []
    last: Any = None
    for stage, cloud, data in lived.states:
        everyone = [*cloud.tenants.values(), *cloud.customers.values()]
        (tenant,) = [one.snapshot() for one in everyone if one.domain == life.domain]
        if not found or (found[-1][0], found[-1][2]) != (stage, data) or tenant != last:
            found.append((stage, cloud, data))
            last = tenant
    return found


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("platform", LIVES)
async def test_hazard_27_death_at_any_instant(
    world: World, sims: Simulators, clock: TestClock, tmp_path: Path, platform: str, part: int
) -> None:
    life, which = LIVES[platform], (platform, type(world.databases))
    lived = LIVED[which] = LIVED.get(which) or await reference_life(world, life)
    states = distinct(life, lived)
    assert len(states) > 100
    folder = tmp_path / "reborn"
    folder.mkdir()
    for number, (stage, cloud, data) in enumerate(states):
        if number % SLICES != part or (number // SLICES) % len(KINDS) != KINDS.index(type(world.databases)):
            continue
        world.databases.put(folder, data)
        sims.cloud.restore(cloud)
        reborn = await World.make(sims, clock, world.databases, folder)
        try:
            connection = await reborn.connection(lived.connection)
            where = f"state {number} of {len(states)}, in {stage}"
            await life.stages[stage](reborn, connection)
            assert await outcome(reborn, life, connection.id) == lived.ends[stage], where
            assert await verify(reborn.app.database, connection.id) is None, where
            if stage == "close":
                assert left_behind(reborn, life, lived) == [], where
        finally:
            await reborn.close()


def left_behind(world: World, life: Life, lived: Reference) -> list[str]:
    """The parts of the tenant that are not as before; labels and labelled messages stay, as published."""
    before, after = json.loads(lived.before), json.loads(world.snapshot(life.domain))
    return [name for name in before | after if before.get(name) != after.get(name) and name != "mailboxes"]
