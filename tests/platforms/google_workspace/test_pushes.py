"""Pushes of busy mailboxes cost the database next to nothing."""

import asyncio
from typing import Any

import sqlalchemy as sa

from infra.local.bench.counted import counted
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.gmail import forged, known, labelled
from tests.harness.workspace import ADMIN
from tests.harness.world import World

BURST = 30


async def test_a_mailboxs_pushes_that_come_together_collapse(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    ids = google.mail(world, ADMIN)
    (push,) = google.pushes(world)
    with counted(world.app.database) as count:
        # Nobody else can write meanwhile, and nothing else is waited for.
        async with world.app.database.write():
            coming = [asyncio.ensure_future(google.deliver(world, push)) for _ in range(BURST)]
            for _ in range(1000):
                await asyncio.sleep(0)
        answers = await asyncio.gather(*coming)
    assert {answer.status for answer in answers} == {204}
    noted = [text for text in count.writes if text.startswith("UPDATE mailboxes")]
    # The one that came first perhaps alone, and all others together.
    assert 1 <= len(noted) <= 2
    async with world.app.database.read() as read:
        scans = (await read.execute(sa.select(sa.func.count()).select_from(db.jobs))).scalar_one()
    assert scans == 1  # the queue takes no second one of those that wait
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
