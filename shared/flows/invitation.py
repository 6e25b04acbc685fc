"""The invitation of a tenant's administrator: a link that is made, shown, renewed and ended.

The link is `/connect#token`. A browser sends nobody what stands behind the `#`, so no log of a path has the token: the
page's script posts it, and the browser gets a cookie for it. The cookie is that browser's alone, and a consent that is
begun in one browser is ended in no other.
"""

import hashlib
import secrets
from datetime import timedelta

from shared.connections import record
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows.access import found
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId

LINK = "consent link"
LINK_LIFE = timedelta(days=7)
# Who consents is no account of ours, and their own name is forgotten in the end, which the ledger is not.
ADMINISTRATOR = "the tenant's administrator"
# A look at the tenant costs some dozens of calls there, and each holder of the link may ask for one.
MAX_CHECKS_AN_HOUR = 12


async def link(app: App, connection_id: ConnectionId) -> str:
    """The connection's link to the page that an administrator sees before consenting; a new one if there is none.

    It is valid for a week and never renewed silently.
    """
    return await live(app, connection_id) or await _invite(app, connection_id)


async def live(app: App, connection_id: ConnectionId) -> str | None:
    """The connection's link, while it is valid."""
    token = await app.links.newest(LINK, connection_id)
    return _address(app, token) if token else None


async def _invite(app: App, connection_id: ConnectionId) -> str:
    token, now = await app.links.create(LINK, connection_id, LINK_LIFE), app.clock.now()
    sent = {"invited_at": now, "invitation_opened_at": None, "invitation_expires_at": now + LINK_LIFE}
    async with app.database.write() as write:
        await record.update(write, connection_id, **sent)
    return _address(app, token)


def _address(app: App, token: str) -> str:
    return f"{app.settings.public_url}/connect#{token}"


async def enter(app: App, token: str) -> str:
    """What a browser holds from now on that has opened a link: the link's token, and a secret of its own.

    Raises Refused if the link is not good any more.
    """
    connection = await visited(app, token)
    if connection.invitation_opened_at is None:
        async with app.database.write() as write:
            await record.update(write, connection.id, invitation_opened_at=app.clock.now())
    return f"{token}~{secrets.token_urlsafe(24)}"


async def held(app: App, browser: str) -> Connection:
    """The connection of the link that a browser has opened. Raises Refused if the link is not good any more."""
    return await found(app, await app.links.follow(LINK, browser.partition("~")[0]))


async def visited(app: App, browser: str) -> Connection:
    """The same for a page: a link ends with its connection."""
    connection = await held(app, browser)
    if connection.stage is Stage.CLOSED:
        raise Refused(
            410,
            "connection_given_up",
            "This connection is closed, and its invitation with it. Ask your provider for a new one to connect again.",
        )
    return connection


def mark(browser: str) -> str:
    """What stands for a browser where its secret must not."""
    return hashlib.sha256(browser.encode()).hexdigest()


async def refuse_too_many(app: App, connection: Connection, *, came_back: int = 0) -> None:
    """Raises Refused once holders of the link have had the tenant looked at often enough within the hour.

    `came_back`: how often browsers have just come back from the platform, which is asked each time what they brought.
    """
    since = app.clock.now() - timedelta(hours=1)
    if (
        came_back >= MAX_CHECKS_AN_HOUR
        or await chain.orders_since(app.database, connection.id, ADMINISTRATOR, since) >= MAX_CHECKS_AN_HOUR
    ):
        raise Refused(
            429,
            "looked_often_enough",
            "Too many checks for now. The next automatic check is within the hour.",
            after=timedelta(hours=1),
        )


async def renew(app: App, connection: Connection, actor: str) -> str:
    """End every link of a connection and make a new one. The fourteen days of an invitation begin again."""
    now = app.clock.now()
    async with app.database.write() as write:
        if not await record.unchanged(write, connection) or connection.stage is Stage.CLOSED:
            raise Refused(
                409, "connection_ended", "This connection is closed: create a new one to invite the administrator."
            )
        await end(app, write, connection.id)
        await chain.order(write, connection, now, actor, "invitation renewed; earlier links ended")
        if connection.stage is Stage.NEW:
            await record.update(write, connection.id, stage_since=now)
    return await link(app, connection.id)


async def withdraw(app: App, connection: Connection, actor: str) -> None:
    """End every link of a connection. Asking twice is harmless."""
    async with app.database.write() as write:
        await end(app, write, connection.id)
        await chain.order(write, connection, app.clock.now(), actor, "links ended")


async def end(app: App, write: AsyncConnection, connection_id: ConnectionId) -> None:
    """End every link of a connection inside the caller's transaction."""
    await app.links.end(write, LINK, connection_id)
    await record.update(write, connection_id, invitation_expires_at=None)
