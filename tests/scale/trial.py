"""A synchronisation of a large tenant whose process is killed at random, and whether all came right in the end."""

import asyncio
import math
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from random import Random

from infra.local.simulators.wire import Call
from shared.connections.record import Connection
from shared.flows import requests
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import World
from tests.scale import worker
from tests.scale.grown import DOMAIN, NAMED_MEMBERS, copied, directory, grow

# Each process is a copy of one that has loaded the code: to load it takes longer than most of them live.
BEGUN_WITH = multiprocessing.get_context("forkserver")
BEGUN_WITH.set_forkserver_preload([worker.__name__])
PAGE = timedelta(milliseconds=200)
# Members of groups are asked for by eight at a time, so that one of their pages takes an eighth of the time.
MEMBERS_AT_ONCE = 8
LISTINGS = ("/users", "/users/delta", "/groups", "/groups/delta", "/members")
MAX_JOB_SECONDS = 240.0
MAX_PAGES_READ = 1.2


@dataclass
class Watched:
    """What came over the wire."""

    pages: int = 0
    different: set[str] = field(default_factory=set)
    removals: int = 0


@dataclass
class Came:
    """What one trial came to."""

    platform: str
    kills: int = 0
    runs: int = 0
    longest: float = 0.0
    """The longest job, in simulated seconds."""
    took: timedelta = timedelta(0)
    pages: int = 0
    there_are: int = 0
    rest: float = 0.0
    """Mebibytes of the process before its first job, and at most."""
    peak: float = 0.0
    wrong: list[str] = field(default_factory=list)


async def trial(world: World, platform: str, *, users: int, groups: int, kills: int, seed: int) -> Came:
    """Connect while the tenant is small, have it grow, order a full resync, and kill its process so many times."""
    random, came = Random(seed), Came(platform)  # noqa: S311 - so that a trial can be repeated
    connection = await _connected(world, platform)
    before = _protected(world, platform)
    grow(world.sims, platform, users, groups, random)
    watched, began = Watched(), world.clock.now()
    expected = _pages(world, platform)
    killed_at = sorted(random.sample(range(1, max(expected, kills + 1)), kills))
    await requests.start(world.app, connection, "resync", "operator@msp.example")
    with _observed(world, watched):
        while True:
            at = killed_at[came.kills] if came.kills < kills else math.inf
            if await _worked(world, connection, watched, at, came, began):
                break
            came.kills += 1
    came.took, came.pages = world.clock.now() - began, watched.pages
    came.there_are = len(watched.different) if platform == "microsoft365" else expected
    await _judge(world, connection, platform, before, watched, came)
    return came


async def _connected(world: World, platform: str) -> Connection:
    world.control("POST", "/tenants", platform=platform, name="Large", domain=DOMAIN, users=NAMED_MEMBERS)
    if platform == "google":
        customer = world.sims.google.customer(DOMAIN)
        assert customer is not None
        named = Policy(name="staff", groups=[next(iter(customer.groups))])
        return await google.connect(world, domain=DOMAIN, modes=["inline"], policies=[named])
    world.behave(DOMAIN, graph_page_size=200)
    tenant = next(one for one in world.sims.microsoft.tenants.values() if one.domain == DOMAIN)
    return await world.connect(DOMAIN, policies=[Policy(name="staff", groups=[next(iter(tenant.groups))])])


def _pages(world: World, platform: str) -> int:
    """How many pages the directory has."""
    if platform == "google":
        customer = world.sims.google.customer(DOMAIN)
        assert customer is not None
        own = _own(world, platform)
        sizes = [len(held) for group, held in customer.members.items() if group in customer.groups and group not in own]
        members = sum(max(1, math.ceil(size / 200)) for size in sizes)
        return math.ceil(len(customer.users) / 500) + math.ceil(len(customer.groups) / 200) + members
    tenant = next(one for one in world.sims.microsoft.tenants.values() if one.domain == DOMAIN)
    return 1 + math.ceil(len(tenant.users) / 999) + math.ceil(len(tenant.groups) / 200)


def _own(world: World, platform: str) -> frozenset[str]:
    """The ids of our groups in the tenant."""
    if platform == "google":
        customer = world.sims.google.customer(DOMAIN)
        assert customer is not None
        return frozenset(key for key, one in customer.groups.items() if "-inline-" in str(one["email"]))
    tenant = next(one for one in world.sims.microsoft.tenants.values() if one.domain == DOMAIN)
    return frozenset(key for key, one in tenant.groups.items() if "-inline-" in str(one["mailNickname"]))


def _protected(world: World, platform: str) -> dict[str, frozenset[str]]:
    """The members of our groups in the tenant."""
    if platform == "google":
        customer = world.sims.google.customer(DOMAIN)
        assert customer is not None
        return {one: frozenset(customer.members[one]) for one in _own(world, platform)}
    tenant = next(one for one in world.sims.microsoft.tenants.values() if one.domain == DOMAIN)
    return {one: tenant.members[one] for one in _own(world, platform)}


@contextmanager
def _observed(world: World, watched: Watched) -> Iterator[None]:
    """Each page of a listing takes its time, and is counted; and so is who is taken out of a group."""

    def observe(call: Call) -> None:
        if call.method == "DELETE" and "/members/" in call.path:
            watched.removals += 1
        if call.method == "GET" and call.path.endswith(LISTINGS) and call.status == 200:
            watched.pages += 1
            watched.different.add(f"{call.path}?{call.query}")
            world.clock.move(PAGE / (MEMBERS_AT_ONCE if call.path.endswith("/members") else 1))
        world.sims.cloud.calls.clear()

    world.sims.cloud.on_request = observe
    try:
        yield
    finally:
        world.sims.cloud.on_request = None


async def _worked(
    world: World, connection: Connection, watched: Watched, at: float, came: Came, since: datetime
) -> bool:
    """A process that works until it has done, or is killed when so many pages were read; whether it had done."""
    told = {
        "environment": world.sims.settings,
        "database": world.databases.url(world.folder),
        "clock": str(world.clock.file),
        "connection": connection.id,
        "since": since.isoformat(),
    }
    here, there = BEGUN_WITH.Pipe(duplex=False)
    process = BEGUN_WITH.Process(target=worker.main, args=(told, there))
    process.start()
    there.close()
    killing = asyncio.create_task(_kill(process, watched, at))
    await asyncio.to_thread(_note, here, came)
    killing.cancel()
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the worker ended with {process.exitcode}")
    return process.exitcode == 0


def _note(pipe: Pipe, came: Came) -> None:
    """Note what a process tells until it ends."""
    with suppress(EOFError, ConnectionResetError):
        while True:
            figures = pipe.recv()
            came.runs += "job" in figures
            came.longest = max(came.longest, figures.get("job", 0.0))
            came.rest, came.peak = max(came.rest, figures.get("rest", 0.0)), max(came.peak, figures.get("peak", 0.0))


async def _kill(process: BaseProcess, watched: Watched, at: float) -> None:
    while watched.pages < at:  # noqa: ASYNC110 - the pages are counted in the simulators' thread
        await asyncio.sleep(0.005)
    process.kill()


async def _judge(
    world: World,
    connection: Connection,
    platform: str,
    before: dict[str, frozenset[str]],
    watched: Watched,
    came: Came,
) -> None:
    theirs = directory(world.sims, platform, _own(world, platform))
    ours = await copied(world.app.database, connection.id)
    for kind, rows in theirs.items():
        if ours[kind] != rows:
            came.wrong.append(f"{kind}: {len(rows - ours[kind])} lacking, {len(ours[kind] - rows)} too many")
    after = _protected(world, platform)
    if watched.removals or any(members - after.get(group, frozenset()) for group, members in before.items()):
        came.wrong.append(f"{watched.removals} were taken out of a group")
    if came.longest > MAX_JOB_SECONDS:
        came.wrong.append(f"a job took {came.longest:.0f} s")
    if came.pages > MAX_PAGES_READ * came.there_are:
        came.wrong.append(f"{came.pages} pages were read of {came.there_are}")
