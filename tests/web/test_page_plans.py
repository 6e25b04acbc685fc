"""What the console says will happen: plans, differences, waits, and what stays."""

import re

from shared.protection.policies import EVERYONE
from shared.web.pages.differences import MAX_LINES, MAX_VALUE_CHARS, differences
from tests.harness import workspace as google
from tests.harness.pages import OLGA, asked, pressed, see
from tests.harness.world import World


async def test_a_plan_tells_what_differs_and_an_outage(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    world.cmdlet("Disable-TransportRule", Identity="TMCAS Inline Incoming Domain Transport Rule")
    await pressed(world, f"{base}/look")
    await world.work()
    page = await see(world, base)
    assert "drifted" in page.text
    assert f"{base}/plan?for=repair" in {one["href"] for one in page.all("a")}
    first = await see(world, f"{base}/plan?for=repair")
    (part,) = [attrs for _, attrs in first.seen if attrs.get("data-part") == "plan"]
    assert part["data-load"] == "?for=repair&fresh=1"
    fresh = await see(world, f"{base}/plan?for=repair&fresh=1")
    assert "was Disabled is Enabled" in fresh.text
    assert not [attrs for _, attrs in fresh.seen if "data-load" in attrs]
    world.fault({"host": "exchange"}, {"kind": "status", "status": 500}, times=1000)
    away = await see(world, f"{base}/plan?for=revoke&fresh=1")
    world.control("DELETE", "/faults")
    assert "could not be checked" in away.text
    assert "After 24 hours" in away.text
    assert f"{base}/revoke" in away.posts()
    assert (await see(world, f"{base}/plan?for=grant")).posts() == []
    assert (await asked(world, "GET", f"{base}/plan?for=nothing", OLGA)).status == 400


def test_only_what_differs_is_told() -> None:
    was = {"same": 1, "gone": "x", "changed": ["a"], "long": "y" * 500}
    now = {"same": 1, "new": None, "changed": ["a", "b"], "long": "z" * 500}
    lines, more = differences(was, now)
    assert [line[0] for line in lines] == ["gone", "changed", "long", "new"]
    assert lines[0] == ("gone", "x", None)
    assert lines[1] == ("changed", '["a"]', '["a", "b"]')
    assert lines[3] == ("new", None, "null")
    assert len(lines[2][1] or "") == MAX_VALUE_CHARS
    assert more == 0
    many, more = differences(None, {str(number): number for number in range(30)})
    assert (len(many), more) == (MAX_LINES, 30 - MAX_LINES)
    assert differences(None, None) == ([], 0)


async def test_what_stays_as_published_is_not_told_to_be_removed(world: World) -> None:
    running = await google.connect(world, policies=[EVERYONE])
    address = f"/connections/{running.id}/plan?for=revoke"
    for page in (await see(world, address), await see(world, f"{address}&fresh=1")):
        at_once, _, stays = page.text.partition(" Stays ")
        assert "Virtual Group stays, as published" in stays
        assert not re.search(r"remove TMCAS Inline Incoming Gmail Virtual Group", at_once)
