"""A policy reports only until a time: then it acts if that was chosen, else it still reports and a person is asked."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.connections.record import Connection, Status
from shared.engine import chain
from shared.flows.timers import sweep
from shared.protection import decisions, policies, report_only
from shared.protection.policies import Policy
from shared.web.pages.policy_words import sentence
from tests.harness import client
from tests.harness import workspace as google
from tests.harness.decisions import connect, risky
from tests.harness.pages import Page, press, pressed, see
from tests.harness.quarantine import ask
from tests.harness.workspace import ADMIN
from tests.harness.world import World

DAY = timedelta(days=1)


async def put(world: World, connection: Connection, content: dict[str, Any], tag: str | None) -> tuple[int, str | None]:
    """Save a policy by the API; returns how that was answered, with the code of a refusal."""
    headers = {"if_match": tag} if tag else {"if_none_match": "*"}
    path = f"/api/connections/{connection.id}/policies/{content['name']}"
    token = world.sims.operator_token(role="admin")
    answer = await client.ask(world, "PUT", path, token=token, body=content, **headers)
    return answer.status, json.loads(answer.body).get("code")


async def tag(world: World, connection: Connection, name: str) -> str:
    return (await ask(world, connection, "GET", f"/policies/{name}")).headers["ETag"]


async def at_the_end(world: World, until: datetime) -> None:
    world.clock.move(until - world.clock.now() + timedelta(minutes=1))
    for _ in range(2):
        await sweep(world.app)
        await world.work()


async def notes(world: World, connection: Connection, name: str) -> list[tuple[str | None, str | None]]:
    """What the ledger says of a policy: who, and what."""
    entries = chain.entries(world.app.database, connection.id)
    return [(one.actor, one.note) async for one in entries if one.key == f"policy {name}"]


async def kept(world: World, connection: Connection, name: str) -> Policy:
    found = await policies.find(world.app.database, connection.id, name)
    assert found is not None
    return found


async def test_at_its_end_it_still_only_reports_and_a_person_is_asked(world: World) -> None:
    connection = await connect(world)
    await world.work()
    until = world.clock.now() + DAY
    trial = risky("trash", name="trial", report_only=True, report_only_until=until)
    assert await put(world, connection, trial.model_dump(mode="json"), None) == (201, None)
    await world.work()
    for _ in range(2):
        google.mail(world, ADMIN, sender="x@risky.example")
    await google.deliver_all(world)
    assert (await world.connection(connection.id)).status is Status.OK
    await at_the_end(world, until)
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.ATTENTION, "report_only_ended")
    assert "it would have acted on 2 messages." in str(now.sentence)
    assert await notes(world, connection, "trial") == [
        ("operator@msp.example", "policy made"),
        (None, report_only.ASKS),
    ]
    google.mail(world, ADMIN, sender="y@risky.example")
    await google.deliver_all(world)
    assert google.touched(world) == []
    async with world.app.database.read() as read:
        told = await decisions.counted(read, connection.id, until - 2 * DAY, [until + DAY])
    assert told.by_policy == [("trial", "would trash", 3)]
    # To choose something else of an end that has passed is refused; to let it act is not, and ends the question.
    late = trial.model_dump(mode="json") | {"afterwards": "act"}
    assert await put(world, connection, late, await tag(world, connection, "trial")) == (400, "until_is_past")
    acting = trial.model_dump(mode="json") | {"report_only": False, "report_only_until": None}
    assert await put(world, connection, acting, await tag(world, connection, "trial")) == (200, None)
    await world.work()
    assert (await world.connection(connection.id)).reason is None


async def test_it_acts_from_its_end_on_if_that_was_chosen_and_the_ledger_has_it(world: World) -> None:
    connection = await connect(world)
    await world.work()
    until = world.clock.now() + DAY
    trial = risky("label", name="trial", report_only=True, report_only_until=until, afterwards="act")
    assert await put(world, connection, trial.model_dump(mode="json"), None) == (201, None)
    before = google.mail(world, ADMIN, sender="x@risky.example")
    await google.deliver_all(world)
    assert google.touched(world) == []
    assert await policies.move(world.app.database, connection, "trial", -1, lambda _: None, actor="a", now=until)
    await at_the_end(world, until)
    found = await kept(world, connection, "trial")
    assert (found.report_only, found.report_only_until, found.afterwards) == (False, None, "ask")
    assert (await notes(world, connection, "trial"))[-1] == (None, report_only.ACTS)
    assert (await world.connection(connection.id)).status is Status.OK
    after = google.mail(world, ADMIN, sender="y@risky.example")
    await google.deliver_all(world)
    # What was reported stays reported.
    assert google.touched(world) == [(one, "modify") for one in after]
    assert before != after


async def test_an_end_in_the_past_is_refused(world: World) -> None:
    connection = await connect(world)
    late = risky("label", name="late", report_only=True, report_only_until=world.clock.now() - DAY)
    assert await put(world, connection, late.model_dump(mode="json"), None) == (400, "until_is_past")


async def test_the_console_sets_and_shows_an_end(world: World) -> None:
    connection = await connect(world)
    base = f"/connections/{connection.id}"
    form = {"name": "new", "whose": "everyone", "enabled": "1", "words": "x", "actions": "label", "report_only": "1"}
    until = f"{world.clock.now() + DAY:%Y-%m-%dT%H:%M}"
    await pressed(world, f"{base}/put-policy", **form, report_only_until=until, afterwards="act")
    assert (await kept(world, connection, "new")).afterwards == "act"
    page = await see(world, f"{base}/policies?name=new")
    assert page.all("input", name="report_only_until")[0]["value"].startswith(until)
    assert "then it acts" in (await see(world, f"{base}/policies")).text
    wrong = form | {"name": "other", "report_only_until": "2020-01-01T00:00"}
    assert "a time that is still to come" in Page(await press(world, f"{base}/put-policy", **wrong)).text


@pytest.mark.parametrize(
    "given",
    [
        {"report_only_until": "2030-01-01T00:00:00Z"},
        {"report_only": True, "afterwards": "act"},
        {"report_only": True, "report_only_until": "2030-01-01T00:00:00"},
    ],
)
def test_an_end_says_when_and_of_what(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"name": "x", **given})


def test_what_will_take_everyones_mail_is_asked_a_second_person_before() -> None:
    until = {"report_only": True, "report_only_until": datetime.fromisoformat("2030-01-01T00:00:00Z")}
    assert risky("trash", **until, afterwards="act").takes_everyones_mail
    assert not risky("trash", **until).takes_everyones_mail
    assert ", report only until 2030-01-01 00:00 UTC, then an operator decides" in sentence(risky("trash", **until), {})
