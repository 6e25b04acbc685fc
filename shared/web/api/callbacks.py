"""What comes from a platform: an administrator's browser after consenting, and notifications."""

from shared.app import App
from shared.handlers import grant, scan
from shared.web.messages import Request, Response, redirect


async def consent(app: App, request: Request) -> Response:
    """A platform sends the administrator's browser back. A job proves what it says; the page shows how it goes."""
    connection = await grant.callback(app, request.args["platform"], request.query)
    return redirect(await grant.link(app, connection.id))


async def notified(app: App, request: Request) -> Response:
    """A platform tells of news in a mailbox. Answered at once; a job reads it."""
    await scan.notified(app, request.args["source"], request.headers, request.body)
    return Response(status=204)
