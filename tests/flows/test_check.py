"""Between two nights: what others change in the way of mail is told within the hour, and so is its return."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from shared.connections.choices import Way
from shared.connections.due import claim_checks
from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.engine.ledger import holdings_of
from shared.flows import findings, jobs
from shared.foundation.errors import Refused
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.clock import TestClock
from tests.harness.quarantine import ask
from tests.harness.world import ORCHARD, World

IN_DOMAIN = "TMCAS Inline Incoming Domain Transport Rule"
OPERATOR = "operator@msp.example"
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


async def an_hour(world: World, connection: Connection) -> Connection:
    """An hour passes in which the timers fire."""
    for _ in range(12):
        world.clock.move(timedelta(minutes=5))
        await world.tick()
    return await world.connection(connection.id)


async def running(world: World, **more: Any) -> Connection:
    """A connection that runs and was looked at since."""
    connection = await world.connect(**more)
    await world.work()
    return connection


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of the mail flow."""
    return [one.getMessage() for one in caplog.records if one.getMessage().startswith("mail flow ")]


async def test_a_rule_that_is_switched_off_is_an_event_within_the_hour_and_so_is_its_return(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connection = await running(world)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    told = await an_hour(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    await an_hour(world, connection)
    assert events(caplog) == ["mail flow broken"]
    world.cmdlet("Enable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    assert (await an_hour(world, connection)).status is Status.OK
    assert events(caplog) == ["mail flow broken", "mail flow recovered"]


async def test_a_receiver_hears_of_each_break_and_return_also_beside_another(world: World) -> None:
    connection, _ = await harmed(world)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    await an_hour(world, connection)
    world.cmdlet("Enable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    assert (await an_hour(world, connection)).reason == "drift"
    about = sa.select(db.events.c.kind, db.events.c.content).where(db.events.c.kind.like("mail.%")).order_by("at")
    async with world.app.database.read() as read:
        heard = [(row.kind, row.content["key"], row.content["effect"][0]) for row in await read.execute(about)]
    assert [(kind, worst) for kind, key, worst in heard if not key.startswith("mail-flow/")] == [
        ("mail.broken", "unscanned"),
        ("mail.recovered", "unscanned"),
    ]
    assert heard[0][0] == "mail.broken"


async def test_a_check_that_is_on_its_way_is_not_sent_again(world: World) -> None:
    connection = await running(world)
    world.clock.move(world.app.settings.check_every)
    now, every = world.clock.now(), world.app.settings.check_every
    sent = [
        one for _ in range(2) for one in await claim_checks(world.app.database, world.app.settings.sites, now, every)
    ]
    assert sent == [connection.id]


async def harmed(world: World) -> tuple[Connection, str]:
    """A connection with a customer's rule in its way, and the key of that."""
    connection = await running(world)
    rule = {"Name": "News", "FromScope": "NotInOrganization", "PrependSubject": "[x]", "StopRuleProcessing": True}
    world.cmdlet("New-TransportRule", **rule, Priority=0)
    now = await an_hour(world, connection)
    assert now.status is Status.ATTENTION
    (one,) = [one for one in await findings.listed(world.app, now) if one.found == "running"]
    return now, one.key


async def test_an_acceptance_is_shown_until_it_ends_and_then_alarms_anew(world: World) -> None:
    connection, key = await harmed(world)
    until = world.clock.now() + timedelta(hours=3)
    said = {"findings": [key], "reason": "agreed until the move", "until": until.isoformat()}
    assert (await ask(world, connection, "POST", "/findings", said)).status == 202
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK
    (one,) = [one for one in await findings.listed(world.app, connection) if one.key == key]
    assert one.choice is not None
    assert (one.choice.reason, one.choice.until) == ("agreed until the move", until)
    assert (await an_hour(world, connection)).status is Status.OK
    world.clock.move(2 * HOUR)
    assert (await an_hour(world, connection)).reason == "drift"


async def test_an_acceptance_that_is_taken_back_alarms_anew(world: World) -> None:
    connection, key = await harmed(world)
    await findings.choose(world.app, connection, [key], way=Way.ACCEPT, reason="x", until=None, actor=OPERATOR)
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK
    (one,) = [one for one in await findings.listed(world.app, connection) if one.choice]
    assert one.choice is not None
    assert (await ask(world, connection, "DELETE", f"/findings/{one.choice.id}")).status == 204
    await world.work()
    assert (await world.connection(connection.id)).reason == "drift"
    with pytest.raises(Refused, match="has ended"):
        await findings.withdraw(world.app, connection, one.choice.id, OPERATOR)


async def test_what_comes_to_do_more_harm_than_was_accepted_is_told(world: World) -> None:
    connection, key = await harmed(world)
    await findings.choose(world.app, connection, [key], way=Way.ACCEPT, reason="x", until=None, actor=OPERATOR)
    await world.work()
    world.cmdlet("Set-TransportRule", Identity="News", DeleteMessage=True)
    assert (await an_hour(world, connection)).reason == "drift"


async def test_one_finding_is_repaired_and_another_of_a_connection_that_repairs_is_only_told(world: World) -> None:
    connection = await running(world)
    for name in (IN_DOMAIN, "TMCAS Inline Outgoing Domain Transport Rule"):
        world.cmdlet("Disable-TransportRule", Identity=name, Confirm=False)
    await an_hour(world, connection)
    keys = ["rule-incoming-domain"]
    await findings.choose(world.app, connection, keys, way=Way.REPAIR, reason="ours", until=None, actor=OPERATOR)
    await world.work()
    states = {one["Name"]: one["State"] for one in world.cmdlet("Get-TransportRule")["value"]}
    assert states[IN_DOMAIN] == "Enabled"
    assert states["TMCAS Inline Outgoing Domain Transport Rule"] == "Disabled"


async def test_what_is_not_there_or_not_ours_is_refused(world: World) -> None:
    connection, key = await harmed(world)
    for said, status in (
        ({"findings": ["mail-flow/rule/nobody"], "reason": "x"}, 404),
        ({"findings": [key], "reason": "x", "way": "repair"}, 409),
        ({"findings": [key], "reason": "x", "until": "2020-01-01T00:00:00Z"}, 400),
        ({"findings": [key], "reason": ""}, 400),
    ):
        assert (await ask(world, connection, "POST", "/findings", said)).status == status, said


async def minutes(world: World, connection: Connection) -> Connection:
    """Twenty minutes pass in which the timers fire."""
    for _ in range(4):
        world.clock.move(timedelta(minutes=5))
        await world.tick()
    return await world.connection(connection.id)


async def test_on_gmail_the_admin_log_tells_whether_to_look(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    connection = await google.connect(world, modes=["inline"])
    await an_hour(world, connection)
    await an_hour(world, connection)
    world.sims.cloud.calls.clear()
    world.clock.move(world.app.settings.check_every + timedelta(minutes=5))
    await jobs.run(world.app, Job(name="check", connection_id=connection.id))
    paths = {one.path for one in world.sims.cloud.calls if one.host == "admin"}
    assert paths == {"/admin/reports/v1/activity/users/all/applications/admin"}
    world.admin("disable-rule", ORCHARD)
    told = await minutes(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert str(told.sentence).startswith("Inbound mail to all protected people bypasses the scanner: TMCAS Content")
    drift = (await holdings_of(world.app.database, connection.id))["rule"].drift or {}
    assert (drift["effect"], drift["by"]) == (["unscanned"], "agate.alder@orchard.example")
    await jobs.run(world.app, Job(name="advance", connection_id=connection.id))  # as after each refresh
    world.admin("enable-rule", ORCHARD)
    assert (await minutes(world, connection)).status is Status.OK
    assert events(caplog) == ["mail flow broken", "mail flow recovered"]
