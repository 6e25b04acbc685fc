"""Console sessions: what a browser's cookie stands for, and for how long. The table alone lets nobody in, nor does
writing to it: each row bears a MAC by a key of the deployment."""

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import DEPLOYMENT
from shared.flows.app import App
from shared.storage import tables as db
from shared.web.actors import Actor, Role
from shared.web.http import Request

# A session ends so long after it was last used, and at the latest so long after it began.
IDLE = timedelta(hours=1)
SESSION_MAX_AGE = timedelta(hours=8)
# So often the issuer is asked again whether the account still has its role.
PROVEN_FOR = timedelta(minutes=15)

Proof = Callable[[App, Actor, str], Awaitable[tuple[Actor, str] | None]]
"""Asks the issuer, with a refresh token, who an account is now; and gives the next refresh token. None: nobody. Of the
break-glass account it is the secret's digest, and what is asked is whether its door is still open."""

log = logging.getLogger(__name__)


async def begin(app: App, actor: Actor, proof: str = "") -> str:
    """Begin a session. Returns its cookie, as a Set-Cookie header has it.

    `proof` is what `Proof` takes. An account of an issuer that gave no refresh token signs in again after PROVEN_FOR.
    """
    token, now = secrets.token_urlsafe(32), app.clock.now()
    row = await _row(app, _digest(token), actor, begun_at=now, now=now, proof=proof)
    async with app.database.write() as write:
        await write.execute(sa.delete(db.sessions).where(db.sessions.c.expires_at <= now))
        await write.execute(sa.insert(db.sessions).values(row))
    log.info("console session begun", extra={"actor": actor.name, "subject": actor.subject, "role": str(actor.role)})
    return cookie(app, _name(app), token, SESSION_MAX_AGE)


async def _row(app: App, number: str, actor: Actor, *, begun_at: datetime, now: datetime, proof: str) -> dict[str, Any]:
    """A row of the table, whole. What may change without the issuer's word is outside of its MAC."""
    sealed = (await app.seal.box(DEPLOYMENT)).seal(proof, about=f"session {number}") if proof else None
    row = {
        "id": number,
        "subject": actor.subject,
        "name": actor.name,
        "role": actor.role.value,
        "customer": actor.customer,
        "begun_at": begun_at,
        "proven_at": now,
        "expires_at": min(now + IDLE, begun_at + SESSION_MAX_AGE),
        "sealed": sealed,
    }
    return row | {"mac": (await _macs(app, row))[0]}


async def _macs(app: App, row: Any) -> list[bytes]:
    """A row's MAC by each of the deployment's keys, the present one first."""
    said = [row[name] for name in ("id", "subject", "name", "role", "customer")]
    said += [row[name].isoformat() for name in ("begun_at", "proven_at")]
    content = json.dumps(said).encode()
    return [hmac.digest(key, content, "sha256") for key in await app.seal.each_derived("sessions")]


async def current(app: App, request: Request, prove: Proof) -> Actor | None:
    """Whose session the request's cookie stands for; None if it stands for none, or not any more."""
    token, table, now = request.cookie(_name(app)), db.sessions, app.clock.now()
    if not token:
        return None
    this = table.c.id == _digest(token)
    async with app.database.read() as read:
        row = (await read.execute(sa.select(table).where(this, table.c.expires_at > now))).mappings().first()
    if row is None or now >= row["begun_at"] + SESSION_MAX_AGE:
        return None
    if not any(hmac.compare_digest(row["mac"], one) for one in await _macs(app, row)):
        log.error("a session's row bears no MAC of ours: the database was written to", extra={"actor": row["name"]})
        return None
    actor = Actor(name=row["name"], role=Role(row["role"]), customer=row["customer"], subject=row["subject"])
    if now >= row["proven_at"] + PROVEN_FOR and actor.needs_proof:
        return await _proven_again(app, row, actor, prove)
    until = min(now + IDLE, row["begun_at"] + SESSION_MAX_AGE)
    # Not with every request: a look should not cost a write.
    if row["expires_at"] - now < IDLE / 2 and until > row["expires_at"]:
        async with app.database.write() as write:
            await write.execute(sa.update(table).where(this).values(expires_at=until))
    return actor


async def _proven_again(app: App, row: Any, before: Actor, prove: Proof) -> Actor | None:
    """Who the account is by the issuer's word now. A session whose account or role is gone ends."""
    this, now = db.sessions.c.id == row["id"], app.clock.now()
    found = None
    if row["sealed"] is not None:
        proof = (await app.seal.box(DEPLOYMENT)).unseal(row["sealed"], about=f"session {row['id']}")
        found = await prove(app, before, proof)
    if found is None or found[0].subject != before.subject:
        log.info("console session ended: its account is not proven any more", extra={"subject": before.subject})
        await _delete(app, this)
        return None
    actor, following = found
    changed = await _row(app, row["id"], actor, begun_at=row["begun_at"], now=now, proof=following)
    async with app.database.write() as write:
        await write.execute(sa.update(db.sessions).where(this).values(changed))
    return actor


async def end(app: App, request: Request) -> None:
    """End the session of the request's cookie."""
    await _delete(app, db.sessions.c.id == _digest(request.cookie(_name(app))))


async def end_all(app: App, actor: Actor) -> None:
    """End every session of an account."""
    await _delete(app, db.sessions.c.subject == actor.subject)


async def listed(app: App, customer: str | None) -> list[Any]:
    """Every session that has not ended, the newest first; of one customer's accounts, or of all."""
    table = db.sessions
    mine = [] if customer is None else [table.c.customer == customer]
    query = sa.select(table).where(table.c.expires_at > app.clock.now(), *mine).order_by(table.c.begun_at.desc())
    async with app.database.read() as read:
        return list((await read.execute(query)).all())


async def end_other(app: App, number: str, customer: str | None) -> bool:
    """End a session by its number; False if there is none that one may see."""
    mine = [db.sessions.c.id == number] + ([] if customer is None else [db.sessions.c.customer == customer])
    return await _delete(app, *mine) > 0


async def _delete(app: App, *which: sa.ColumnElement[bool]) -> int:
    async with app.database.write() as write:
        return (await write.execute(sa.delete(db.sessions).where(*which))).rowcount


def cleared(app: App) -> str:
    """A Set-Cookie header that has the browser forget its cookie."""
    return cookie(app, _name(app), "", timedelta(0))


def cookie(app: App, name: str, value: str, life: timedelta) -> str:
    """A Set-Cookie header for what nobody but the server should read."""
    # Not Strict: the browser comes back from the issuer by a redirect across sites, on which such a cookie stays at
    # home. What a form of another site sends along is refused by its origin instead.
    rest = "; HttpOnly; SameSite=Lax" + ("; Secure" if secure(app) else "")
    return f"{name}={value}; Path=/; Max-Age={int(life.total_seconds())}{rest}"


def secure(app: App) -> bool:
    """Whether browsers reach us by https only; on one machine they do not."""
    return app.settings.public_url.startswith("https:")


def _name(app: App) -> str:
    # With the prefix a browser takes it from this very host only, and only by https.
    return "__Host-footprint" if secure(app) else "footprint"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
