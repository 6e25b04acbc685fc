"""The ledgers' heads, anchored each hour where the database's owner cannot change them, and held against it each night.

Each line holds the heads that grew and the signed checkpoint of the tree of all heads so far.
"""

import base64
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.connections.events import EventKind, emit
from shared.connections.record import Connection
from shared.deployment import signing
from shared.deployment.anchor_stores import AnchorStore
from shared.engine import chain, erasure
from shared.engine.certificate import Certificate
from shared.flows import witnesses
from shared.flows.app import App
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.foundation.transparency import checkpoint, inclusion, leaf_hash, opened_checkpoint, root, roots, size_of
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Anchored:
    """What the anchors hold: the leaves' hashes, the last head of each connection, and each checkpoint."""

    hashes: list[bytes] = field(default_factory=list)
    heads: dict[ConnectionId, tuple[int, str]] = field(default_factory=dict)
    leaves: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)


async def anchor(app: App) -> None:
    """Append the heads of the chains that grew, and have the newest checkpoint cosigned; nothing if no place is set."""
    if (store := app.anchors) is None:
        return
    await _append(app, store)
    if (known := _read(await store.lines())).checkpoints:
        await witnesses.ask(app, known.hashes, known.checkpoints[-1])


async def _append(app: App, store: AnchorStore) -> None:
    known = _read(await store.lines())
    grown = [
        {"connection": connection, "entries": entries, "head": head}
        for connection, (entries, head) in sorted((await chain.heads(app.database)).items())
        if entries > known.heads.get(connection, (0, ""))[0]
    ]
    if not grown:
        return
    hashes = [*known.hashes, *map(leaf_hash, grown)]
    key = await signing.signing_key(app.database, app.seal, app.clock.now())
    note = checkpoint(witnesses.origin(app), len(hashes), root(hashes), key.public, key.signature)
    if not await store.append(len(known.checkpoints), json.dumps({"leaves": grown, "checkpoint": note})):
        return  # another process was faster, and the next hour takes the rest
    async with app.database.write() as write:
        await emit(write, EventKind.ANCHOR, app.clock.now(), {"ledgers": len(grown), "checkpoint": note})


async def differences(app: App) -> list[str]:
    """What in the ledgers does not fit their anchors, in sentences: cut off, written anew, changed or unreadable."""
    if (store := app.anchors) is None:
        return []
    try:
        known = _read(await store.lines())
        await _signed(app, known)
    except FootprintError as error:
        return [error.sentence]
    found, erased = [], await erasure.erased(app.database)
    for connection, (entries, head) in known.heads.items():
        if connection in erased:
            if erased[connection][0] < entries:
                found.append(f"Connection {connection} was erased with fewer entries than are anchored.")
        elif await chain.hash_of(app.database, connection, entries) != head:
            found.append(f"The ledger of connection {connection} is not the one that was anchored at entry {entries}.")
    broken = {one: await chain.verify(app.database, one) for one in await chain.heads(app.database)}
    told = [f"The ledger of connection {one} is broken at entry {at}." for one, at in broken.items() if at is not None]
    return found + told


async def hold(app: App) -> None:
    """Log whatever does not fit, as errors."""
    for sentence in await differences(app):
        log.error(sentence, extra={"code": "ledger_not_as_anchored"})


async def proof(
    app: App, connection: Connection, content: Certificate, size: int | None = None
) -> dict[str, Any] | None:
    """That a certificate's ledger is in a signed tree, or None while it is not anchored.

    `size`: of the tree whose checkpoint somebody kept; None is the newest that a witness has cosigned, or of all.
    Raises Refused 404 `no_such_checkpoint`.
    """
    if (store := app.anchors) is None:
        return None
    known = _read(await store.lines())
    leaf = {"connection": connection.id, **content["ledger"]}
    if leaf not in known.leaves:
        return None
    index, lines = known.leaves.index(leaf), await witnesses.cosigned(app.database, connection.customer)
    if size is None:
        sizes = {size_of(one) for one in known.checkpoints} & lines.keys()
        size = max((one for one in sizes if one > index), default=len(known.hashes))
    note = next((one for one in known.checkpoints if size_of(one) == size > index), "")
    if not note:
        raise Refused(404, "no_such_checkpoint", f"No checkpoint of {size} heads holds this ledger. Name a later one.")
    path = [base64.b64encode(one).decode() for one in inclusion(known.hashes[:size], index)]
    return {"index": index, "proof": path, "checkpoint": note + lines.get(size, "")}


async def _signed(app: App, known: Anchored) -> None:
    keys = await signing.published(app.database, app.seal)
    given = dict(opened_checkpoint(note, keys) for note in known.checkpoints)
    seen = {size: tree for size, tree in enumerate(roots(known.hashes), 1) if size in given}
    if seen != given or max(given, default=0) != len(known.hashes):
        raise Permanent("anchor_not_valid", "The anchors are not what their checkpoints signed.")


def _read(lines: Sequence[str]) -> Anchored:
    known = Anchored()
    for line in lines:
        try:
            record = json.loads(line)
            known.checkpoints.append(record["checkpoint"])
            for leaf in record["leaves"]:
                known.leaves.append(leaf)
                known.hashes.append(leaf_hash(leaf))
                known.heads[leaf["connection"]] = leaf["entries"], leaf["head"]
        except (ValueError, KeyError, TypeError):
            raise Permanent("anchor_not_valid", "A line of the anchors cannot be read.") from None
    return known
