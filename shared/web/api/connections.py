"""What a cold start may have to answer first: health, the list, one connection. Imports no flow."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections import search
from shared.connections.search import Order, Place, Wanted
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from shared.web.api import refuses
from shared.web.http import Json, Request, as_json
from shared.web.pagination import Paged, decode, encode, never_one, paged
from shared.web.schema import Next
from shared.web.views import connections as overview
from shared.web.views.connections import ConnectionDetail, ConnectionView, StageName


class Filter(Paged):
    """What is looked for among the connections."""

    q: str = Field("", max_length=253, description="part of a name, customer, tenant's id or domain, or id")
    customer: str | None = Field(None, max_length=120)
    stage: StageName | None = None
    platform: str | None = Field(None, max_length=80)
    site: Site | None = None
    status: Status | None = None
    reason: str | None = Field(None, max_length=80, description="the stable code of what is wrong")
    archived: bool | None = Field(None, description="only closed connections, or only the others")
    order: Order = Field(Order.NEWEST, description="`needs`: the most urgent first; the order may change between pages")


class Health(TypedDict):
    """How a process is."""

    status: Literal["ok"]


class ConnectionPage(TypedDict):
    """Some connections."""

    connections: list[ConnectionView]
    next: Next


async def health(app: App, _request: Request) -> Json[Health]:
    """Whether this process can read its database."""
    await search.page(app.database, Wanted(stage=Stage.CLOSED), Order.NEWEST, after=None, most=1)
    return as_json({"status": "ok"})


@refuses("400 unknown_platform")
async def every(app: App, request: Request, query: Filter) -> Json[ConnectionPage]:
    """List connections, a page at a time."""
    content = await page_of(app, request, query)
    return paged(request, content, content["next"])


async def page_of(app: App, request: Request, query: Filter) -> ConnectionPage:
    """A page of the connections that the caller may see."""
    if query.platform is not None and query.platform not in app.platforms:
        raise Refused(400, "unknown_platform", f"platform: there is none but {', '.join(app.platforms)}.")
    found, last = await search.page(
        app.database, wanted(request, query), query.order, after=_place(query.cursor), most=query.limit
    )
    following = encode(last.rank, last.made_at.isoformat(), last.id) if last else None
    shown = [overview.connection_view(app, connection) for connection in found]
    return {"connections": shown, "next": following}


def wanted(request: Request, query: Filter) -> Wanted:
    """The filter in the search's words; nobody finds what is not theirs."""
    return Wanted(
        customer=request.actor.customer,
        stage=Stage[query.stage.upper()] if query.stage else None,
        platform=query.platform,
        site=query.site,
        status=query.status,
        named=query.customer,
        reason=query.reason,
        archived=query.archived,
        text=query.q or None,
    )


def _place(cursor: str) -> Place | None:
    parts = decode(cursor, (int, str, str))
    if parts is None:
        return None
    try:
        made_at = datetime.fromisoformat(parts[1])
        # Ours all say so, and have a year that every zone knows.
        if made_at.utcoffset() != timedelta(0):
            raise never_one()
        return Place(parts[0], made_at, parts[2])
    except ValueError:
        raise never_one() from None


async def one(app: App, request: Request) -> Json[ConnectionDetail]:
    """One connection."""
    return as_json(await overview.detail(app, request.connection))
