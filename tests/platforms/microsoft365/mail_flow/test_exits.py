"""Exits with mail in flight lose none of it, send none round, and mostly end long before their ceiling."""

import statistics
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.local.simulators import Simulators
from infra.local.simulators.microsoft.exchange.mail.message import Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.platforms.microsoft365.mail_reading import service_of
from tests.harness.quarantine import ask
from tests.harness.world import TestClock, World
from tests.platforms.microsoft365.mail_flow import exits
from tests.platforms.microsoft365.mail_flow.exits import Passing
from tests.platforms.microsoft365.mail_flow.flow import Flow

# `python -m tests.mail_runs` runs 10000.
NUMBER = 150
STEP = timedelta(minutes=10)


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app."""
    return TestClock(_platforms[2])


def test_random_exits_lose_nothing_and_mostly_end_early(whole: Flow) -> None:
    found = exits.many(whole, NUMBER)
    print(found)  # noqa: T201 - how long they take is part of the result
    assert not found.lost, found.lost[:5]
    assert found.carried > NUMBER
    assert max(found.lengths) <= exits.CEILING
    assert statistics.median(found.lengths) < exits.HOUR


def test_mail_is_lost_where_exchange_takes_longer_than_is_assumed(whole: Flow) -> None:
    assert exits.many(whole, NUMBER, rules_act_for=24 * 60).lost


@pytest.mark.parametrize("seed", range(50))
async def test_an_exit_by_the_real_jobs_loses_nothing(world: World, seed: int) -> None:
    connection = await world.connect()
    routed = world.sims.microsoft.tenants[world.tenant_id()].rules
    random = Random(seed)  # noqa: S311 - a run has to be repeatable
    await world.revoke(connection)
    start, messages = world.clock.now(), []
    while not messages:
        messages = [one for one in exits.passing(random, start) if start <= one.at < one.rules_until]
    out: dict[int, Any] = {}
    came: dict[int, str] = {}
    while (now := world.clock.now()) < start + timedelta(hours=25) and len(came) < len(messages):
        for number, one in enumerate(messages):
            if number not in out and one.at <= now:
                out[number] = await went(world, connection, one, routed)
            if number in out and number not in came and one.returns <= now:
                came[number] = await returned(world, connection, one, out[number])
        held = sum(number not in came for number in out)
        last = max((min(one.returns, now) for one in messages if one.at <= now), default=start)
        await says(world, connection, held, last)
        await world.pass_time(STEP)
    assert set(came.values()) <= {"mailbox", "outside"}, (came, messages)
    await world.pass_time(timedelta(hours=1))
    assert (await world.connection(connection.id)).stage in (Stage.CLEANUP, Stage.CLOSED)


async def says(world: World, connection: Connection, in_flight: int, last: datetime) -> None:
    """The scanner says what it holds."""
    body = {"in_flight": in_flight, "last_mail_at": last.isoformat()}
    await ask(world, connection, "POST", "/in-flight", body)
    await world.work()


async def went(world: World, connection: Connection, one: Passing, rules: Any) -> Any:
    """A server that still acts on the removed rules takes a message to the scanner."""
    tenant = world.sims.microsoft.tenants[world.tenant_id()].copy()
    tenant.rules = rules
    nobody = Scanner(hosts=frozenset(), address=exits.RETURNS_FROM, headers={})
    carried = carry(tenant, one.mail, nobody, world.clock.now())
    assert carried.end == "elsewhere", (carried, one)
    return carried.mail


async def returned(world: World, connection: Connection, one: Passing, mail: Any) -> str:
    """The scanner gives it back."""
    service = service_of(world.app, connection, *await header_secrets(world.app.seal, connection))
    headers = {service.return_header: service.return_secret, service.verdict_header: "clean"}
    scanner = Scanner(hosts=service.hosts, address=exits.RETURNS_FROM, headers=headers)
    back = mail if one.mail.server is None else mail.with_header(*next(iter(headers.items())))
    carried = carry(
        world.sims.microsoft.tenants[world.tenant_id()],
        exits.replace(back, server=exits.RETURNS_FROM), scanner, world.clock.now(),
    )  # fmt: skip
    assert carried.scans == 0, (carried, one)
    assert one.mail.server is None or carried.scl == -1, (carried, one)
    return carried.end
