"""The exit record: what was made, what went, what was the customer's before us, and what is left or not checked.

It is drawn up from the ledger and from one last complete look at the tenant, and signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired

import sqlalchemy as sa
from typing_extensions import TypedDict

from shared.connections.record import Connection
from shared.deployment.sealing import Seal
from shared.deployment.signing import sign
from shared.engine import chain
from shared.engine import ledger as ledgers
from shared.engine.chain import LedgerEntry
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.rows import ByAdministrator, Change, Present, Row
from shared.engine.steps import Tenant, known
from shared.foundation.errors import FootprintError
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import Database, upsert

Result = Literal["clean", "residue", "waiting for the administrator", "degraded"]


class FormerObject(TypedDict):
    """An object that was ours, and what became of it."""

    key: str
    title: str
    identity: str | None
    state: HoldingState
    made_at: str | None
    removed_at: str | None


class KeptObject(TypedDict):
    """An object that stays, as published, because nobody has asked for its removal."""

    key: str
    title: str
    identity: str | None


class Leftover(TypedDict):
    """What is still there, or could not be looked at."""

    key: NotRequired[str]
    title: NotRequired[str]
    identity: NotRequired[str | None]
    why: str


class AdministratorStep(TypedDict):
    """An administrator's step back, and by what it was seen to be done."""

    key: str
    title: str
    done: bool
    evidence: str | None
    instruction: str


class LedgerHead(TypedDict):
    """The ledger that all this is drawn from."""

    entries: int
    head: str


class Certificate(TypedDict):
    """What was made in a tenant, what went, what was the customer's before us, and what is left or was not checked.

    This is the very JSON that is kept and signed: times are ISO 8601 in UTC, and its names never change.
    """

    connection: str
    name: str
    platform: str
    modes: list[str]
    tenant: str | None
    site: Site
    generation: int
    result: Result
    drawn_up_at: str
    changes: list[FormerObject]
    yours_before_us: list[str]
    left_to_another_connection: list[str]
    kept_as_published: list[KeptObject]
    cannot_be_undone: list[str]
    residue: list[Leftover]
    could_not_check: list[Leftover]
    by_administrator: list[AdministratorStep]
    open: list[str]
    ledger: LedgerHead


@dataclass(frozen=True, kw_only=True)
class SignedCertificate:
    """The exit record with a JSON Web Signature (EdDSA) over the same content, and the public key as PEM."""

    content: Certificate
    signature: str
    public_key: str


async def residue(rows: Sequence[Row], tenant: Tenant) -> tuple[list[Leftover], list[Leftover]]:
    """What of ours is still there, and what could not be looked at, by looking at every object once more."""
    tenant.forget_reads()
    left: list[Leftover] = []
    unknown: list[Leftover] = []
    for item in known(rows, tenant.ledger):
        held = tenant.ledger.holdings[item.key]
        if not isinstance(item.row, Change) or held.state in NOT_OURS or held.identity is None:
            continue
        if item.row.offered and held.state is not HoldingState.GONE:
            continue  # stays, as published, because nobody has asked for its removal
        entry: KeptObject = {"key": item.key, "title": item.row.title, "identity": held.identity}
        try:
            observed = await item.row.resource.observe(tenant, item.element, held.identity)
        except FootprintError as error:
            unknown.append({**entry, "why": error.sentence})
            continue
        if isinstance(observed, Present):
            left.append({**entry, "why": "still there"})
    return left, unknown


async def draw_up(
    database: Database,
    connection: Connection,
    rows: Sequence[Row],
    *,
    now: datetime,
    words: Mapping[str, str],
    result: Result,
    left: Sequence[Leftover],
    unknown: Sequence[Leftover],
    still_open: Sequence[str],
) -> Certificate:
    """The certificate's content, kept in the database for this generation of the connection."""
    holdings = await ledgers.holdings_of(database, connection.id)
    history = [entry async for entry in chain.entries(database, connection.id)]
    by_key = {row.key: row for row in rows}

    def last(key: str, acts: tuple[str, ...]) -> LedgerEntry | None:
        found = [e for e in history if e.key == key and e.act in acts and e.state in ("done", "noted")]
        return found[-1] if found else None

    def when(key: str, acts: tuple[str, ...]) -> str | None:
        entry = last(key, acts)
        return entry.at.isoformat() if entry else None

    def evidence(key: str) -> str | None:
        entry = last(key, ("forget", "leave", "miss"))
        return entry.note if entry else None

    def of_ours(key: str) -> bool:
        return isinstance(by_key.get(key.partition("/")[0]), Change)

    content: Certificate = {
        "connection": connection.id,
        "name": connection.name,
        "platform": connection.platform,
        "modes": sorted(connection.modes),
        "tenant": connection.tenant,
        "site": connection.site,
        "generation": connection.generation,
        "result": result,
        "drawn_up_at": now.isoformat(),
        "changes": [
            {
                "key": key,
                "title": by_key[key.partition("/")[0]].title,
                "identity": held.identity,
                "state": held.state,
                "made_at": when(key, ("create", "adopt")),
                "removed_at": when(key, ("remove", "forget")) if held.state is HoldingState.GONE else None,
            }
            for key, held in sorted(holdings.items())
            if of_ours(key)
        ],
        "yours_before_us": [e.key for e in history if e.act == "borrow"],
        "left_to_another_connection": sorted(key for key, held in holdings.items() if held.state is HoldingState.LEFT),
        "kept_as_published": [
            {"key": row.key, "title": row.title, "identity": holdings[row.key].identity}
            for row in rows
            if isinstance(row, Change) and row.offered and _stands(holdings.get(row.key))
        ],
        "cannot_be_undone": sorted({str(e.note) for e in history if e.act == "remark"}),
        "residue": list(left),
        "could_not_check": list(unknown),
        "by_administrator": [
            {
                "key": row.key,
                "title": row.title,
                "done": not _stands(holdings.get(row.key)),
                "evidence": evidence(row.key),
                "instruction": row.removal.format(**words),
            }
            for row in rows
            if isinstance(row, ByAdministrator)
        ],
        "open": list(still_open),
        "ledger": {"entries": len(history), "head": history[-1].hash if history else chain.GENESIS},
    }
    async with database.write() as write:
        await write.execute(
            upsert(write, db.certificates).values(
                connection=connection.id, generation=connection.generation, made_at=now, content=content
            )
        )
    return content


def _stands(held: Holding | None) -> bool:
    return held is not None and held.state is not HoldingState.GONE and held.state not in NOT_OURS


async def latest(database: Database, connection: Connection) -> Certificate | None:
    """The certificate of the connection's present generation, or None."""
    table = db.certificates
    query = sa.select(table.c.content).where(
        table.c.connection == connection.id, table.c.generation == connection.generation
    )
    async with database.read() as read:
        found: Certificate | None = (await read.execute(query)).scalar()
        return found


async def signed(seal: Seal, content: Certificate) -> SignedCertificate:
    """The content with a signature that anyone can check with the public key beside it."""
    signature, public_key = await sign(seal, dict(content))
    return SignedCertificate(content=content, signature=signature, public_key=public_key)
