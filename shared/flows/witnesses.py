"""Witnesses: who cosigns our checkpoints for a customer, so that the customer need believe neither us nor a cloud.

A witness keeps the largest tree that it has seen of our log, and cosigns the next one only if that has grown from it
(https://c2sp.org/tlog-witness). One that does not answer is asked again in an hour, told once, and blocks nothing.
"""

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa

from shared.connections.events import EventKind, emit
from shared.deployment import signing
from shared.flows.app import App
from shared.foundation import outside
from shared.foundation.concurrency import each
from shared.foundation.cosignatures import cosignature, witness_key
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.foundation.transparency import consistency, verifier_keys
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new
from shared.storage.ids import new_id

log = logging.getLogger(__name__)

# Each is asked every hour, so a customer names no more than a quorum takes.
MAX_WITNESSES = 5
# Sixteen cosignatures of the largest kind are longer than any answer that is of use here.
MAX_ANSWER_BYTES = 16 * 1024
# A witness that knows another size than we thought says so, and is then asked once more.
ATTEMPTS = 2
# One that hangs is waited for, so that many are asked side by side.
AT_ONCE = 32
# A tree's size has no more digits; nor would a database take one.
MAX_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Witness:
    """One witness. `size`: of the last tree that it is known to have seen; `code` and `sentence`: why it fails."""

    id: str
    customer: str
    url: str
    key: str
    made_by: str
    made_at: datetime
    size: int
    failing_since: datetime | None
    code: str | None
    sentence: str | None


async def add(app: App, url: str, key: str, *, customer: str, actor: str) -> Witness:
    """Name a witness by its submission prefix and verifier key.

    Raises Refused `address_not_allowed`, `witness_key_not_valid`, 409 `too_many_witnesses`.
    """
    outside.check(url)
    if urlsplit(url).query or urlsplit(url).fragment:
        raise Refused(400, "address_not_allowed", "url: the witness's submission prefix, without “?” and “#”.")
    witness_key(key)
    made = Witness(
        id=new_id(),
        customer=customer,
        url=url.rstrip("/"),
        key=key.strip(),
        made_by=actor,
        made_at=app.clock.now(),
        size=0,
        failing_since=None,
        code=None,
        sentence=None,
    )
    async with app.database.write() as write:
        if sum(one.customer == customer for one in await every(write)) >= MAX_WITNESSES:
            raise Refused(409, "too_many_witnesses", f"There are {MAX_WITNESSES} witnesses already. Remove one first.")
        await write.execute(sa.insert(db.witnesses).values(vars(made)))
    return made


async def every(read: AsyncConnection) -> list[Witness]:
    """All of them, the oldest first."""
    table = db.witnesses
    rows = await read.execute(sa.select(table).order_by(table.c.made_at, table.c.id))
    return [Witness(**row._mapping) for row in rows]


async def remove(app: App, witness: str, customer: str | None) -> None:
    """Ask one no more; what it cosigned stays. Raises Refused 404 `no_such_witness`, also for another customer's."""
    table = db.witnesses
    mine = [table.c.id == witness, *([] if customer is None else [table.c.customer == customer])]
    async with app.database.write() as write:
        if not (await write.execute(sa.delete(table).where(*mine))).rowcount:
            raise Refused(404, "no_such_witness", "There is no such witness.")


async def log_keys(app: App) -> list[str]:
    """The verifier keys that a witness has to trust for our log, the newest first; made if there was none."""
    await signing.signing_key(app.database, app.seal, app.clock.now())
    return verifier_keys(origin(app), await signing.published(app.database, app.seal))


def origin(app: App) -> str:
    """The name of our log in its checkpoints."""
    return urlsplit(app.settings.public_url).netloc


async def ask(app: App, hashes: Sequence[bytes], note: str) -> None:
    """Have a checkpoint cosigned by each witness that has not done so; `hashes` are the leaves of its tree."""
    async with app.database.read() as read:
        waiting = [one for one in await every(read) if one.size != len(hashes)]

    async def one(witness: Witness) -> None:
        try:
            line, at = await _cosigned(app, witness, hashes, note)
        except FootprintError as error:
            await _fails(app, witness, error)
        else:
            async with app.database.write() as write:
                await _keep(write, witness, len(hashes), line, at)

    await each(waiting, one, at_once=AT_ONCE)


async def cosigned(database: Database, customer: str) -> dict[int, str]:
    """The lines of cosignatures that are for a customer's eyes, by the size of the checkpoint's tree."""
    table, lines = db.cosignatures, dict[int, str]()
    theirs = sa.select(table.c.size, table.c.line).where(table.c.customer.in_(["", customer]))
    async with database.read() as read:
        for size, line in await read.execute(theirs.order_by(table.c.size, table.c.at)):
            lines[size] = lines.get(size, "") + line
    return lines


async def _cosigned(app: App, witness: Witness, hashes: Sequence[bytes], note: str) -> tuple[str, datetime]:
    size, status, answer = witness.size, 409, b""
    for _ in range(ATTEMPTS):
        if size > len(hashes):
            raise _contradicts(witness, f"it has seen {size} heads, and the anchors hold {len(hashes)}")
        body = "".join(f"{line}\n" for line in [f"old {size}", *_proof(hashes, size), "", note.removesuffix("\n")])
        url, inside = f"{witness.url}/add-checkpoint", app.settings.webhooks.inside
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        status, answer = await outside.ask(app.wire, url, headers, body.encode(), inside, MAX_ANSWER_BYTES)
        told = answer.strip()
        if status != 409 or not told.isdigit() or len(told) > MAX_DIGITS or int(told) == size:
            break
        size = int(told)
    if (status == 409 and size == len(hashes)) or status == 422:
        raise _contradicts(witness, "the tree that it has seen did not grow into this one")
    if status != 200:
        raise Permanent("witness_fails", f"The witness {_name(witness)} returned {status} for our checkpoint.")
    try:
        return cosignature(note + answer.decode(), witness_key(witness.key))
    except ValueError:
        raise Permanent("witness_fails", f"The answer of the witness {_name(witness)} cannot be read.") from None


def _proof(hashes: Sequence[bytes], size: int) -> list[str]:
    return [base64.b64encode(one).decode() for one in consistency(hashes, size)]


def _contradicts(witness: Witness, why: str) -> Permanent:
    return Permanent("witness_contradicts", f"The witness {_name(witness)} contradicts our anchors: {why}.")


def _name(witness: Witness) -> str:
    return witness_key(witness.key).name


async def _keep(write: AsyncConnection, witness: Witness, size: int, line: str, at: datetime) -> None:
    values = {"customer": witness.customer, "size": size, "key": witness.key, "line": line, "at": at}
    await write.execute(insert_new(write, db.cosignatures).values(values))
    well = {"size": size, "failing_since": None, "code": None, "sentence": None}
    await write.execute(sa.update(db.witnesses).where(db.witnesses.c.id == witness.id).values(well))


async def _fails(app: App, witness: Witness, error: FootprintError) -> None:
    """Note why, and tell it if the witness did not fail for that reason before."""
    now = app.clock.now()
    why = {"code": error.code, "sentence": error.sentence}
    async with app.database.write() as write:
        values = {**why, "failing_since": witness.failing_since or now}
        await write.execute(sa.update(db.witnesses).where(db.witnesses.c.id == witness.id).values(values))
        if error.code != witness.code:
            content = {"witness": witness.id, "name": _name(witness), **why}
            await emit(write, EventKind.WITNESS, now, content, customer=witness.customer)
    if error.code != witness.code:
        log.error(error.sentence, extra={"code": error.code, "witness": witness.id})
