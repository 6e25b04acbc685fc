"""What the jobs take of a core, beside what a user would write instead; the platforms answer from another process."""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.bench import crowds, held
from infra.local.bench.stand import HARBOUR, LARGE, ORCHARD, SMALL, Stand, Tenant, connected, spent, stand
from shared.connections import lease, record
from shared.deployment.queues import Job
from shared.flows import expected_jobs, grant
from shared.flows.advance import open_ledger
from shared.flows.jobs import run
from shared.foundation.schedule import DAY, HOUR, Site
from shared.protection import directory, mailboxes
from shared.storage.ids import ConnectionId

PEERS = Path(__file__).parent / "peers"
PYTHON = Path(os.environ.get("BENCH_PEERS") or Path(__file__).parents[3] / ".venv-peers" / "bin" / "python")
THERE = PYTHON.exists()
# So many of the directory's users does a peer read, whole pages of Graph's, for it parses whole pages.
PEER_USERS = 1998
SHORT_PEER_USERS = 999
# Fewer than what a sign-in takes for a loop within a minute.
TOKENS = 80
TIMES = 5
SHORT_TIMES = 3
LATENCY = 0.1
# One after the other, and then a hundred at once.
FLEET = 100 + crowds.ONE_AT_A_TIME


async def measured(*, short: bool) -> dict[str, float]:
    """The figures by their measures' keys; those of peers are missing where `.venv-peers` is.

    The short form takes few rounds, and leaves out the customer of Google, whose groups take longest to connect.
    """
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with stand(Path(folder)) as at:
            small = await connected(at, SMALL, None)
            figures = await _unchanged(at, small, SHORT_TIMES if short else TIMES)
            users, large = SHORT_PEER_USERS if short else PEER_USERS, await connected(at, LARGE)
            peers = {name: {"BENCH_USERS": str(users)} for name in ("graph_sdk", "httpx_orm")}
            figures |= await _directory(at, "microsoft", LARGE, large, peers, Path(folder))
            if not short:
                peers, harbour = {"google_client": {"BENCH_USERS": str(users)}}, await connected(at, HARBOUR)
                figures |= await _directory(at, "google", HARBOUR, harbour, peers, Path(folder))
                figures |= await crowds.pushes(at, await connected(at, ORCHARD, None))
            counts = await held.counted_at(at, small)
            renewed = await _tokens(at, small)
            figures |= counts | renewed | await _day(at, small, figures["job-core"], renewed)
            return figures if short else figures | await crowds.fleet(at, await _alike(at, small, FLEET))


async def _unchanged(at: Stand, made: ConnectionId, times: int) -> dict[str, float]:
    """The whole job of a connection of which nothing has changed."""
    cores, walls = list[float](), list[float]()
    for number in range(2 * times):
        await at.pass_time(DAY)
        await run(at.app, Job(name="refresh", connection_id=made))
        slow = number >= times
        if slow:
            late = {"match": {}, "times": 1000, "do": {"kind": "delay", "seconds": LATENCY}}
            await at.order("POST", "/_sim/faults", late)
        before, begin = spent(), time.perf_counter()
        await run(at.app, Job(name="sync", connection_id=made))
        (walls if slow else cores).append(time.perf_counter() - begin if slow else spent() - before)
        if slow:
            await at.order("DELETE", "/_sim/faults")
    return {"job-core": statistics.median(cores) * 1000, "job-wall": statistics.median(walls)}


async def _tokens(at: Stand, made: ConnectionId) -> dict[str, float]:
    """Tokens for each second of a core: one message for many connections, two tokens each, and msal in threads.

    The limit is msal alone on our client, in as many threads as the service has, with nothing kept.
    """
    app, some = at.app, await _alike(at, made, TOKENS // 2)
    for _ in ("their keys are made", "measured"):
        await at.pass_time(HOUR)
        async with app.database.write() as write:
            for one in some:
                await expected_jobs.expect(write, one, "refresh", app.clock.now())
        before = spent()
        await run(app, Job(name="refresh", connection_id=made))
        took = spent() - before
    figures, identity = {"token-core": took / TOKENS}, _identity(at, SMALL)
    await at.pass_time(HOUR)
    platform = app.platforms["microsoft365"]
    before = spent()
    await asyncio.gather(*(platform.entra.token(identity, SMALL.token(app)) for _ in range(TOKENS)))  # type: ignore[attr-defined] # Microsoft's has it
    limit = TOKENS / (spent() - before)
    await at.pass_time(HOUR)
    peer = await _peer("msal_threads", {"BENCH_TENANT": identity, "BENCH_TOKENS": str(TOKENS)})
    return figures | ({"tokens": TOKENS / took / peer, "tokens-limit": limit / peer} if peer else {})


async def _alike(at: Stand, made: ConnectionId, number: int) -> list[ConnectionId]:
    """So many running connections of one tenant, with that one, each with keys of its own."""
    some, first = [made], await record.find(at.app.database, made)
    like = {name: getattr(first, name) for name in ("stage", "tenant", "status", "generation", "synced_at", "check_at")}
    while len(some) < number:
        new = grant.NewConnection(platform="microsoft365", site=Site.EU, name=f"Alike {len(some)}")
        some.append((await grant.create(at.app, new, "bench")).connection_id)
        async with at.app.database.write() as write:
            await record.update(write, some[-1], **like)
    return some


def _identity(at: Stand, tenant: Tenant) -> str:
    return next(one["id"] for one in at.tenants if one["domain"] == tenant.domain)


async def _day(at: Stand, made: ConnectionId, sync: float, renewed: Mapping[str, float]) -> dict[str, float]:
    """The CPU of a connection and day in which nothing changes, against a refresh and a report of its own each hour."""
    cores = {}
    for job in ("refresh", "report"):
        before = spent()
        for _ in range(SHORT_TIMES):
            await run(at.app, Job(name=job, connection_id=made))
        cores[job] = (spent() - before) / SHORT_TIMES
    now = 24 * 2 * renewed["token-core"] + cores["report"] / 7 + sync / 1000
    before_that = 24 * (cores["refresh"] + cores["report"]) + sync / 1000
    return {"day": now / before_that}


async def _directory(
    at: Stand, key: str, tenant: Tenant, made: ConnectionId, peers: Mapping[str, Mapping[str, str]], folder: Path
) -> dict[str, float]:
    """Users for each second of a core: a whole synchronisation, an unchanged one, and the peers with their stores."""
    app = at.app
    async with app.database.write() as write:
        await directory.forget_all(write, made)
        await mailboxes.forget_all(write, made)
    rates, token = [], ""
    for _ in ("whole", "unchanged"):
        claimed = await lease.acquire(app.database, made, app.clock.now())
        if claimed is None:
            raise RuntimeError("the connection is busy")
        ledger = await open_ledger(app, *claimed)
        await ledger.load()
        platform = app.platforms[tenant.platform]
        async with platform.open(claimed[0], ledger) as opened:
            before = spent()
            await platform.sync(opened, accept_loss=False)
            rates.append((await directory.count(app.database, made))["users"] / (spent() - before))
            token = await opened.tokens.get(tenant.token(app))  # type: ignore[attr-defined] # both platforms' have them
        await lease.release(app.database, claimed[1], app.clock.now())
    figures = {f"{key}-unchanged": rates[1] / rates[0]}
    given = {"BENCH_URL": tenant.service(app), "BENCH_TOKEN": token}
    limit = await _peer("httpx_orm", {**given, **peers["httpx_orm"]}) if "httpx_orm" in peers else None
    for name, more in peers.items():
        rate = await _peer(name, {**given, **more, "BENCH_DATABASE": str(folder / f"{name}.db")})
        if rate:
            figures[name] = rates[0] / rate
            figures |= {f"{name}-limit": limit / rate} if limit else {}
    return figures


async def _peer(name: str, more: Mapping[str, str]) -> float | None:
    """How much of it a peer does in a second of a core; None where there are no peers."""
    if not THERE:
        return None
    words = (str(PYTHON), str(PEERS / f"{name}.py"))
    process = await asyncio.create_subprocess_exec(*words, env={**os.environ, **more}, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{name} has failed")
    answer: dict[str, Any] = json.loads(told)
    return float(answer["number"] / answer["cpu"])
