"""What a cold start may have to answer first: health, the list, one connection. Imports no flow."""

from shared.app import App
from shared.errors import Refused
from shared.handlers import overview
from shared.web.messages import Request, Response, as_json


async def health(app: App, _request: Request) -> Response:
    """Whether this process can read its database."""
    await overview.every(app, {"stage": "closed"})
    return as_json({"status": "ok"})


async def every(app: App, request: Request) -> Response:
    """All connections, by `stage` and `platform` if they are given."""
    for name in request.query.keys() - {"stage", "platform"}:
        raise Refused(400, "unknown_filter", f"{name[:80]}: connections are filtered by stage and platform only.")
    platform = request.query.get("platform")
    if platform is not None and platform not in app.platforms:
        raise Refused(400, "unknown_platform", f"platform: there is none but {', '.join(app.platforms)}.")
    return as_json({"connections": await overview.every(app, request.query)})


async def one(app: App, request: Request) -> Response:
    """One connection."""
    return as_json(await overview.detail(app, await overview.found(app, request.args["id"])))
