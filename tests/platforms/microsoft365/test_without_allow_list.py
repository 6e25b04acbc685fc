"""A connection that was made without entries in the IP allow list lives a whole life, and mail is none the worse."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from infra.local.simulators.microsoft.exchange.mail.message import Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from shared.connections.record import Connection, Status
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import certificate
from shared.engine.chain import entries
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from shared.platforms.microsoft365.mail_reading import service_of
from tests.harness.clock import TestClock
from tests.harness.world import World
from tests.platforms.microsoft365.mail_flow.flow import BACK_IN

RETURNS_FROM = "198.51.100.33"


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


def allowed(world: World) -> list[str]:
    """The tenant's IP allow list."""
    (policy,) = world.cmdlet("Get-HostedConnectionFilterPolicy")["value"]
    return list(policy["IPAllowList"])


async def look(world: World, connection: Connection) -> Connection:
    """One look, with what follows from it."""
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.work()
    return await world.connection(connection.id)


async def test_without_allow_entries_a_connection_lives_a_whole_life(world: World) -> None:
    before, listed = world.snapshot(), allowed(world)
    connection = await world.connect(leave_out=["ip-allow"])
    assert connection.left_out == {"ip-allow"}
    assert (connection.stage, connection.status) == (Stage.RUN, Status.OK)
    assert allowed(world) == listed
    assert not [mark for mark in await world.marks(connection) if mark.startswith("ip-allow")]
    assert await ends_in(world, connection) == ("mailbox", 1, -1)

    # The list is the customer's alone, and enhanced filtering is what mail needs instead.
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=[])
    assert (await look(world, connection)).status is Status.OK
    world.cmdlet("Set-InboundConnector", Identity=BACK_IN, EFSkipLastIP=False)
    assert (await look(world, connection)).reason == "drift"
    drift = (await holdings_of(world.app.database, connection.id))["inbound-incoming"].drift
    assert drift is not None
    assert drift["effect"] == ["returned_misjudged"]
    world.cmdlet("Set-InboundConnector", Identity=BACK_IN, EFSkipLastIP=True)
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=listed)
    assert (await look(world, connection)).status is Status.OK

    closed = await world.leave(connection)
    assert world.snapshot() == before
    assert not [one async for one in entries(world.app.database, closed.id) if one.key.startswith("ip-allow")]
    signed = await certificate.latest(world.app.database, closed)
    assert signed is not None
    assert signed["result"] == "clean"
    assert signed["promise"] is not None
    assert signed["promise"]["kept"]


async def ends_in(world: World, connection: Connection) -> tuple[str, int, int | None]:
    """Where a message from outside ends, how often it was scanned, and with which SCL."""
    service = service_of(world.app, connection, *await header_secrets(world.app.seal, connection))
    headers = {service.return_header: service.return_secret, service.verdict_header: "clean"}
    author = "ann@supplier.example.org"
    mail = Mail(author=author, recipient="coral.birch@contoso.com", envelope_sender=author, server="192.0.2.55")
    scanner = Scanner(hosts=service.hosts, address=RETURNS_FROM, headers=headers)
    carried = carry(world.sims.microsoft.tenants[world.tenant_id()], mail, scanner, world.clock.now())
    return carried.end, carried.scans, carried.scl
