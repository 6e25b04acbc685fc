"""A repair is judged by the model before it is sent, and what a harm hides is not taken for sound."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.flows.plans import planned
from tests.harness.clock import TestClock
from tests.harness.world import World
from tests.platforms.microsoft365.mail_flow.flow import IN_DOMAIN


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


async def look(world: World, connection: Connection) -> Connection:
    """One look, with what follows from it."""
    await run(world.app, Job(name="advance", connection_id=connection.id))
    await world.work()
    return await world.connection(connection.id)


def blocked(world: World, connection: Connection, act: str) -> None:
    """The customer blocks addresses from which we return mail, or takes them out."""
    addresses = [str(one) for one in world.app.settings.mail.at(connection.site).egress]
    change = {"@odata.type": "#Exchange.GenericHashTable", act: addresses}
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPBlockList=change)


def state(world: World) -> str:
    """Of our rule for what comes in."""
    rules = world.cmdlet("Get-TransportRule")["value"]
    return str(next(one["State"] for one in rules if one["Name"] == IN_DOMAIN))


async def test_a_repair_that_would_lose_mail_is_not_sent_and_says_why(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await look(world, connection)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    blocked(world, connection, "Add")
    told = await look(world, connection)
    assert (told.status, told.reason, state(world)) == (Status.ATTENTION, "drift", "Disabled")
    (step,) = [one for one in (await planned(world.app, told, "repair")).lines if one.key == "rule-incoming-domain"]
    assert "Not repaired, because then incoming mail is refused, held or delayed" in step.why
    blocked(world, connection, "Remove")
    assert (await look(world, connection)).status is Status.OK
    assert state(world) == "Enabled"


async def test_what_a_harm_hides_is_told_when_that_is_gone(world: World) -> None:
    connection = await world.connect()
    await look(world, connection)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    blocked(world, connection, "Add")
    await look(world, connection)
    world.cmdlet("Enable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    told = await look(world, connection)
    assert told.status is Status.ATTENTION
    assert "refused" in str(told.sentence)
