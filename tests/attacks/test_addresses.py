"""Addresses that customers name, of webhooks and witnesses: outside only, and so few that none keeps others waiting"""

import json
from pathlib import Path

import pytest

from shared.flows.timers import fire
from shared.flows.webhooks.subscriptions import MAX_WEBHOOKS
from shared.foundation.errors import Refused
from shared.foundation.outside import post
from shared.foundation.schedule import TIMERS
from tests.harness import scripted_host_fixtures as fixtures
from tests.harness.client import ask
from tests.harness.scripted_host import Host
from tests.harness.witness import Witness
from tests.harness.world import World

ANCHOR, TELL = (next(timer for timer in TIMERS if timer.name == name) for name in ("anchor", "tell"))
host = fixtures.host


@pytest.mark.parametrize(
    "named",
    [
        "[fec0::1]",
        "[::10.0.0.1]",
        "[::ffff:0:a00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:a00:1::]",
        "[4000::1]",
        "168.63.129.16",
    ],
)
async def test_no_disguise_of_an_inside_address_is_one_outside(world: World, named: str) -> None:
    with pytest.raises(Refused, match="address_not_allowed"):
        await post(world.app.wire, f"https://{named}/", {}, b"", [])


@pytest.mark.parametrize("named", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_neither_a_webhook_nor_a_witness_leads_inside(
    world: World, host: Host, tmp_path: Path, named: str
) -> None:
    process = await world.again(anchors=tmp_path / "anchors.ndjson")
    token = world.sims.operator_token(customer="contoso")
    url = host.url.replace("127.0.0.1", named)
    witness = {"url": url, "key": Witness(host, 0).key}
    assert (await ask(process, "POST", "/api/webhooks", token=token, body={"url": url})).status == 201
    assert (await ask(process, "POST", "/api/witnesses", token=token, body=witness)).status == 201
    await world.create(customer="contoso")
    for timer in (ANCHOR, TELL):
        await fire(process.app, timer)
    assert host.seen == []
    (told,) = json.loads((await ask(process, "GET", "/api/witnesses", token=token)).body)["witnesses"]
    assert told["code"] == "address_not_allowed"


async def test_nobody_names_so_many_receivers_that_others_wait(world: World) -> None:
    mine, others = (world.sims.operator_token(customer=customer) for customer in ("contoso", "fabrikam"))
    new = {"url": "https://hooks.example.com/"}
    answers = [await ask(world, "POST", "/api/webhooks", token=mine, body=new) for _ in range(MAX_WEBHOOKS + 1)]
    assert [one.status for one in answers] == [201] * MAX_WEBHOOKS + [409]
    assert json.loads(answers[-1].body)["code"] == "too_many_webhooks"
    assert (await ask(world, "POST", "/api/webhooks", token=others, body=new)).status == 201
