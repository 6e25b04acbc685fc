"""What the customer's administrator sees: before consenting what will change, and afterwards how it goes."""

from shared import certificate
from shared.app import App
from shared.handlers import grant, overview, views
from shared.lifecycle import Activity, OnDemand
from shared.platform import effects_of, permissions_of, rows_of
from shared.web import pages
from shared.web.messages import Request, Response
from shared.web.pages import mode_titles, table
from shared.web.pages.connection import administrators, again, needs_consent


async def page(app: App, request: Request) -> Response:
    """The page of a connection's link. It leads nowhere else."""
    connection = await grant.linked(app, request.args["token"])
    platform = app.platforms[connection.platform]
    mine = rows_of(platform, connection)
    asks = needs_consent(connection)
    view = await views.changes(app, connection)
    needed = permissions_of(platform, mine)
    return pages.page(
        "connect.html",
        c=overview.connection_view(app, connection), modes=mode_titles(app, connection),
        expected=connection.expected_tenant,
        groups=table.grouped(mine),
        later=[row for row in mine if isinstance(row, Activity | OnDemand)],
        permissions=[(one, [row.title for row in mine if one.name in row.permissions]) for one in needed],
        effects=effects_of(platform, connection),
        how_it_ends=platform.how_it_ends, after_consent=platform.after_consent,
        platform_url=await grant.platform_url(app, connection) if asks else None,
        steps=[] if asks else await administrators(app, connection, view),
        progress=None if asks else table.progress(connection, mine, view["rows"]),
        ended=await certificate.latest(app.database, connection),
        again=None if asks else again(app, connection),
    )  # fmt: skip
