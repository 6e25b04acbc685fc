"""One random life: steps drawn from a seed, the judge's look after each, and an end that must be true."""

import logging
import sqlite3
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from infra.local.simulators import Simulators
from infra.local.simulators.cloud import Saved
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import certificate
from shared.engine.certificate import Certificate
from shared.engine.chain import verify
from shared.flows.jobs import run
from shared.foundation.errors import FootprintError
from shared.storage import tables as db
from tests.harness.clock import TestClock
from tests.harness.databases import Sqlite
from tests.harness.world import World
from tests.lives.judge import Judge, Tenancy, Thing

OPERATOR = "operator@msp.example"
# The longest that an end may take: a day of mail coming back, three of failures, one of consent that may return.
ENDS_WITHIN = timedelta(days=9)
# Of a closed connection nothing stands in these.
OUR_HOUSE = (
    *("tokens", "grants", "policies", "users", "groups", "members", "domains", "checkpoints"),
    *("baselines", "snapshots", "mailboxes", "decisions", "quarantine", "placed", "set_aside"),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens, and the seed of what is chance in it."""

    name: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Side:
    """One platform: how a life begins there, what can happen, and what its administrator does at the end."""

    name: str
    domain: str
    begin: Callable[["Life", Random], Awaitable[Connection]]
    actions: Mapping[str, tuple[int, Callable[["Life", Random], Awaitable[None]]]]
    """By name: how often, and what."""
    tenancy: Callable[[World, str], Tenancy]
    leave: Callable[["Life", Random], Awaitable[None]]
    """Drives a connection that is being revoked to its end."""
    secrets: Callable[["Life"], list[str]]
    listed: Callable[[Thing, Certificate], bool]
    """Whether a certificate names a thing of ours as left, or as what could not be checked."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The simulators that lives are lived in, one after the other."""

    sims: Simulators
    clean: Saved
    clock: TestClock
    databases: Sqlite
    folder: Path


@dataclass
class Life:
    """A life while it is lived."""

    world: World
    side: Side
    connection: Connection
    judge: Judge
    faults: Counter[str] = field(default_factory=Counter)
    planted: list[Thing] = field(default_factory=list)
    """What the customer made that bears our mark."""
    stale_at: Any = None

    async def now(self) -> Connection:
        """The connection as it is."""
        return await self.world.connection(self.connection.id)

    async def job(self, name: str) -> None:
        """One job is run."""
        self.judge.theirs()
        await run(self.world.app, Job(name=name, connection_id=self.connection.id))

    async def passes(self, span: timedelta) -> None:
        """Time passes, and what falls due is done."""
        self.judge.theirs()
        await self.world.pass_time(span)
        await self.world.tick()

    def fault(self, match: dict[str, Any], do: dict[str, Any], *, times: int = 1, skip: int = 0) -> None:
        """The platform will misbehave."""
        self.faults[str(do["kind"])] += 1
        self.world.fault(match, do, times=times, skip=skip)


@dataclass(frozen=True, kw_only=True)
class Came:
    """What a life came to."""

    platform: str
    seed: int
    steps: Sequence[Step]
    calls: int
    faults: Mapping[str, int]
    result: str
    violations: Sequence[tuple[str, str]]


class Mistakes(logging.Handler):
    """Notes what the service logs: its own mistakes, and every line for secrets."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.mistakes: list[str] = []
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line."""
        said = f"{record.getMessage()} {record.__dict__.get('reason', '')} {record.__dict__.get('key', '')}"
        self.text.append(said)
        if record.exc_info and record.levelno >= logging.ERROR and record.exc_info[1] is not None:
            (*_, frame) = traceback.extract_tb(record.exc_info[2])
            self.mistakes.append(f"{record.exc_info[1]!r} in {Path(frame.filename).name}, line {frame.lineno}"[:300])


def drawn(side: Side, seed: int, number: int) -> list[Step]:
    """The steps of a seed."""
    random = Random(seed)  # noqa: S311 - a test's chance, to be had again
    names, weights = list(side.actions), [weight for weight, _ in side.actions.values()]
    return [Step(name=name, seed=random.randrange(2**32)) for name in random.choices(names, weights, k=number)]


async def lived(place: Place, side: Side, seed: int, steps: Sequence[Step]) -> Came:
    """Live one life, and judge it."""
    folder = place.folder / f"{side.name}-{seed}-{len(list(place.folder.iterdir()))}"
    folder.mkdir()
    place.sims.cloud.restore(place.clean)
    place.clock.file.write_text("0")
    place.sims.cloud.calls.clear()
    world = await World.make(place.sims, place.clock, place.databases, folder)
    tenancy = side.tenancy(world, world.tenant_id(side.domain))
    judge = Judge(place.sims.cloud, tenancy, intended=_intended(folder), now=world.clock.now)
    noted = Mistakes()
    logging.getLogger("shared").addHandler(noted)
    judge.begin()
    random = Random(seed)  # noqa: S311 - the same
    life = Life(world, side, None, judge)  # type: ignore[arg-type]  # the beginning makes it
    try:
        life.connection = await side.begin(life, random)
        for step in steps:
            await _happens(life, step)
            await _whole(life)
        result = await _ended(life, random)
        await _no_secret(life, noted, folder)
    except Exception as error:
        judge.wrong("internal error", repr(error)[:300])
        result = "none"
    finally:
        judge.end()
        logging.getLogger("shared").removeHandler(noted)
        await world.close()
    for mistake in noted.mistakes:
        judge.wrong("internal error", mistake)
    violations = list(judge.violations)
    return Came(
        platform=side.name,
        seed=seed,
        steps=steps,
        calls=judge.calls,
        faults=life.faults,
        result=result,
        violations=violations,
    )


async def _happens(life: Life, step: Step) -> None:
    _, action = life.side.actions[step.name]
    try:
        await action(life, Random(step.seed))  # noqa: S311 - the same
        life.judge.theirs()
        await life.passes(timedelta(seconds=1))
    except FootprintError:
        life.judge.theirs()  # refused, as the caller was told
    except AssertionError as refused:
        # The customer asked the platform for what cannot be done now.
        if "Error executing cmdlet" not in str(refused) and '"error"' not in str(refused):
            raise
        life.judge.theirs()
    except Exception as error:
        life.judge.wrong("internal error", f"{step.name}: {error!r}"[:300])
        life.judge.theirs()


async def _whole(life: Life) -> None:
    broken = await verify(life.world.app.database, life.connection.id)
    if broken is not None:
        life.judge.wrong("broken chain", f"entry {broken}")


async def _ended(life: Life, random: Random) -> str:
    """Take access away among the last faults, and hold the certificate against the tenant; returns its result."""
    world, judge = life.world, life.judge
    world.control("DELETE", "/faults")
    for name in random.choices(("fault", "stale"), (5, 1), k=random.randrange(8)):
        await life.side.actions[name][1](life, random)
    judge.theirs()
    await life.side.leave(life, random)
    closed = await life.now()
    if closed.stage is not Stage.CLOSED:
        judge.wrong("endless revoke", f"{closed.stage.name}: {closed.status} {closed.reason} {closed.sentence}")
        return "none"
    await life.passes(timedelta(hours=3))
    await _own_house(life)
    record = await certificate.latest(world.app.database, closed)
    if record is None:
        for thing in judge.left():
            judge.wrong("left without a certificate", f"{thing}")
        return "none"
    _true(life, record)
    return record["result"]


# What a planted thing is found by: the certificate names the search if it could not be carried out.
SEARCHES = {"rule": "transport-rules"}


def _true(life: Life, record: Certificate) -> None:
    """The certificate says no less and no more than what is so."""
    judge, told = life.judge, life.side.listed
    looked = max((one["at"] for one in record["looked"]), default="")
    for thing in judge.left():
        after = judge.appeared[thing].isoformat() > looked
        if not told(thing, record) and not (after and record["not_checkable"]):
            judge.wrong("false certificate", f"{record['result']}, and the {thing[0]} {thing[1]} of ours stands")
    unsearched = {one.get("key") for one in record["could_not_check"]}
    for thing in life.planted:
        if SEARCHES[thing[0]] in unsearched:
            continue
        after = thing in judge.appeared and judge.appeared[thing].isoformat() > looked
        if thing in judge.made and thing in judge.all() and looked and not told(thing, record) and not after:
            judge.wrong("false certificate", f"the {thing[0]} {thing[1]} that bears our mark is not told")
    for one in record["residue"]:
        identity = str(one.get("identity") or "")
        if one["why"] == "still there" and not judge.stood(identity, looked):
            judge.wrong("false certificate", f"{one.get('key')} {identity} is said to be still there")


async def _own_house(life: Life) -> None:
    async with life.world.app.database.read() as read:
        for name in OUR_HOUSE:
            table = db.metadata.tables[name]
            count = sa.select(sa.func.count()).where(table.c.connection == life.connection.id)
            if number := (await read.execute(count)).scalar_one():
                life.judge.wrong("stored remains", f"{number} rows of {name}")


async def _no_secret(life: Life, noted: Mistakes, folder: Path) -> None:
    database = life.world.app.database
    secrets = [*await header_secrets(life.world.app.seal, life.connection), *life.side.secrets(life)]
    async with database.read() as read:
        text = [
            str(row)
            for table in ("ledger", "connections", "jobs", "holdings", "certificates")
            for row in (await read.execute(sa.select(db.metadata.tables[table]))).all()
        ]
    for secret in secrets:
        if any(secret in line for line in (*text, *noted.text)):
            life.judge.wrong("secret", f"{secret[:4]}…")


def _intended(folder: Path) -> Callable[[tuple[str, ...]], bool]:
    """Reads the database as another process would, from within a call to a platform."""

    def newest(keys: tuple[str, ...]) -> bool:
        like = " OR ".join("key LIKE ?" for _ in keys)
        query = f"SELECT state FROM ledger WHERE {like} ORDER BY number DESC LIMIT 1"  # noqa: S608 - no input
        with closing(sqlite3.connect(f"file:{folder / 'footprint.db'}?mode=ro", uri=True)) as connection:
            found = connection.execute(query, [f"{key}%" for key in keys]).fetchone()
        return found is not None and found[0] == "intended"

    return newest
