"""Home's trends: counted by day from what is kept, of those connections that one may see."""

from datetime import timedelta

import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.flows.trends import DAYS, trends
from shared.protection import mail_days
from shared.storage import tables as db
from shared.web.actors import Actor, Role
from tests.harness.pages import see
from tests.harness.world import FABRIKAM, World

NINA = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")


async def test_trends_count_each_day_of_the_last_thirty(world: World) -> None:
    mine = await world.create(customer="northwind")
    other = await world.create(FABRIKAM, customer="fabrikam")
    now = world.app.clock.now()
    runs = [(mine.id, 0), (mine.id, 3), (mine.id, 3.00001), (other.id, 3), (other.id, DAYS - 1), (other.id, DAYS)]
    async with world.app.database.write() as write:
        rows = [{"connection": one, "at": now - timedelta(days=back), "held": {}, "gone": {}} for one, back in runs]
        await write.execute(sa.insert(db.sync_runs), rows)
    for one, back, scanned, acted in ((mine, 0, 40, 1), (mine, 0, 2, 0), (other, 3, 7, 2), (other, DAYS, 9, 9)):
        await mail_days.add(world.app.database, one.id, mail_days.Tally(scanned, acted), now - timedelta(days=back))
    every = {one.title: one for one in await trends(world.app.database, None, now)}
    assert list(every["Open connections"].numbers) == [0] * (DAYS - 1) + [2]
    syncs = every["Connections synced that day"]
    assert (syncs.numbers[-1], syncs.numbers[-4], syncs.numbers[0], sum(syncs.numbers)) == (1, 2, 1, 4)
    assert syncs.days[-1].date() == now.date()
    scanned = every["Messages scanned in mailboxes"].numbers
    assert (scanned[-1], scanned[-4], sum(scanned)) == (42, 7, 49)
    assert sum(every["Messages acted on"].numbers) == 3
    assert sum(every["Drift found"].numbers) == 0
    async with world.app.database.write() as write:
        closed = {"stage": int(Stage.CLOSED), "stage_since": now, "created_at": now - timedelta(days=2)}
        await write.execute(sa.update(db.connections).where(db.connections.c.id == other.id).values(closed))
    (there, *_) = await trends(world.app.database, None, now)
    assert list(there.numbers[-3:]) == [1, 1, 1]
    theirs = {one.title: one for one in await trends(world.app.database, "northwind", now)}
    assert sum(theirs["Connections synced that day"].numbers) == 2
    plain = await see(world, "/", NINA)
    (part,) = [attrs for _, attrs in plain.seen if attrs.get("data-part") == "trends"]
    assert part["data-load"] == "/?trends=1"
    page = await see(world, "/?trends=1", NINA)
    assert "Connections synced that day 1 today" in page.text
    assert "Open connections 1 today" in page.text
    assert "Messages scanned in mailboxes 42 in all, 42 today" in page.text
    assert len(page.all("rect")) == 5
    assert "trends" in page.parts()
    assert not [attrs for _, attrs in page.seen if "data-load" in attrs]
