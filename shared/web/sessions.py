"""Console sessions: what a browser's cookie stands for, and for how long. The table alone lets nobody in."""

import hashlib
import logging
import secrets
from datetime import timedelta

import sqlalchemy as sa

from shared.flows.app import App
from shared.storage import tables as db
from shared.web.http import Actor, Request, Role

# A session ends so long after it was last used, and at the latest so long after it began: a role that was taken away
# at the issuer is not held much longer here.
IDLE = timedelta(hours=1)
SESSION_MAX_AGE = timedelta(hours=8)

log = logging.getLogger(__name__)


async def begin(app: App, actor: Actor) -> str:
    """Begin a session. Returns its cookie, as a Set-Cookie header has it."""
    token, now = secrets.token_urlsafe(32), app.clock.now()
    row = {
        "id": _digest(token),
        "name": actor.name,
        "role": actor.role.value,
        "customer": actor.customer,
        "begun_at": now,
        "expires_at": now + IDLE,
    }
    async with app.database.write() as write:
        await write.execute(sa.delete(db.sessions).where(db.sessions.c.expires_at <= now))
        await write.execute(sa.insert(db.sessions).values(row))
    log.info("console session begun", extra={"actor": actor.name})
    return cookie(app, _name(app), token, SESSION_MAX_AGE)


async def current(app: App, request: Request) -> Actor | None:
    """Whose session the request's cookie stands for; None if it stands for none, or not any more."""
    token, table, now = request.cookie(_name(app)), db.sessions, app.clock.now()
    if not token:
        return None
    this = table.c.id == _digest(token)
    async with app.database.read() as read:
        row = (await read.execute(sa.select(table).where(this, table.c.expires_at > now))).first()
    if row is None:
        return None
    until = min(now + IDLE, row.begun_at + SESSION_MAX_AGE)
    # Not with every request: a look should not cost a write.
    if row.expires_at - now < IDLE / 2 and until > row.expires_at:
        async with app.database.write() as write:
            await write.execute(sa.update(table).where(this).values(expires_at=until))
    return Actor(name=row.name, role=Role(row.role), customer=row.customer)


async def end(app: App, request: Request) -> None:
    """End the session of the request's cookie."""
    await _delete(app, db.sessions.c.id == _digest(request.cookie(_name(app))))


async def end_all(app: App, actor: Actor) -> None:
    """End every session under the same name and for the same customer."""
    await _delete(app, db.sessions.c.name == actor.name, db.sessions.c.customer == actor.customer)


async def _delete(app: App, *which: sa.ColumnElement[bool]) -> None:
    async with app.database.write() as write:
        await write.execute(sa.delete(db.sessions).where(*which))


def cleared(app: App) -> str:
    """A Set-Cookie header that has the browser forget its cookie."""
    return cookie(app, _name(app), "", timedelta(0))


def cookie(app: App, name: str, value: str, life: timedelta, path: str = "/") -> str:
    """A Set-Cookie header for what nobody but the server should read."""
    # Not Strict: the browser comes back from the issuer by a redirect across sites, on which such a cookie stays at
    # home. What a form of another site sends along is refused by its origin instead.
    rest = "; HttpOnly; SameSite=Lax" + ("; Secure" if secure(app) else "")
    return f"{name}={value}; Path={path}; Max-Age={int(life.total_seconds())}{rest}"


def secure(app: App) -> bool:
    """Whether browsers reach us by https only; on one machine they do not."""
    return app.settings.public_url.startswith("https:")


def _name(app: App) -> str:
    # With the prefix a browser takes it from this very host only, and only by https.
    return "__Host-footprint" if secure(app) else "footprint"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
