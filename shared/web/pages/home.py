"""Home: the day's work."""

from shared.connections import search
from shared.connections.search import Wanted
from shared.flows.app import App
from shared.web.compression import packed
from shared.web.http import Request, Response
from shared.web.pages import shown
from shared.web.views import fleet

REFRESH_SECONDS = 30


async def page(app: App, request: Request) -> Response:
    """What needs somebody, grouped by reason, and how many connections there are of each status."""
    customer = request.actor.customer
    page_of_work = shown(
        app,
        request,
        "home.html",
        groups=await fleet.work(app, customer),
        counts=await search.count(app.database, Wanted(customer=customer)),
        now=app.clock.now(),
        again=REFRESH_SECONDS,
    )
    return packed(request, page_of_work)
