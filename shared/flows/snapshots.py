"""How a tenant's mail flow was before a grant and after each change since, and how to put it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.connections import snapshots
from shared.connections.record import Connection
from shared.connections.snapshots import Taken
from shared.engine.ledger import NOT_OURS, holdings_of
from shared.flows import reading
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.platforms.history import FlowChange, FlowPicture, History


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One snapshot, with what differs from the one before it. `content` has our secrets by name."""

    taken: Taken
    changes: Sequence[FlowChange]
    content: Mapping[str, Any]


async def one(app: App, connection: Connection, number: int, actor: str) -> Snapshot:
    """A snapshot, whole. Who is handed it stands in the ledger. Raises Refused if it is not kept."""
    history, taken = _history(app, connection), await _taken(app, connection, number)
    before = [each.number for each in await snapshots.listed(app.database, connection.id) if each.number < number]
    text = await _content(app, connection, number)
    ours = await _ours(app, connection)
    changes = history.changes(await _content(app, connection, before[-1]), text, ours) if before else []
    await reading.note(app, connection, actor, f"snapshot {number} of the mail flow", number=1)
    return Snapshot(taken=taken, changes=changes, content=history.content(text))


async def undo(app: App, connection: Connection, number: int, actor: str) -> str:
    """A script that puts the mail flow back to a snapshot, from the newest one. Raises Refused if it is not kept."""
    history = _history(app, connection)
    kept = await snapshots.listed(app.database, connection.id)
    then = await _content(app, connection, number)
    now = await _content(app, connection, kept[-1].number)
    await reading.note(app, connection, actor, f"script back to snapshot {number} of the mail flow", number=1)
    return history.undo(then, now, await _ours(app, connection))


async def pictures(app: App, connection: Connection) -> tuple[Taken, Sequence[FlowPicture]] | None:
    """The ways of mail by the newest snapshot, with when that was taken; None where there is none."""
    history = app.platforms[connection.platform].history()
    kept = await snapshots.listed(app.database, connection.id)
    if history is None or not kept:
        return None
    return kept[-1], await history.pictures(connection, await _content(app, connection, kept[-1].number))


async def _taken(app: App, connection: Connection, number: int) -> Taken:
    for each in await snapshots.listed(app.database, connection.id):
        if each.number == number:
            return each
    raise _not_kept(number)


async def _content(app: App, connection: Connection, number: int) -> str:
    text = await snapshots.content(app.database, app.seal, connection.id, number)
    if text is None:
        raise _not_kept(number)
    return text


async def _ours(app: App, connection: Connection) -> frozenset[str]:
    held = (await holdings_of(app.database, connection.id)).values()
    return frozenset(each.identity for each in held if each.identity and each.state not in NOT_OURS)


def _history(app: App, connection: Connection) -> History:
    history = app.platforms[connection.platform].history()
    if history is None:
        raise Refused(404, "no_snapshots", "No snapshots of the mail flow are kept on this platform.")
    return history


def _not_kept(number: int) -> Refused:
    return Refused(404, "no_such_snapshot", f"There is no snapshot {number}, or it is kept no longer.")
