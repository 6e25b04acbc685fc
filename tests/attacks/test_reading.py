"""Reading mail is an act: who fetched what, and how much of it, is in the ledger and in the log."""

import logging
from datetime import timedelta

import pytest

from shared.engine import chain
from shared.engine.chain import Act
from tests.harness import client as asking
from tests.harness.quarantine import ask, connect, taken
from tests.harness.world import World


async def test_an_export_that_is_fetched_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    connection = await connect(world)
    await taken(world, 3)
    assert (await ask(world, connection, "POST", "/quarantine/export", {})).status == 202
    await world.work()
    caplog.clear()
    anna = world.sims.operator_token("anna", "admin")
    path = f"/api/connections/{connection.id}/quarantine"
    assert (await asking.ask(world, "GET", f"{path}/export", token=anna)).status == 200
    (entry,) = [one async for one in chain.entries(world.app.database, connection.id) if one.act is Act.READ]
    assert (entry.actor, entry.note) == ("anna", "messages of part 1 of 1 of the export: 3")
    assert str(entry.subject).startswith(world.sims.issuer.name)
    assert (await asking.ask(world, "GET", path, token=anna)).status == 200
    told = [vars(one) for one in caplog.records if one.getMessage() == "read"]
    assert [(one["actor"], one["number"]) for one in told] == [("anna", 3), ("anna", 3)]
    # What cannot be had was not read.
    assert (await asking.ask(world, "GET", f"{path}/export?part=2", token=anna)).status == 404
    assert len([one async for one in chain.entries(world.app.database, connection.id) if one.act is Act.READ]) == 1


@pytest.mark.parametrize("form", ["", "/html", "/csv"])
async def test_a_report_that_is_fetched_is_told(world: World, form: str) -> None:
    connection = await world.connect()
    anna = world.sims.operator_token("anna", "operator")
    path = f"/api/connections/{connection.id}/reports"
    settings = await asking.ask(world, "GET", f"{path}/settings", token=anna)
    wanted = {"kinds": ["daily"], "recipients": []}
    tag = settings.headers["ETag"]
    assert (await asking.ask(world, "PUT", f"{path}/settings", token=anna, body=wanted, if_match=tag)).status == 200
    for _ in range(3):
        world.clock.move(timedelta(days=1))
        await world.tick()
    listed = await asking.ask(world, "GET", path, token=world.sims.operator_token("anna"))
    name = listed.body.decode().partition('"name": "')[2].partition('"')[0]
    read = await asking.ask(world, "GET", f"{path}/{name}{form}", token=world.sims.operator_token("anna"))
    assert read.status == 200
    noted = [one.note async for one in chain.entries(world.app.database, connection.id) if one.act is Act.READ]
    assert noted == [f"report {name} as {form.strip('/').upper() or 'JSON'}: 1"]
