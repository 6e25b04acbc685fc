"""What `make bench` holds to a limit, for it is the same on every machine: statements, calls, bytes, messages."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.local.bench import nights
from infra.local.bench.counted import counted
from infra.local.bench.counts import BYTES, COSTS, MESSAGES_A_NIGHT
from infra.local.bench.stand import Stand
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.foundation.schedule import DAY
from shared.storage.ids import ConnectionId

NIGHT = 500
KINDS = ("statements", "transactions", "writes", "calls")
Limits = Mapping[str, float]


async def counted_at(at: Stand, made: ConnectionId) -> dict[str, float]:
    """What each job of a Microsoft 365 connection costs of which nothing has changed, by `job kind`."""
    found = dict[str, float]()
    for job in (name for platform, name in COSTS if platform == "microsoft365"):
        if job == "sync":
            await at.pass_time(DAY)
            await run(at.app, Job(name="refresh", connection_id=made))
        before = await at.order("GET", "/_sim/calls")
        with counted(at.app.database) as count:
            await run(at.app, Job(name=job, connection_id=made))
        after = await at.order("GET", "/_sim/calls")
        # The kill switch is asked by the clock, however long a machine takes.
        statements = [text for text, _ in count.statements if not text.startswith("SELECT halts")]
        calls = after["calls"] - before["calls"]
        figures = (len(statements), count.transactions, len(count.writes), calls)
        found |= {f"{job} {kind}": float(figure) for kind, figure in zip(KINDS, figures, strict=True)}
        found[f"{job} bytes"] = float(after["bytes"] - before["bytes"])
    return found


async def messages() -> dict[str, float]:
    """The messages of a small night, for each connection."""
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        return {"night messages": float((await nights.night(NIGHT, Path(folder)))[1].replace(",", "")) / NIGHT}


def limits() -> Limits:
    """What each of them may be at most."""
    ours = {job: cost for (platform, job), cost in COSTS.items() if platform == "microsoft365"}
    held = {f"{job} {kind}": float(getattr(cost, kind)) for job, cost in ours.items() for kind in KINDS}
    return held | {f"{job} bytes": float(most) for job, most in BYTES.items()} | {"night messages": MESSAGES_A_NIGHT}


def over(figures: Mapping[str, float]) -> list[str]:
    """A sentence for each that is over its limit, or that was not counted."""
    return [
        f"{name}: {'not counted' if name not in figures else f'{figures[name]:g}'}, at most {most:g}"
        for name, most in limits().items()
        if figures.get(name, float("inf")) > most
    ]
