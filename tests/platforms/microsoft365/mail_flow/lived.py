"""Lives a connection until it runs, and takes its tenant off the wire."""

from pathlib import Path

from infra.local.simulators import Simulators
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.ranges import ranges
from shared.platforms.microsoft365.mail_flow.service import Protection, Service, protection
from shared.protection.policies import Direction as OneWay
from shared.protection.policies import Policy
from shared.protection.targets import Targets
from tests.harness.databases import Sqlite
from tests.harness.world import TestClock, World
from tests.platforms.microsoft365.mail_flow.flow import Flow

WAYS: tuple[OneWay, ...] = ("incoming", "outgoing")


async def live(sims: Simulators, clock: TestClock, databases: Sqlite, folder: Path, people: int) -> Flow:
    """A tenant in which everybody is protected, or so many people."""
    world = await World.make(sims, clock, databases, folder)
    users = sims.microsoft.tenants[world.tenant_id()].users
    readers = sorted(key for key, one in users.items() if one["mail"] and one["userType"] == "Member")
    policies = [Policy(name="some", users=readers[:people])] if people else None
    connection = await world.connect(policies=policies)
    flow = Flow(
        tenant=sims.microsoft.tenants[world.tenant_id()].copy(), service=await _service(world, connection),
        protected={Direction(way): await _protected(world, connection, way) for way in WAYS}, now=world.clock.now(),
    )  # fmt: skip
    await world.close()
    return flow


async def _service(world: World, connection: Connection) -> Service:
    mail, brand = world.app.settings.mail, connection.brand
    site = mail.at(connection.site)
    returned, loop = await header_secrets(world.app.seal, connection)
    return Service(
        incoming_host=site.incoming_smart_host.format(connection=connection.label).lower(),
        outgoing_host=site.outgoing_smart_host.format(connection=connection.label).lower(),
        egress=ranges(map(str, site.egress)), sending_domain=site.sending_domain, return_header=brand.return_header,
        return_secret=returned, loop_header=brand.loop_header, loop_secret=loop, verdict_header=brand.verdict_header,
        junk_verdict=mail.junk_verdict,
    )  # fmt: skip


async def _protected(world: World, connection: Connection, way: OneWay) -> Protection:
    users = world.sims.microsoft.tenants[world.tenant_id()].users
    targets = Targets(world.app.database, connection.id)
    people = await targets.protected_users(way)
    domains = await targets.protected_domains(way)
    return protection(domains, [users[one]["mail"] for one in people])
