"""Activity: the ledgers of all connections that the caller may see, the newest entry first, narrowed by a filter."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from pydantic import Field

from shared.connections import search
from shared.connections.search import Wanted
from shared.engine import ledger_feed
from shared.engine.chain import Act
from shared.engine.ledger_feed import FeedPlace, Sought
from shared.flows.app import App
from shared.storage.ids import ConnectionId
from shared.web.compression import packed
from shared.web.http import Request, Response, Strict
from shared.web.pages import shown
from shared.web.pages.forms import said
from shared.web.pagination import Cursor, decode, encode, moment

PER_PAGE = 50
# What each kind of entry is called where people choose among them.
ACTS: Mapping[Act, str] = {
    Act.ORDER: "Requests and settings",
    Act.STAGE: "Stages",
    Act.CREATE: "Created",
    Act.UPDATE: "Updated",
    Act.REMOVE: "Removed",
    Act.ADOPT: "Adopted",
    Act.BORROW: "Pre-existing",
    Act.DRIFT: "Drift",
    Act.ASK: "Asked of administrators",
    Act.ATTEST: "Confirmed by people",
    Act.READ: "Reads",
    Act.ERASE: "Persons erased",
    Act.REMARK: "Remarks",
}


class Filter(Strict):
    """Which entries, and behind which of them to go on."""

    q: str = Field("", max_length=253)
    act: Act | None = None
    actor: str = Field("", max_length=200)
    since: date | None = None
    until: date | None = None
    cursor: Cursor = ""


async def page(app: App, request: Request) -> Response:
    """A page of entries."""
    asked = dict(said(request).query)
    query = replace(request, query=asked).parameters(Filter)
    place = decode(query.cursor, (str, str, int))
    sought = Sought(
        connections=Wanted(customer=request.actor.customer, text=query.q or None),
        act=query.act,
        actor=query.actor or None,
        since=_begin(query.since),
        until=_begin(query.until, timedelta(days=1)),
    )
    before = FeedPlace(at=moment(place[0]), connection=place[1], number=place[2]) if place else None
    rows = await ledger_feed.newest(app.database, sought, before, most=PER_PAGE + 1)
    entries, last = rows[:PER_PAGE], rows[PER_PAGE - 1] if len(rows) > PER_PAGE else None
    asked.pop("cursor", None)
    following = encode(last.at.isoformat(), last.connection, last.number) if last else None
    found = shown(
        app,
        request,
        "activity.html",
        entries=entries,
        names=await search.names(app.database, sorted({ConnectionId(entry.connection) for entry in entries})),
        asked=asked,
        acts=ACTS,
        next={**asked, "cursor": following} if following else None,
        first=place is None,
        now=app.clock.now(),
    )
    return packed(request, found)


def _begin(day: date | None, later: timedelta = timedelta(0)) -> datetime | None:
    """The beginning of a day in UTC, or so much later; None where no day was named, or none follows it."""
    try:
        return datetime.combine(day, time(), UTC) + later if day else None
    except OverflowError:
        return None
