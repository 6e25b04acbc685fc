"""Pushes of busy mailboxes cost the database next to nothing."""

import asyncio
from typing import Any

import sqlalchemy as sa

from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.counted import counted
from tests.harness.gmail import forged, known, labelled
from tests.harness.workspace import ADMIN
from tests.harness.world import World

BURST = 30


async def test_a_mailboxs_pushes_that_come_together_collapse(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    ids = google.mail(world, ADMIN)
    (push,) = google.pushes(world)
    with counted(world.app.database) as count:
        answers = await asyncio.gather(*(google.deliver(world, push) for _ in range(BURST)))
    assert {answer.status for answer in answers} == {204}
    noted = [text for text in count.writes if text.startswith("UPDATE mailboxes")]
    assert 1 <= len(noted) < BURST / 4
    async with world.app.database.read() as read:
        scans = (await read.execute(sa.select(sa.func.count()).select_from(db.jobs))).scalar_one()
    assert scans == len(noted)
    await world.work()
    assert labelled(world) == dict.fromkeys(ids, 1)
    assert (await known(world, connection)).noticed is None


async def test_one_that_is_forged_is_refused_amid_others(world: World) -> None:
    await google.connect(world, modes=["api"])
    google.mail(world, ADMIN)
    (push,) = google.pushes(world)
    false: dict[str, Any] = forged(world, push, "another audience")
    answers = await asyncio.gather(*(google.deliver(world, one) for one in (push, false, push)))
    assert [answer.status for answer in answers] == [204, 401, 204]
