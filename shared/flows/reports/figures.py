"""What a report tells, counted by the database: no row is read that is not a sum, and no message's content is known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.connections import call_log, tokens
from shared.engine import statistics
from shared.flows.reports.periods import Period
from shared.foundation.schedule import HOUR
from shared.protection import decisions, mailboxes, sync_history
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

# More policies, or drifted objects, than these are told as one.
TOP = 10
KINDS = ("users", "groups", "members")


async def gather(
    database: Database, connection_id: ConnectionId, period: Period, *, reads: str | None, now: datetime
) -> dict[str, Any]:
    """What happened in a period, and how the connection is now, JSON-ready.

    `reads` is the platform's name for reading one message, None if it has none. Where no mailbox is read, `mail` and
    `watches` are None.
    """
    span = connection_id, period.begin, period.end
    async with database.read() as read:
        watched = await mailboxes.watched(read, connection_id, now) if reads else None
        watches = asdict(watched) if watched and watched.mailboxes else None
        # Tokens are renewed every hour: one that ran out just now is as it should be.
        kept = await tokens.kept(read, connection_id, now - HOUR)
        made, failed = await call_log.outcomes(read, *span)
        return {
            "mail": await _mail(read, connection_id, period, reads) if reads and watches else None,
            "directory": await _directory(read, connection_id, period),
            "changes": await statistics.changes(read, *span),
            "drift": asdict(await statistics.drift(read, *span, most=TOP)),
            "calls": {"made": made, "failed": failed} if made else None,
            "tokens": {
                "kept": kept.number,
                "expired": kept.expired,
                "renewed_at": kept.renewed_at.isoformat() if kept.renewed_at else None,
            },
            "watches": watches,
        }


async def _mail(read: AsyncConnection, connection_id: ConnectionId, period: Period, reads: str) -> dict[str, Any]:
    """Messages that were looked at and acted on: in all, by step of the period, by policy."""
    steps = period.steps()
    ends = [end for _, end in steps]
    total, looked = await call_log.objects_by_step(read, connection_id, reads, period.begin, ends)
    done = await decisions.counted(read, connection_id, period.begin, ends)
    acts: list[dict[str, int]] = [{} for _ in steps]
    for step, action, count in done.by_step:
        acts[step][action] = count
    policies = [{"policy": policy, "action": action, "number": count} for policy, action, count in done.by_policy]
    rest = sum(count for _, _, count in done.by_policy[TOP:])
    return {
        "looked_at": total,
        "acted_on": done.messages,
        "uninspected": done.uninspected,
        "actions": _sums(acts),
        "policies": policies[:TOP] + ([{"policy": "all others", "action": "", "number": rest}] if rest else []),
        "steps": [
            {"step": label, "looked_at": looked.get(place, 0), "actions": acts[place]}
            for place, (label, _) in enumerate(steps)
        ],
    }


def _sums(rows: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(row.get(name, 0) for row in rows) for name in sorted({name for row in rows for name in row})}


async def _directory(read: AsyncConnection, connection_id: ConnectionId, period: Period) -> dict[str, Any]:
    """How much the copy held at the period's end, and what came and went: the difference of two notes of it."""
    last = await sync_history.last_before(read, connection_id, period.end)
    before = await sync_history.last_before(read, connection_id, period.begin)
    # At its very first a directory has not grown, it has become known.
    first = before or await sync_history.first(read, connection_id)
    syncs = await sync_history.count(read, connection_id, period.begin, period.end)
    told: dict[str, Any] = {"syncs": syncs, "held": None, "changes": None}
    if last and first:
        gone = {kind: last.gone.get(kind, 0) - first.gone.get(kind, 0) for kind in KINDS}
        come = {kind: last.held[kind] - first.held[kind] + gone[kind] for kind in KINDS}
        told["held"] = last.held
        told["changes"] = {kind: {"added": come[kind], "removed": gone[kind]} for kind in KINDS}
    return told
