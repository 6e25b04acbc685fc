"""What happens is told to the subscribers: signed by Standard Webhooks, once, and only what they asked for."""

import json
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared.connections import record
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment import signing
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.foundation.transparency import opened_checkpoint
from tests.flows.webhooks.office import deliveries, subscribe, told
from tests.harness.client import ask
from tests.harness.scripted_host import Host
from tests.harness.world import World

TELL = next(timer for timer in TIMERS if timer.name == "tell")


async def test_an_event_is_received_and_verified_by_a_public_library(world: World, receiver: Host) -> None:
    webhook = await subscribe(world, receiver, kinds=["connection.stage"])
    connection = await world.create(customer="contoso")
    await world.revoke(connection)
    await fire(world.app, TELL)
    (seen,) = receiver.seen
    assert Webhook(webhook["secret"]).verify(seen.body, dict(seen.headers)) == seen.json()
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(seen.body.replace(b"Contoso", b"Fabrika"), dict(seen.headers))
    assert seen.path == "/hook?key=word"
    content = seen.json()
    assert (content["type"], content["data"]["name"], content["data"]["stage"]) == (
        "connection.stage",
        "Contoso",
        "closed",
    )
    assert content["data"]["url"].endswith(f"/connections/{connection.id}")
    # It was taken, so it does not come again.
    await fire(world.app, TELL)
    assert len(receiver.seen) == 1
    (log,) = await deliveries(world, webhook)
    assert (log["state"], log["event"], log["not_before"]) == ("delivered", seen.headers["webhook-id"], None)


async def test_a_life_is_told_in_order(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    connection = await world.connect()
    await world.leave(connection)
    await fire(world.app, TELL)
    found = told(receiver)
    stages = [data["stage"] for kind, data in found if kind == "connection.stage"]
    assert sorted(stages) == sorted(["grant", "run", "revoke", "cleanup", "closed"])
    assert [data["stage"] for kind, data in found if kind == "certificate.issued"] == ["closed"]


async def test_attention_and_recovery_are_told_once_each(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    connection = await world.connect()
    await fire(world.app, TELL)
    receiver.seen.clear()
    world.admin("remove-application")
    await world.until_true(connection, lambda now: now.reason == "consent_missing")
    await fire(world.app, TELL)
    kinds = [kind for kind, _ in told(receiver)]
    assert kinds == ["connection.attention"]
    data = told(receiver)[0][1]
    assert (data["status"], data["reason"]) == ("attention", "consent_missing")
    assert data["runbook"].endswith("/runbook/consent_missing")
    await world.consent(connection)
    world.admin("assign-role")
    await world.until_true(connection, lambda now: now.status == "ok")
    await fire(world.app, TELL)
    assert [kind for kind, _ in told(receiver)] == ["connection.attention", "connection.recovered"]


async def test_only_what_was_asked_for_is_told(world: World, receiver: Host) -> None:
    await subscribe(world, receiver, kinds=["connection.drift"])
    await subscribe(world, receiver, customer="fabrikam")
    mine = await subscribe(world, receiver, who="fabrikam")
    assert mine["customer"] == "fabrikam"
    await world.revoke(await world.create(customer="contoso"))
    await fire(world.app, TELL)
    assert receiver.seen == []
    await world.revoke(await world.create(None, customer="fabrikam"))
    await fire(world.app, TELL)
    assert len(receiver.seen) == 2


async def test_a_customer_who_names_checkpoints_is_sent_each(world: World, receiver: Host, tmp_path: Path) -> None:
    await subscribe(world, receiver, who="fabrikam", kinds=["ledger.anchored"])
    process = await world.again(anchors=tmp_path / "anchors.ndjson")
    await world.create(customer="contoso")
    await fire(process.app, next(timer for timer in TIMERS if timer.name == "anchor"))
    await fire(world.app, TELL)
    (seen,) = receiver.seen
    keys = await signing.published(world.app.database, world.app.seal)
    assert opened_checkpoint(seen.json()["data"]["checkpoint"], keys)[0] == 1


async def test_a_customer_sees_and_makes_its_own_only(world: World, receiver: Host) -> None:
    all_of_them = await subscribe(world, receiver)
    carl = world.sims.operator_token(customer="fabrikam")
    refused = await ask(world, "POST", "/api/webhooks", token=carl, body={"url": receiver.url, "customer": "contoso"})
    assert (refused.status, json.loads(refused.body)["code"]) == (403, "another_customer")
    assert json.loads((await ask(world, "GET", "/api/webhooks", token=carl)).body) == {"webhooks": []}
    for method, path in (("DELETE", ""), ("POST", "/rotate"), ("GET", "/deliveries"), ("POST", "/deliveries/1/replay")):
        found = await ask(world, method, f"/api/webhooks/{all_of_them['id']}{path}", token=carl)
        assert (found.status, json.loads(found.body)["code"]) == (404, "no_such_webhook")


async def test_what_did_not_happen_is_not_told(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    connection = await world.create()
    stale = connection
    await world.revoke(connection)
    receiver.seen.clear()
    # What is said of a direction that has been left is not shown, and so not told either.
    assert not await record.report(
        world.app.database, stale, world.clock.now(), Status.ATTENTION, reason="refused", sentence="Late."
    )
    await fire(world.app, TELL)
    assert [kind for kind, _ in told(receiver)] == ["connection.stage"]
    assert (await world.connection(connection.id)).stage is Stage.CLOSED


async def test_a_chat_is_told_a_sentence(world: World, receiver: Host) -> None:
    await subscribe(world, receiver, form="chat")
    await world.revoke(await world.create())
    await fire(world.app, TELL)
    assert receiver.seen[0].json()["text"].startswith("Contoso: connection stage http://127.0.0.1:8080/connections/")


async def test_nothing_secret_is_stored_in_the_open(world: World, receiver: Host) -> None:
    webhook = await subscribe(world, receiver)
    await world.revoke(await world.create())
    await fire(world.app, TELL)
    stored = str(world.databases.content(world.folder))
    assert "key=word" not in stored
    assert webhook["secret"].removeprefix("whsec_") not in stored
    shown = await ask(world, "GET", "/api/webhooks", token=world.sims.operator_token())
    assert b"key=word" not in shown.body
    assert b"secret" not in shown.body
