"""Home's trends: counted by day from what is kept, of those connections that one may see."""

from datetime import timedelta

import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.flows.trends import DAYS, trends
from shared.storage import tables as db
from shared.web.actors import Actor, Role
from tests.harness.pages import see
from tests.harness.world import FABRIKAM, World

NINA = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")


async def test_trends_count_each_day_of_the_last_thirty(world: World) -> None:
    mine = await world.create(customer="northwind")
    other = await world.create(FABRIKAM, customer="fabrikam")
    now = world.app.clock.now()
    runs = [(mine.id, 0), (mine.id, 3), (other.id, 3), (other.id, DAYS - 1), (other.id, DAYS)]
    async with world.app.database.write() as write:
        rows = [{"connection": one, "at": now - timedelta(days=back), "held": {}, "gone": {}} for one, back in runs]
        await write.execute(sa.insert(db.sync_runs), rows)
        message = {"user": "u", "policy": "p", "at": now, "findings": []}
        decided = [
            ("m1", "label", True),
            ("m2", "label", False),
            ("m3", "would label", True),
            ("m4", "uninspected", True),
        ]
        done = [{"connection": mine.id, "message": m, "action": a, "done": d, **message} for m, a, d in decided]
        await write.execute(sa.insert(db.decisions), done)
    every = {one.title: one for one in await trends(world.app.database, None, now)}
    assert list(every["Open connections"].numbers) == [0] * (DAYS - 1) + [2]
    syncs = every["Syncs"]
    assert (syncs.numbers[-1], syncs.numbers[-4], syncs.numbers[0], sum(syncs.numbers)) == (1, 2, 1, 4)
    assert syncs.days[-1].date() == now.date()
    assert sum(every["Messages acted on"].numbers) == 1
    assert sum(every["Drift found"].numbers) == 0
    async with world.app.database.write() as write:
        closed = {"stage": int(Stage.CLOSED), "stage_since": now, "created_at": now - timedelta(days=2)}
        await write.execute(sa.update(db.connections).where(db.connections.c.id == other.id).values(closed))
    (there, *_) = await trends(world.app.database, None, now)
    assert list(there.numbers[-3:]) == [1, 1, 1]
    theirs = {one.title: one for one in await trends(world.app.database, "northwind", now)}
    assert sum(theirs["Syncs"].numbers) == 2
    plain = await see(world, "/", NINA)
    (part,) = [attrs for _, attrs in plain.seen if attrs.get("data-part") == "trends"]
    assert part["data-load"] == "/?trends=1"
    page = await see(world, "/?trends=1", NINA)
    assert "Syncs 2 in all, 1 today" in page.text
    assert "Open connections 1 today" in page.text
    assert len(page.all("rect")) == 4
    assert "trends" in page.parts()
    assert not [attrs for _, attrs in page.seen if "data-load" in attrs]
