"""A policy is tried on a message: what it would do, why, where, and by what comparison; nothing is done or kept."""

import json
from typing import Any

import pytest

from shared.protection import decisions
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.decisions import connect, risky
from tests.harness.mail import mail, page
from tests.harness.pages import Page, press
from tests.harness.world import World

MESSAGE = page('<p>The secret overdue invoice, <a href="https://evil.example/secret">good.example</a></p>')
CONDITIONS = {"words": ["overdue invoice"], "misleading_links": True}


async def tried(world: World, path: str, content: bytes, kind: str = "message/rfc822", role: str = "viewer") -> Any:
    token = world.sims.operator_token(role=role)
    return await ask(world, "POST", path, token=token, content=content, content_type=kind)


async def test_the_api_says_what_a_policy_would_do_and_does_nothing(world: World) -> None:
    connection = await connect(world, risky("quarantine", conditions=CONDITIONS, enabled=False))
    path = f"/api/connections/{connection.id}/policies/risky/try"
    found = json.loads((await tried(world, path, MESSAGE)).body)
    assert found["meant"]
    assert found["actions"] == ["quarantine"]
    assert [(one["kind"], one["where"], one["compared"]) for one in found["findings"]] == [
        ("misleading_links", "part 1 (text/html)", "the host that is shown, good.example, with the host evil.example"),
        ("words", "subject or text", "the words as they are shown with the listed word 1, letter case apart"),
    ]
    assert "secret" not in json.dumps(found)
    none = json.loads((await tried(world, path, mail("Good morning."))).body)
    assert (none["meant"], none["actions"], none["findings"], none["incomplete"]) == (False, [], [], [])
    sealed = json.loads((await tried(world, path, mail("x", kind="application/pkcs7-mime"))).body)
    assert sealed["incomplete"]
    assert google.touched(world) == []
    assert await decisions.listed(world.app.database, connection.id) == []


@pytest.mark.parametrize(
    ("kind", "content", "status", "code"),
    [
        ("application/json", b"{}", 415, "not_a_message"),
        ("message/rfc822", b"", 415, "not_a_message"),
        ("message/rfc822", b"x" * 5_000_000, 413, "body_too_large"),
    ],
)
async def test_what_is_no_message_is_refused(world: World, kind: str, content: bytes, status: int, code: str) -> None:
    connection = await connect(world, risky("label", conditions=CONDITIONS))
    refused = await tried(world, f"/api/connections/{connection.id}/policies/risky/try", content, kind)
    assert (refused.status, json.loads(refused.body)["code"]) == (status, code)


async def test_there_must_be_such_a_policy(world: World) -> None:
    connection = await connect(world)
    refused = await tried(world, f"/api/connections/{connection.id}/policies/none/try", MESSAGE)
    assert (refused.status, json.loads(refused.body)["code"]) == (404, "no_such_policy")


async def test_the_scanner_is_not_asked_and_that_is_said(world: World) -> None:
    connection = await connect(world, risky("label", conditions={**CONDITIONS, "scanner": True, "match": "all"}))
    found = json.loads((await tried(world, f"/api/connections/{connection.id}/policies/risky/try", MESSAGE)).body)
    assert (found["meant"], found["incomplete"]) == (False, ["The scanner is not asked in a trial."])


async def test_the_policys_page_tries_a_message(world: World) -> None:
    connection = await connect(world, risky("label", "quarantine", conditions=CONDITIONS))
    path = f"/connections/{connection.id}/try-policy"
    shown = Page(await press(world, path, name="risky", message=MESSAGE.decode()))
    assert "Match: label, quarantine." in shown.text
    assert "A link shows another place and leads to evil.example." in shown.text
    shown = Page(await press(world, path, name="risky", message="Subject: x\r\n\r\nGood morning."))
    assert "No match." in shown.text
    assert google.touched(world) == []


async def test_a_policy_is_set_to_report_only_on_its_page(world: World) -> None:
    connection = await connect(world, risky("trash", conditions=CONDITIONS))
    form = {"name": "new", "whose": "everyone", "enabled": "1", "words": "x", "actions": "trash", "report_only": "1"}
    assert (await press(world, f"/connections/{connection.id}/put-policy", **form)).status == 303
    listing = await ask(world, "GET", f"/api/connections/{connection.id}/policies", token=world.sims.operator_token())
    kept = {policy["name"]: policy["report_only"] for policy in json.loads(listing.body)["policies"]}
    assert kept["new"] is True
