"""The exit record: what was made, what went, what was the customer's before us, and what is left or not checked.

It is drawn up from the ledger and from one last complete look at the tenant, signed once in the same transaction, and
kept as it was signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypeGuard

import sqlalchemy as sa
from typing_extensions import TypedDict

from shared.connections.record import Connection
from shared.deployment.sealing import Seal
from shared.deployment.signing import SigningKey, published
from shared.engine.chain import LedgerEntry
from shared.engine.incarnations import row_key
from shared.engine.ledger import FORMER, NOT_OURS, Holding, HoldingState
from shared.engine.ledger_summary import NEVER_SEEN, Summary, summarised
from shared.engine.promise import Promise, compared
from shared.engine.rows import ByAdministrator, Change, Row
from shared.foundation.errors import Permanent
from shared.foundation.schedule import Site
from shared.foundation.signatures import CERTIFICATE, canonical, opened, unchecked
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert

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
    """An object that stays, as published, because its removal was not requested."""

    key: str
    title: str
    identity: str | None


class Leftover(TypedDict):
    """What is still there, or could not be checked."""

    key: NotRequired[str]
    title: NotRequired[str]
    identity: NotRequired[str | None]
    why: str


class Looked(TypedDict):
    """How one kind of object was last checked."""

    key: str
    title: str
    at: str
    how: str
    found: str


class Counts(TypedDict):
    """How many objects there were; what was there before us is none of those that were created."""

    created: int
    removed: int
    pre_existing: int


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
    """What was created in a tenant and what was removed, what was pre-existing, and what is left or was not checked.

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
    counts: Counts
    changes: list[FormerObject]
    yours_before_us: list[str]
    cannot_tell_whose: list[str]
    """Elements of lists that the customer uses too, left because nothing shows who put them there."""
    left_to_another_connection: list[str]
    kept_as_published: list[KeptObject]
    cannot_be_undone: list[str]
    residue: list[Leftover]
    could_not_check: list[Leftover]
    bears_our_mark: list[Leftover]
    """What bears a sign of ours under an id that the ledger does not know; left, for it may be anybody's."""
    looked: list[Looked]
    not_checkable: list[Leftover]
    by_administrator: list[AdministratorStep]
    open: list[str]
    promise: Promise | None
    ledger: LedgerHead


@dataclass(frozen=True, kw_only=True)
class SignedCertificate:
    """A certificate as it was signed: `signature` is a compact JWS of the canonical form of `content`."""

    content: Certificate
    signature: str

    @property
    def kid(self) -> str:
        """The id of the key that signed it: the SHA-256 thumbprint of its public half (RFC 7638)."""
        kid: str = unchecked(self.signature, 0)["kid"]
        return kid


@dataclass(frozen=True, kw_only=True)
class LastLook:
    """What one complete look at the tenant found: of ours, not to be seen, and how each kind was looked at."""

    left: Sequence[Leftover] = ()
    unknown: Sequence[Leftover] = ()
    looked: Sequence[Looked] = ()
    unrecorded: Sequence[Leftover] = ()
    not_checkable: Sequence[Leftover] = ()


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All that a certificate says beside the ledger, and the key that will sign it."""

    connection: Connection
    rows: Sequence[Row]
    holdings: Mapping[str, Holding]
    now: datetime
    words: Mapping[str, str]
    result: Result
    look: LastLook
    still_open: Sequence[str]
    key: SigningKey


async def draw_up(write: AsyncConnection, draft: Draft) -> None:
    """Sign the certificate and keep it, inside the transaction that writes the last entry it certifies."""
    content = _content(draft, await summarised(write, draft.connection.id))
    values = {
        "connection": draft.connection.id,
        "generation": draft.connection.generation,
        "made_at": draft.now,
        "signed": draft.key.jws(canonical(content), CERTIFICATE),
    }
    await write.execute(upsert(write, db.certificates).values(values))


def _content(draft: Draft, history: Summary) -> Certificate:
    connection, rows, holdings, look = draft.connection, draft.rows, draft.holdings, draft.look
    by_key = {row.key: row for row in rows}

    def last(key: str, acts: tuple[str, ...]) -> LedgerEntry | None:
        found = [history.last[key, act] for act in acts if (key, act) in history.last]
        return max(found, key=lambda entry: entry.number, default=None)

    def when(held: Holding, acts: tuple[str, ...]) -> str | None:
        row, former, _ = held.key.partition(FORMER)
        found = [entry for act in acts if (entry := history.of.get((row, act, held.identity or "")))]
        of_key = None if former else last(held.key, acts)
        entry = max(found, key=lambda entry: entry.number, default=of_key)
        return entry.at.isoformat() if entry else None

    def evidence(key: str) -> str | None:
        entry = last(key, ("forget", "leave", "miss"))
        return entry.note if entry else None

    ours = {
        key: held
        for key, held in sorted(holdings.items())
        if isinstance(by_key.get(row_key(key)), Change) and held.state not in NOT_OURS
        # What is not there and never was, for its creation was refused, is nobody's business.
        if held.state is not HoldingState.GONE or held.identity or last(key, ("create", "adopt"))
    }
    unseen: list[Leftover] = [
        {"key": key, "title": by_key[row_key(key)].title, "why": NEVER_SEEN}
        for key in history.never_seen(holdings)
        if row_key(key) in by_key
    ]
    before_us = sorted(key for key, held in holdings.items() if held.state is HoldingState.BORROWED)
    removed = sum(held.state is HoldingState.GONE for held in ours.values())
    return {
        "connection": connection.id,
        "name": connection.name,
        "platform": connection.platform,
        "modes": sorted(connection.modes),
        "tenant": connection.tenant,
        "site": connection.site,
        "generation": connection.generation,
        "result": draft.result,
        "drawn_up_at": draft.now.isoformat(),
        "counts": {"created": len(ours), "removed": removed, "pre_existing": len(before_us)},
        "changes": [
            {
                "key": key,
                "title": by_key[row_key(key)].title,
                "identity": held.identity,
                "state": held.state,
                "made_at": when(held, ("create",)) or when(held, ("adopt",)),
                "removed_at": when(held, ("remove", "forget")) if held.state is HoldingState.GONE else None,
            }
            for key, held in ours.items()
        ],
        "yours_before_us": before_us,
        "cannot_tell_whose": sorted(key for key, held in holdings.items() if held.state is HoldingState.UNSURE),
        "left_to_another_connection": sorted(key for key, held in holdings.items() if held.state is HoldingState.LEFT),
        "kept_as_published": [
            {"key": row.key, "title": row.title, "identity": holdings[row.key].identity}
            for row in rows
            if isinstance(row, Change) and row.offered and _stands(held := holdings.get(row.key)) and held.identity
        ],
        "cannot_be_undone": sorted(history.remarks),
        "residue": list(look.left),
        "could_not_check": list(look.unknown),
        "bears_our_mark": list(look.unrecorded),
        "looked": list(look.looked),
        "not_checkable": [*look.not_checkable, *unseen],
        "by_administrator": [
            {
                "key": row.key,
                "title": row.title,
                "done": not _stands(holdings.get(row.key)),
                "evidence": evidence(row.key),
                "instruction": row.removal.format(**draft.words),
            }
            for row in rows
            if isinstance(row, ByAdministrator)
        ],
        "open": list(draft.still_open),
        "promise": compared(holdings, history),
        "ledger": {"entries": history.entries, "head": history.head},
    }


def _stands(held: Holding | None) -> TypeGuard[Holding]:
    return held is not None and held.state is not HoldingState.GONE and held.state not in NOT_OURS


async def signed(database: Database, connection: Connection) -> SignedCertificate | None:
    """The certificate of the connection's present generation as it is stored, or None; its signature is not checked."""
    table = db.certificates
    query = sa.select(table.c.signed).where(
        table.c.connection == connection.id, table.c.generation == connection.generation
    )
    async with database.read() as read:
        found = (await read.execute(query)).scalar()
    if found is None:
        return None
    return SignedCertificate(content=unchecked(found, 1), signature=found)


async def latest(database: Database, connection: Connection) -> Certificate | None:
    """The content of that certificate, or None."""
    found = await signed(database, connection)
    return found.content if found else None


async def proven(database: Database, seal: Seal, connection: Connection) -> SignedCertificate | None:
    """The certificate after its signature has been checked. Raises Permanent if the database holds another."""
    found = await signed(database, connection)
    if found is None:
        return None
    opened(found.signature, await published(database, seal), CERTIFICATE)
    if (found.content["connection"], found.content["generation"]) != (connection.id, connection.generation):
        raise Permanent("signature_not_valid", "The stored certificate is another connection's.")
    return found
