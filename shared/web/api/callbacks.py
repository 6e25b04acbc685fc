"""What comes from a platform: an administrator's browser after consenting, and notifications."""

from shared.flows import consent as flow
from shared.flows import scan
from shared.flows.app import App
from shared.web.api import refuses
from shared.web.http import Elsewhere, Nothing, Request, redirect
from shared.web.invitations import HERE, browser


@refuses(
    "400", "403", "404 no_such_connection", "409 another_tenant", "409 tenant_of_another_customer", "410", "429", "502"
)
async def consent(app: App, request: Request) -> Elsewhere:
    """The platform sends the administrator's browser back: after the sign-in, or after the consent.

    A job verifies the consent; the page shows its progress.
    """
    onward = await flow.callback(app, request.args["platform"], request.query, browser(app, request))
    return redirect(onward or HERE)


@refuses("400", "401", "403", "404")
async def notified(app: App, request: Request) -> Nothing:
    """The platform reports news in a mailbox. Answered at once; a job reads the mailbox."""
    await scan.notified(app, request.args["source"], request.headers, request.body)
    return Nothing(status=204)
