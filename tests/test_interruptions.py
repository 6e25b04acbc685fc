"""The process may die at any instant. Every state that it can leave behind is picked up, and leads to the same end.

A reference life is lived once while each durable state is kept: how the platforms and the database are after every
call to a platform and at every commit. Then each state in turn is put back, a new process carries on from it, and
must come to where the reference came: the same objects in the tenant, the same holdings, nothing twice.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from shared.chain import verify
from shared.connections import Connection
from shared.ledger import State, holdings_of
from shared.lifecycle import Stage
from shared.policies import EVERYONE, Policy
from tests.world import TestClock, World

SLICES = 8
# Ids that the platforms give out; a repeated attempt may be given the next one.
GIVEN_OUT = {"Guid", "Identity", "id", "ExchangeObjectId", "ExternalDirectoryObjectId", "DistinguishedName"}


@dataclass
class Reference:
    """One life, with every durable state that it went through and where each stage of it came to."""

    connection: str
    states: list[tuple[str, Any, bytes]] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)
    before: str = ""


def database_file(world: World) -> Path:
    """Where the world's SQLite database is."""
    return world.folder / "footprint.db"


def committed(world: World) -> bytes:
    """The database as another process would find it now."""
    with closing(sqlite3.connect(database_file(world))) as connection:
        return connection.serialize()


async def grant(world: World, connection: Connection) -> None:
    """To a running connection that protects the domains and two users as well."""
    await world.until_true(connection, lambda now: now.stage is Stage.RUN and now.synced_at is not None)


async def revoke(world: World, connection: Connection) -> None:
    """To the administrator's step. A revoke that was not answered before the death is asked for again."""
    if (await world.connection(connection.id)).stage is Stage.RUN:
        await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")


async def close(world: World, connection: Connection) -> None:
    """To the end."""
    await world.until(connection, Stage.CLOSED)


STAGES: dict[str, Callable[[World, Connection], Awaitable[None]]] = {"grant": grant, "revoke": revoke, "close": close}


def plain(value: Any) -> Any:
    """A snapshot without the ids that the platforms gave out."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in GIVEN_OUT}
    return [plain(item) for item in value] if isinstance(value, list) else value


async def outcome(world: World, connection: str) -> Any:
    """What there is in the tenant and what we hold, as it compares between two lives."""
    holdings = await holdings_of(world.app.database, connection)
    assert not [h for h in holdings.values() if h.state in (State.CREATING, State.REMOVING)]
    content = json.loads(world.snapshot())
    text = json.dumps(plain(content), sort_keys=True)
    for held in holdings.values():
        text = text.replace(held.identity or held.key, held.key)
    return text, sorted((h.key, str(h.state)) for h in holdings.values())


async def reference_life(world: World) -> Reference:
    """Live the life and keep every state."""
    before = world.snapshot()
    users = [user["id"] for user in world.graph("GET", "/users?$top=8")["value"] if user.get("mail")][:2]
    policies = [EVERYONE, Policy(name="two", users=users)]
    connection = await world.create(policies=policies)
    await world.consent(connection)
    world.admin("assign-role")
    life = Reference(connection=connection.id, before=before)
    stage = "grant"

    def keep(*_: Any) -> None:
        bytes_now = committed(world)
        life.states.append((stage, world.sims.cloud.save(), bytes_now))

    world.sims.cloud.on_request = keep
    sa.event.listen(world.app.database.engine.sync_engine, "commit", keep)
    for stage, drive in STAGES.items():
        if stage == "revoke":
            await world.revoke(connection)
        if stage == "close":
            world.admin("remove-application")
        keep()
        await drive(world, connection)
        life.ends[stage] = await outcome(world, connection.id)
    world.sims.cloud.on_request = None
    sa.event.remove(world.app.database.engine.sync_engine, "commit", keep)
    assert world.snapshot() == before
    return life


def distinct(life: Reference) -> list[tuple[str, Any, bytes]]:
    """The states that differ from the one before: a read leaves everything as it was."""
    found: list[tuple[str, Any, bytes]] = []
    last: Any = None
    for stage, cloud, data in life.states:
        tenants = {key: tenant.snapshot() for key, tenant in cloud.tenants.items() if tenant.domain == "contoso.com"}
        if not found or (found[-1][0], found[-1][2]) != (stage, data) or tenants != last:
            found.append((stage, cloud, data))
            last = tenants
    return found


@pytest.mark.parametrize("part", range(SLICES))
async def test_hazard_27_death_at_any_instant(
    world: World, sims: Simulators, clock: TestClock, tmp_path: Path, part: int
) -> None:
    life = await reference_life(world)
    states = distinct(life)
    assert len(states) > 100
    for number, (stage, cloud, data) in enumerate(states):
        if number % SLICES != part:
            continue
        folder = tmp_path / f"state-{number}"
        folder.mkdir()
        (folder / "footprint.db").write_bytes(data)
        sims.cloud.restore(cloud)
        reborn = await World.make(sims, clock, folder)
        try:
            connection = await reborn.connection(life.connection)
            where = f"state {number} of {len(states)}, in {stage}"
            await STAGES[stage](reborn, connection)
            assert await outcome(reborn, connection.id) == life.ends[stage], where
            assert await verify(reborn.app.database, connection.id) is None, where
            if stage == "close":
                assert reborn.snapshot() == life.before, where
        finally:
            await reborn.close()
