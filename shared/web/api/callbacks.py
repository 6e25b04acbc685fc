"""What comes from a platform: an administrator's browser after consenting, and notifications."""

from shared.flows import grant, scan
from shared.flows.app import App
from shared.web.api import refuses
from shared.web.http import Elsewhere, Nothing, Request, redirect


@refuses("400", "403", "404 no_such_connection", "409 another_tenant", "410", "502")
async def consent(app: App, request: Request) -> Elsewhere:
    """A platform sends the administrator's browser back. A job proves what it says; the page shows how it goes."""
    connection = await grant.callback(app, request.args["platform"], request.query)
    return redirect(await grant.link(app, connection.id))


@refuses("400", "401", "403", "404")
async def notified(app: App, request: Request) -> Nothing:
    """A platform tells of news in a mailbox. Answered at once; a job reads it."""
    await scan.notified(app, request.args["source"], request.headers, request.body)
    return Nothing(status=204)
