"""The numbers move with what happens, in Prometheus' own words and at a collector."""

import json
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shared.deployment.queues import Job
from shared.flows import counts
from shared.flows.jobs import run
from shared.flows.metrics import gauges
from shared.flows.timers import fire
from shared.foundation import telemetry
from shared.foundation.schedule import TIMERS
from tests.flows.webhooks.office import subscribe
from tests.foundation.test_telemetry import Collector, collector  # noqa: F401 - a fixture
from tests.harness.client import ask
from tests.harness.scripted_host import Host, Say
from tests.harness.world import World

TELL = next(timer for timer in TIMERS if timer.name == "tell")


async def scraped(world: World) -> dict[tuple[str, str], float]:
    """Every value, by name and the values of its labels."""
    found = await ask(world, "GET", "/api/metrics", token=world.sims.operator_token(role="viewer"))
    assert found.status == 200, found.body
    return {
        (sample.name.removeprefix("footprint_"), " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(found.body.decode())
        for sample in family.samples
    }


async def test_the_numbers_move_with_what_happens(world: World) -> None:
    await world.connect()
    for timer in TIMERS:
        await fire(world.app, timer)
    await world.work()
    before = await scraped(world)
    assert before["connections", "microsoft365 run ok"] == 1
    assert before["check_passes", "database"] == before["check_passes", "syncs"] == 1
    assert before["syncs_overdue", "eu"] == 0
    assert before["queue_age_seconds", ""] == 0
    world.admin("remove-application")
    world.clock.move(timedelta(days=2))
    late = await scraped(world)
    assert late["check_passes", "syncs"] == late["check_passes", "timers"] == 0
    assert late["syncs_overdue", "eu"] == 1
    assert late["oldest_sync_seconds", "eu"] >= 2 * 86400
    assert late["timer_age_seconds", "sweep"] >= 2 * 86400
    await world.tick()
    after = await scraped(world)
    assert after["attention", "consent_missing"] == 1
    assert ("connections", "microsoft365 run ok") not in after
    assert after["syncs_overdue", "eu"] == 0  # it needs a person first


async def test_a_webhook_that_takes_nothing_is_counted(world: World) -> None:
    receiver = Host()
    receiver.says(Say(status=500))
    there = await world.again(webhooks={"inside": ["127.0.0.0/8"]})
    await subscribe(there, receiver)
    await world.revoke(await world.create())
    await fire(there.app, TELL)
    assert (await scraped(world))["webhooks_failing", ""] == 1
    receiver.close()


async def test_an_account_of_one_customer_is_told_no_numbers(world: World) -> None:
    found = await ask(world, "GET", "/api/metrics", token=world.sims.operator_token(customer="contoso"))
    assert (found.status, json.loads(found.body)["code"]) == (403, "another_customer")


async def test_the_collector_is_told_the_same(world: World, collector: Collector) -> None:  # noqa: F811
    await world.connect()
    telemetry.flush()  # what was so while it was being set up
    await fire(world.app, TELL)
    named = {one["stage"] for one in collector.gauges("footprint.connections")}
    assert named == {"run"}


async def test_the_document_names_every_number(world: World) -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    told = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `footprint_")}
    assert {one.name for one in await gauges(world.app)} == told


async def test_what_jobs_count_is_added_up_over_processes(world: World) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(hours=1))
    for one in (world, await world.again()):  # each process has a minute of its own
        await run(one.app, Job(name="check", connection_id=connection.id))
    found = await scraped(world)
    assert found["jobs_total", "check done microsoft365"] == 2
    assert found["job_seconds_total", "check microsoft365"] > 0
    calls = {labels: value for (name, labels), value in found.items() if name == "calls_total"}
    assert any(labels.endswith(" 200 microsoft365") for labels in calls)
    # What a minute holds back is not lost.
    await run(world.app, Job(name="check", connection_id=connection.id))
    await counts.keep(world.app, at_once=True)
    assert not world.app.counts.here
    assert (await scraped(world))["jobs_total", "check done microsoft365"] == 3


async def test_throttling_and_tokens_that_are_not_given_are_counted(world: World) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(hours=1))
    world.fault({"path": r"/users"}, {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, times=2)
    await run(world.app, Job(name="resync", connection_id=connection.id))
    world.admin("remove-application")
    await world.pass_time(timedelta(hours=1))
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    found = await scraped(world)
    assert sum(value for (name, _), value in found.items() if name == "throttled_total") == 2
    failed = {labels: value for (name, labels), value in found.items() if name == "token_failures_total"}
    assert failed.keys() == {"consent_missing microsoft365"}
