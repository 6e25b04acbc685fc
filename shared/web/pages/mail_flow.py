"""The way of a tenant's mail: a picture of it, and the snapshots that were kept."""

from shared.connections import snapshots as kept
from shared.connections.stages import Stage
from shared.flows import marked_messages, snapshots
from shared.flows.app import App
from shared.web.http import Request, Response
from shared.web.pages import SLOW_REFRESH_SECONDS, framed


async def page(app: App, request: Request) -> Response:
    """The newest snapshot as a picture, and all of them to be downloaded."""
    connection = request.connection
    drawn = await snapshots.pictures(app, connection)
    taken = await kept.listed(app.database, connection.id)
    return framed(
        app,
        request,
        "mail-flow",
        again=SLOW_REFRESH_SECONDS if connection.stage is Stage.RUN else None,
        at_last=drawn[0] if drawn else None,
        pictures=drawn[1] if drawn else [],
        snapshots=taken[::-1],
        marked=await marked_messages.listed(app, connection),
    )
