"""Every code has its entry in the runbook, and a person who meets one is led there."""

import json
from pathlib import Path

import pytest

from infra.local.printed_tables import every_code
from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.flows.jobs import run
from tests.documents.codes import named, raised
from tests.harness.client import ask
from tests.harness.world import World

TESTS = Path(__file__).parents[1]


def test_every_code_has_one_entry_and_every_entry_is_of_a_code() -> None:
    made, told = raised(), [one.name for one in every_code()]
    assert {name: places for name, places in made.items() if name not in told} == {}
    assert sorted(set(told) - made.keys()) == []
    assert len(told) == len(set(told))


def test_the_codes_are_found_where_they_are_made() -> None:
    made = raised()
    assert len(made) > 150
    # One of each way: a call, a partial, a class, a constant, a reason, a line of the log.
    ways = ("no_room", "tenant_gone", "superseded", "poisoned", "grant_doubtful", "drift", "ledger_not_as_anchored")
    assert set(ways) <= made.keys()


def test_every_code_is_met_by_a_test() -> None:
    met = named(TESTS, but=TESTS / "documents")
    assert {one.name for one in every_code()} <= met


@pytest.mark.parametrize("path", ["/api/connections/nobody", "/connections/nobody"])
async def test_a_refusal_leads_to_the_runbook(world: World, path: str) -> None:
    found = await ask(world, "GET", path, token=world.sims.operator_token())
    assert b"/runbook/no_such_connection" in found.body
    page = await ask(world, "GET", "/runbook/no_such_connection")
    assert page.status == 200
    assert b"another customer" in page.body
    assert (await ask(world, "GET", "/runbook/never_heard")).status == 404


async def test_the_runbook_tells_of_every_code_that_the_service_has(world: World) -> None:
    page = (await ask(world, "GET", "/runbook")).body.decode()
    named = {one.name for one in every_code() if f'"/runbook/{one.name}"' in page}
    assert "exchange_refused" in named
    assert "mailboxes_closed" in named
    assert {one.name for one in every_code()} - named <= {
        one.name for one in every_code() if "command line" in one.shown.where
    }


async def test_an_error_names_the_service_and_the_customer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    connection = await world.connect()
    world.fault({"host": "exchange"}, {"kind": "status", "status": 503}, times=1000)
    await run(world.app, Job(name="advance", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.WAITING, "platform_unavailable")
    assert told.sentence == "Exchange Online returned 503."
    found = await ask(world, "GET", f"/api/connections/{connection.id}/plan", token=world.sims.operator_token())
    assert json.loads(found.body)["detail"] == "Contoso: Exchange Online returned 503."
    page = await ask(world, "GET", f"/connections/{connection.id}", token=world.sims.operator_token())
    assert b"/runbook/platform_unavailable" in page.body
