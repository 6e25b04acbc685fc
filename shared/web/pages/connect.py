"""What the customer's administrator sees: before consenting what will change, and afterwards how it goes."""

from datetime import timedelta

from shared.connections.stages import Stage
from shared.engine import certificate
from shared.engine.rows import Activity, OnDemand
from shared.flows import grant
from shared.flows import requests as orders
from shared.flows.app import App
from shared.platforms.rows import effects_of, permissions_of, rows_of
from shared.web import pages
from shared.web.http import Request, Response, redirect
from shared.web.pages import mode_titles, table
from shared.web.pages.connection import administrators, again, needs_consent
from shared.web.views import changes as views
from shared.web.views import connections as overview

# The button of an invitation may be pressed again and again: a check begins so long after the last one.
LOOK_NOT_BEFORE = timedelta(seconds=5)


async def page(app: App, request: Request) -> Response:
    """The page of a connection's link. It leads nowhere else."""
    connection = await grant.linked(app, request.args["token"])
    platform = app.platforms[connection.platform]
    mine = rows_of(platform, connection)
    asks = needs_consent(app, connection)
    view = await views.changes(app, connection)
    needed = permissions_of(platform, mine)
    return pages.page(
        app,
        "connect.html",
        c=overview.connection_view(app, connection),
        modes=mode_titles(app, connection),
        expected=connection.expected_tenant,
        here=request.path,
        now=app.clock.now(),
        groups=table.grouped(mine),
        later=[row for row in mine if isinstance(row, Activity | OnDemand)],
        permissions=[(one, [row.title for row in mine if one.name in row.permissions]) for one in needed],
        effects=effects_of(platform, connection),
        how_it_ends=platform.how_it_ends,
        after_consent=platform.after_consent,
        platform_url=await grant.platform_url(app, connection) if asks else None,
        steps=[] if asks else await administrators(app, connection, view),
        progress=None if asks else table.progress(connection, mine, view["rows"]),
        ended=await certificate.latest(app.database, connection),
        again=None if asks else again(app, connection),
    )


async def look(app: App, request: Request) -> Response:
    """The administrator has done something, and would like to see it seen now and not within the hour."""
    connection = await grant.linked(app, request.args["token"])
    looked = connection.looked_at
    rested = looked is None or looked + LOOK_NOT_BEFORE <= app.clock.now()
    there = connection.tenant is not None and connection.stage is not Stage.CLOSED
    if there and rested and not overview.is_working(app, connection):
        await orders.start(app, connection, "advance", grant.ADMINISTRATOR)
    return redirect(f"/connect/{request.args['token']}")
