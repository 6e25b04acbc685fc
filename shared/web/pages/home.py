"""Home: the day's work, and how the last thirty days went."""

from typing import Literal

from shared.connections import search
from shared.connections.search import Wanted
from shared.flows import deployment_alerts
from shared.flows.app import App
from shared.flows.trends import trends
from shared.web import second_person
from shared.web.compression import packed
from shared.web.http import Request, Response, Strict
from shared.web.pages import shown
from shared.web.views import fleet

REFRESH_SECONDS = 30


class Asked(Strict):
    """Whether the trends are shown as well: they count a month, which the day's work does not wait for."""

    trends: Literal["1"] | None = None


async def page(app: App, request: Request) -> Response:
    """What needs somebody, grouped by reason, and how many connections there are of each status."""
    customer, asked = request.actor.customer, request.parameters(Asked)
    page_of_work = shown(
        app,
        request,
        "home.html",
        groups=await fleet.work(app, customer),
        awaited=await second_person.awaited(app, customer),
        counts=await search.count(app.database, Wanted(customer=customer)),
        trends=await trends(app.database, customer, app.clock.now()) if asked.trends else None,
        now=app.clock.now(),
        again=REFRESH_SECONDS,
        deployment=await deployment_alerts.standing(app) if customer is None else [],
    )
    return packed(request, page_of_work)
