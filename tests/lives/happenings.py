"""What happens on every platform: time, jobs, orders and faults."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import sqlalchemy as sa

from shared.deployment.queues import Job
from shared.flows import grant, revoke
from shared.storage import tables as db
from tests.lives.life import OPERATOR, Life

Action = Callable[[Life, Random], Awaitable[None]]
JOBS = ("advance", "sync-now", "repair", "refresh", "clean-up", "sync")
# Answered instead of the platform, on the way to it and on the way back.
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "throttle", "retry_after": "90"},
    {"kind": "throttle"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "truncated_json"},
    {"kind": "html"},
    {"kind": "nul403"},
    {"kind": "empty403"},
)


def faulty(places: Sequence[dict[str, Any]], kinds: Sequence[dict[str, Any]]) -> Action:
    """A fault of some kind somewhere, at once or a little later, once or a few times."""

    async def act(life: Life, random: Random) -> None:
        times = random.choice((1, 1, 1, 2, 4))
        life.fault(random.choice(places), random.choice(kinds), times=times, skip=random.choice((0, 0, 1, 3, 8)))

    return act


async def at_a_browser(consent: Awaitable[object]) -> None:
    """Somebody consents, and gives up if the platform's pages fail them."""
    with suppress(KeyError, StopIteration, AssertionError, ValueError, httpx.HTTPError):
        await consent


def _passing(shortest: timedelta, longest: timedelta) -> Action:
    async def act(life: Life, random: Random) -> None:
        await life.passes(shortest + (longest - shortest) * random.random())

    return act


async def _jump(life: Life, random: Random) -> None:
    """The clock jumps, and no timer fires meanwhile."""
    life.judge.theirs()
    life.world.clock.move(timedelta(days=random.randrange(1, 12)))
    await life.world.tick()


async def _job(life: Life, random: Random) -> None:
    await life.job(random.choice(JOBS))


async def _doubled(life: Life, random: Random) -> None:
    for _ in range(2):
        await life.world.app.queue.send(
            Job(name=random.choice(JOBS), connection_id=life.connection.id), life.world.clock.now()
        )


async def _lost(life: Life, random: Random) -> None:
    """Every message that is on its way is lost."""
    async with life.world.app.database.write() as write:
        await write.execute(sa.delete(db.jobs))


async def _revoke(life: Life, random: Random) -> None:
    await revoke.revoke(life.world.app, await life.now(), OPERATOR, acknowledged=True)


async def _again(life: Life, random: Random) -> None:
    await grant.connect_again(life.world.app, await life.now(), OPERATOR)


COMMON: dict[str, tuple[int, Action]] = {
    "minutes": (10, _passing(timedelta(minutes=1), timedelta(minutes=90))),
    "hours": (6, _passing(timedelta(hours=2), timedelta(hours=30))),
    "jump": (2, _jump),
    "job": (8, _job),
    "doubled jobs": (2, _doubled),
    "lost jobs": (2, _lost),
    "revoke": (2, _revoke),
    "connect again": (2, _again),
}
