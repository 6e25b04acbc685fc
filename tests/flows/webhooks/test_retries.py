"""A receiver that does not take an event is asked again, later and later; what was given up can be sent once more."""

import asyncio
import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from shared.flows.timers import fire
from shared.flows.webhooks.delivery import PAUSES
from shared.foundation.schedule import TIMERS
from tests.flows.webhooks.office import deliveries, subscribe
from tests.harness.client import ask
from tests.harness.scripted_host import Host, Say
from tests.harness.world import World

TELL = next(timer for timer in TIMERS if timer.name == "tell")


async def happened(world: World) -> None:
    """Something is to be told."""
    await world.revoke(await world.create())
    await fire(world.app, TELL)


async def test_it_is_tried_with_growing_pauses_and_given_up(
    world: World, receiver: Host, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.says(Say(status=503))
    # Not those about the deployment, where meanwhile no timer but this one runs.
    webhook = await subscribe(world, receiver, kinds=["connection.stage"])
    await happened(world)
    for number, pause in enumerate(PAUSES, 1):
        assert len(receiver.seen) == number
        world.clock.move(pause - timedelta(seconds=10))
        await fire(world.app, TELL)
        assert len(receiver.seen) == number
        world.clock.move(timedelta(seconds=11))
        await fire(world.app, TELL)
    (log,) = await deliveries(world, webhook)
    assert log["state"] == "abandoned"
    assert len(log["tries"]) == len(receiver.seen) == len(PAUSES) + 1
    assert {one["status"] for one in log["tries"]} == {503}
    assert len({one.headers["webhook-id"] for one in receiver.seen}) == 1
    (line,) = [one for one in caplog.records if vars(one).get("code") == "webhook_abandoned"]
    assert vars(line)["host"] == "127.0.0.1"
    world.clock.move(timedelta(days=2))
    await fire(world.app, TELL)
    assert len(receiver.seen) == len(PAUSES) + 1


async def test_what_was_given_up_is_sent_once_more(world: World, receiver: Host) -> None:
    receiver.says(Say(act="drop"))
    webhook = await subscribe(world, receiver)
    await happened(world)
    token = world.sims.operator_token()
    shown = json.loads((await ask(world, "GET", "/api/webhooks", token=token)).body)["webhooks"]
    assert shown[0]["failing_since"] is not None
    (log,) = await deliveries(world, webhook)
    receiver.says(Say(status=204))
    path = f"/api/webhooks/{webhook['id']}/deliveries"
    assert (await ask(world, "POST", f"{path}/{log['event']}/replay", token=token)).status == 202
    await fire(world.app, TELL)
    assert [one["state"] for one in await deliveries(world, webhook)] == ["delivered"]
    shown = json.loads((await ask(world, "GET", "/api/webhooks", token=token)).body)["webhooks"]
    assert shown[0]["failing_since"] is None
    missing = await ask(world, "POST", f"{path}/nothing/replay", token=token)
    assert (missing.status, json.loads(missing.body)["code"]) == (404, "no_such_delivery")


async def test_a_redirect_is_not_followed(world: World, receiver: Host) -> None:
    other = Host()
    receiver.says(Say(status=307, headers={"Location": other.url}))
    webhook = await subscribe(world, receiver)
    await happened(world)
    (log,) = await deliveries(world, webhook)
    assert (log["state"], log["tries"][0]["status"]) == ("waiting", 307)
    assert other.seen == []
    other.close()


async def test_both_secrets_sign_for_a_day_after_a_rotation(world: World, receiver: Host) -> None:
    webhook = await subscribe(world, receiver)
    path = f"/api/webhooks/{webhook['id']}/rotate"
    renewed = json.loads((await ask(world, "POST", path, token=world.sims.operator_token())).body)["secret"]
    assert renewed != webhook["secret"]
    await happened(world)
    for secret in (renewed, webhook["secret"]):
        Webhook(secret).verify(receiver.seen[0].body, dict(receiver.seen[0].headers))
    world.clock.move(timedelta(hours=25))
    await happened(world)
    assert len(receiver.seen[-1].headers["webhook-signature"].split()) == 1


async def test_a_webhook_that_is_deleted_hears_nothing_more(world: World, receiver: Host) -> None:
    receiver.says(Say(status=500))
    webhook = await subscribe(world, receiver)
    await happened(world)
    path = f"/api/webhooks/{webhook['id']}"
    assert (await ask(world, "DELETE", path, token=world.sims.operator_token())).status == 204
    world.clock.move(timedelta(days=1))
    await happened(world)
    assert len(receiver.seen) == 1


async def test_two_processes_tell_it_once(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    another = await world.again(webhooks={"inside": ["127.0.0.0/8"]})
    await world.revoke(await world.create())
    await asyncio.gather(*(fire(one.app, TELL) for one in (world, another, world, another)))
    assert len(receiver.seen) == 1
