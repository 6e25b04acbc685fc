"""What comes many at once: the jobs of many connections while every call takes its time, and a burst of pushes."""

import asyncio
import base64
import json
import time
from collections.abc import Sequence

from infra.local.bench.stand import ORCHARD, SMALL, Stand, spent
from shared.deployment.queues import Job
from shared.flows import access
from shared.flows.jobs import run
from shared.foundation.schedule import DAY, HOUR
from shared.protection import mailboxes
from shared.storage.ids import ConnectionId
from shared.web.dispatch import answer
from shared.web.http import Request

LATENCY = 0.1
ONE_AT_A_TIME = 5
PUSHES = 2_000
MAILBOXES = 1_000
# As many as a process of ours is given by its host.
PUSHES_AT_ONCE = 80


async def fleet(at: Stand, some: Sequence[ConnectionId]) -> dict[str, float]:
    """Unchanged synchronisations a second of many connections at once, against one after the other."""
    identity = next(one["id"] for one in at.tenants if one["domain"] == SMALL.domain)
    # They share a tenant, which so many customers' own tenants would not.
    await at.order("POST", f"/_sim/tenants/{identity}/behaviour", {"token_loop_limit": 100_000})
    for one in some:
        await run(at.app, Job(name="sync-now", connection_id=one))
    await at.pass_time(DAY)
    for one in some:
        await run(at.app, Job(name="refresh", connection_id=one))
    begun = at.app.clock.now()
    late = {"match": {}, "times": 1_000_000, "do": {"kind": "delay", "seconds": LATENCY}}
    await at.order("POST", "/_sim/faults", late)
    begin = time.perf_counter()
    for one in some[:ONE_AT_A_TIME]:
        await run(at.app, Job(name="sync", connection_id=one))
    alone = ONE_AT_A_TIME / (time.perf_counter() - begin)
    rest = some[ONE_AT_A_TIME:]
    begin = time.perf_counter()
    await asyncio.gather(*(run(at.app, Job(name="sync", connection_id=one)) for one in rest))
    together = len(rest) / (time.perf_counter() - begin)
    await at.order("DELETE", "/_sim/faults")
    ended = [(await access.found(at.app, one)).synced_at for one in some]
    if not all(at is not None and at >= begun for at in ended):
        raise RuntimeError("a sync did not come to its end")
    return {"fleet": together / alone}


async def pushes(at: Stand, made: ConnectionId) -> dict[str, float]:
    """Pushes accepted for each second of a core, each verified and noted, of a connection with many mailboxes."""
    identity = next(one["id"] for one in at.tenants if one["domain"] == ORCHARD.domain)
    for number in range(MAILBOXES):
        await mailboxes.keep(at.app.database, made, f"bench{number}", _address(number), position=1)
    audience = f"{at.app.settings.public_url}/api/notifications/gmail"
    await at.order("POST", "/_sim/push-endpoint", {"url": None, "audience": audience})
    await at.pass_time(HOUR)
    await at.order(
        "POST", f"/_sim/tenants/{identity}/mail", {"to": ORCHARD.signs_in, "from": "a@example.com", "subject": "x"}
    )
    (real, *_) = (await at.order("GET", "/_sim/pushes"))["pushes"]
    headers = {name.lower(): value for name, value in real["headers"].items()}
    free = asyncio.Semaphore(PUSHES_AT_ONCE)

    async def push(number: int) -> None:
        content = {"emailAddress": _address(number % MAILBOXES), "historyId": 1000 + number}
        body = json.dumps({"message": {"data": base64.b64encode(json.dumps(content).encode()).decode()}}).encode()
        request = Request(method="POST", path="/api/notifications/gmail", query={}, headers=headers, body=body)
        async with free:
            taken = await answer(at.app, request)
        if taken.status != 204:
            raise RuntimeError(f"a push was answered with {taken.status}")

    await push(0)
    before = spent()
    await asyncio.gather(*(push(number) for number in range(PUSHES)))
    return {"pushes": PUSHES / (spent() - before)}


def _address(number: int) -> str:
    return f"bench{number}@{ORCHARD.domain}"
