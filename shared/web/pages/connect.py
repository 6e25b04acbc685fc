"""What the customer's administrator sees: before consenting what will change, and afterwards how it goes."""

from dataclasses import replace
from datetime import timedelta

from shared.connections import preflight
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import certificate
from shared.engine.rows import Activity, OnDemand
from shared.flows import consent, invitation, requests
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.platforms.rows import effects_of, permissions_of, rows_of
from shared.web import pages
from shared.web.accounts import same_origin
from shared.web.http import Request, Response, redirect
from shared.web.invitations import HERE, browser, kept
from shared.web.pages import mode_titles, table
from shared.web.pages.connection import administrators, after_consent, again, needs_consent
from shared.web.pages.forms import one, posted
from shared.web.views import changes, connections

# The button of an invitation may be pressed again and again: a check begins so long after the last one.
LOOK_NOT_BEFORE = timedelta(seconds=5)
# Seconds until a browser asks what came of its callback.
ASKS_AGAIN = 2


async def page(app: App, request: Request) -> Response:
    """The page of the link that this browser has opened; else a field for its code. It leads nowhere else."""
    holds = browser(app, request)
    if not holds:
        return pages.page(app, "invited.html", here=HERE, error=None, provider=app.settings.provider)
    try:
        connection = await invitation.visited(app, holds)
    except Refused as error:
        return _ended(app, error)
    onward = await consent.word(app, connection, holds)
    if onward is not None:
        return redirect(onward) if onward else _waits(app, connection)
    platform = app.platforms[connection.platform]
    mine = rows_of(platform, connection)
    asks = needs_consent(app, connection)
    view = await changes.changes(app, connection)
    looked = await preflight.find(app.database, connection.id)
    needed = permissions_of(platform, mine)
    return pages.page(
        app,
        "connect.html",
        c=connections.connection_view(app, connection),
        modes=mode_titles(app, connection),
        expected=connection.expected_tenant,
        here=HERE,
        now=app.clock.now(),
        groups=table.grouped(mine),
        later=[row for row in mine if isinstance(row, Activity | OnDemand)],
        permissions=[(one, [row.title for row in mine if one.name in row.permissions]) for one in needed],
        effects=effects_of(platform, connection),
        how_it_ends=platform.how_it_ends,
        provider=app.settings.provider,
        service=connection.brand.service,
        application=connection.brand.application,
        consent_by=platform.consent_by,
        more=await after_consent(app, connection),
        missing=connection.reason == platform.after_consent.reason,
        platform_url=await consent.platform_url(app, connection, holds) if asks else None,
        steps=[] if asks else await administrators(app, connection, view),
        progress=None if asks else table.progress(connection, mine, view["rows"]),
        concerns=looked.concerns if looked and connection.stage is Stage.GRANT and not asks else [],
        ended=await certificate.latest(app.database, connection),
        again=None if asks else again(app, connection),
    )


def _waits(app: App, connection: Connection) -> Response:
    """A worker finds out who has come. The page asks again by itself, without a script too."""
    told = pages.page(app, "verifying.html", c=connections.connection_view(app, connection))
    return replace(told, headers={**told.headers, "Refresh": str(ASKS_AGAIN)})


def _ended(app: App, error: Refused) -> Response:
    """A link that is not good any more, with the field in which the next one can be opened."""
    return pages.page(app, "invited.html", error.status, here=HERE, error=error, provider=app.settings.provider)


async def post(app: App, request: Request) -> Response:
    """A link's code is handed in, for a cookie; or the button is pressed that asks for a look."""
    same_origin(app, request)
    code = one(posted(request), "code")
    if code:
        # People copy the whole link.
        try:
            holds = await invitation.enter(app, code.rpartition("#")[2])
        except Refused as error:
            return _ended(app, error)
        return redirect(HERE, **{"Set-Cookie": kept(app, holds)})
    await _look(app, await invitation.visited(app, browser(app, request)))
    return redirect(HERE)


async def _look(app: App, connection: Connection) -> None:
    """The administrator has done something, and would like to see it seen now and not within the hour."""
    looked = connection.looked_at
    rested = looked is None or looked + LOOK_NOT_BEFORE <= app.clock.now()
    if connection.tenant is not None and rested and not connections.is_working(app, connection):
        await invitation.refuse_too_many(app, connection)
        await requests.start(app, connection, "advance", invitation.ADMINISTRATOR)
