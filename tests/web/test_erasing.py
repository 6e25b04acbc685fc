"""A closed connection is erased in the console by typing its name, with the hash that its export shows."""

import json

from shared.connections.stages import Stage
from tests.harness.client import ask
from tests.harness.pages import ADA, OLGA, Page, press, see
from tests.harness.world import World


async def test_a_closed_connection_is_erased_by_its_name_and_says_what_stays(world: World) -> None:
    new = await world.create()
    base = f"/connections/{new.id}"
    assert not (await see(world, base, ADA)).all("form", action=f"{base}/erase")
    refused = await press(world, f"{base}/erase", ADA, confirm=new.name, head="0")
    assert (refused.status, "not_closed" in Page(refused).text) == (409, True)
    await world.revoke(new)
    closed = await world.until(new, Stage.CLOSED)
    assert not (await see(world, base, OLGA)).all("form", action=f"{base}/erase")
    shown = await see(world, base, ADA)
    assert shown.all("form", action=f"{base}/erase")
    assert "A tombstone stays" in shown.text
    export = await ask(world, "GET", f"/api{base}/ledger?format=ndjson", token=world.sims.operator_token())
    head = json.loads(export.body.decode().splitlines()[-1])["hash"]
    for actor, fields, code in (
        (OLGA, {"confirm": closed.name, "head": head}, "administrators_only"),
        (ADA, {"confirm": closed.name.lower(), "head": head}, "name_not_typed"),
        (ADA, {"confirm": closed.name, "head": "0"}, "not_exported"),
    ):
        assert code in Page(await press(world, f"{base}/erase", actor, **fields)).text, code
    done = Page(await press(world, f"{base}/erase", ADA, confirm=closed.name, head=head))
    assert "A tombstone stays" in done.text
    assert closed.id in done.text
    await see(world, base, ADA, status=404)
