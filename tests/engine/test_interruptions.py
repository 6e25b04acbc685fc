"""The process may die at any instant. Every state that it can leave behind is picked up, and leads to the same end.

A reference life is lived once while each durable state is kept: how the platforms and the database are after every
call to a platform and at every commit. Then each state in turn is put back, a new process carries on from it, and
must come to where the reference came: the same objects in the tenant, the same holdings, nothing twice.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from infra.local.simulators.cloud import Saved
from shared.engine.chain import verify
from shared.engine.ledger import HoldingState, holdings_of
from shared.storage.ids import ConnectionId
from tests.harness.clock import TestClock
from tests.harness.databases import Postgresql, Sqlite, postgresql_is_here
from tests.harness.leftovers import SENDING_DOMAIN, without
from tests.harness.lives import LIVES, Life
from tests.harness.world import World

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


async def unsure_of(world: World, connection: ConnectionId) -> set[str]:
    """Elements of shared lists that are left: the process died before it knew whether its call had added them."""
    holdings = await holdings_of(world.app.database, connection)
    return {key for key, held in holdings.items() if held.state is HoldingState.UNSURE}


def less(found: tuple[str, list[tuple[str, str]]], unsure: set[str]) -> Any:
    """An outcome without these elements, which the reference knows to be its own and removes."""
    content, holdings = json.loads(found[0]), [one for one in found[1] if one[0] not in unsure]
    if unsure:
        kept = [one for one in content["connectionFilter"]["IPAllowList"] if not {one, f"ip-allow/{one}"} & unsure]
        content["connectionFilter"]["IPAllowList"] = kept
        if "spoof" in unsure:
            content["spoofItems"] = [
                one for one in content["spoofItems"] if one["SendingInfrastructure"] != SENDING_DOMAIN
            ]
    return content, holdings


def without_others(saved: Saved, others: Saved, life: Life) -> Saved:
    """A saved moment that holds the large tenants, which no such life touches, as they were at first: once for all."""

    def shared(now: dict[str, Any], at_first: dict[str, Any]) -> dict[str, Any]:
        return {key: one if one.domain == life.domain else at_first[key] for key, one in now.items()}

    microsoft, google = saved.states["microsoft365"], saved.states["google"]
    tenants = shared(microsoft.tenants, others.states["microsoft365"].tenants)
    customers = shared(google.customers, others.states["google"].customers)
    smaller = {"microsoft365": replace(microsoft, tenants=tenants), "google": replace(google, customers=customers)}
    return replace(saved, states={**saved.states, **smaller})


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
        everyone = [*cloud.states["microsoft365"].tenants.values(), *cloud.states["google"].customers.values()]
        (tenant,) = [one.snapshot() for one in everyone if one.domain == life.domain]
        if not found or (found[-1][0], found[-1][2]) != (stage, data) or tenant != last:
            found.append((stage, cloud, data))
            last = tenant
    return found


@pytest.mark.hazard(27)
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("platform", LIVES)
async def test_death_at_any_instant(
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
            now, unsure = await outcome(reborn, life, connection.id), await unsure_of(reborn, connection.id)
            assert less(now, unsure) == less(lived.ends[stage], unsure), where
            assert await verify(reborn.app.database, connection.id) is None, where
            if stage == "close":
                assert left_behind(reborn, life, lived, unsure) == [], where
        finally:
            await reborn.close()


def left_behind(world: World, life: Life, lived: Reference, unsure: set[str]) -> list[str]:
    """The parts of the tenant that are not as before; labels and labelled messages stay, as published."""
    before, after = json.loads(lived.before), json.loads(world.snapshot(life.domain))
    after = json.loads(without(world, unsure)) if unsure else after
    return [name for name in before | after if before.get(name) != after.get(name) and name != "mailboxes"]
