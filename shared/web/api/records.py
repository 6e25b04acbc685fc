"""What is true of one connection, and what was: plan, published table, ledger, operations, certificate."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar, cast

from pydantic import Field

from shared.connections import call_log
from shared.deployment.sealing import DEPLOYMENT
from shared.engine import chain, erasure, ledger_feed, ocsf
from shared.engine.ledger_feed import FeedPlace
from shared.flows import anchors, looks, plans
from shared.flows.app import App
from shared.foundation.csv_file import as_csv
from shared.web.api import refuses
from shared.web.http import (
    DATA_HEADERS,
    Csv,
    Json,
    Kept,
    Ndjson,
    Nothing,
    Request,
    Strict,
    as_file,
    as_json,
    attachment,
)
from shared.web.pagination import Cursor, decode, encode, leading_on, moment, never_one, paged
from shared.web.representations import plans as representation
from shared.web.representations.certificate import Anchor, SignedCertificate, signed_certificate
from shared.web.representations.plans import Plan
from shared.web.representations.records import (
    LedgerEntryJson,
    LedgerPage,
    OperationJson,
    OperationPage,
    ledger_entry,
    operation,
)
from shared.web.views import books
from shared.web.views import changes as views

Row = TypeVar("Row", bound=Mapping[str, Any])
Rows = Callable[[int, int], Awaitable[Sequence[tuple[int, Row]]]]
"""Reads the rows behind a number, so many at most, each with its number."""
Place = Callable[[int], int | str]
"""What a cursor says for a number."""
ROWS_AT_ONCE = 500
# A file is read by a program, which takes more rows at a time than a person.
MAX_ROWS = {"json": 200, "ndjson": 10_000, "csv": 10_000}


class Purpose(Strict):
    """What the plan is for."""

    purpose: plans.Purpose = Field(
        "now", alias="for", description="what would be done now, or by connecting again, by a repair, or by a revoke"
    )


class Records(Strict):
    """Which part of a record, and in which form."""

    format: Literal["json", "ndjson", "csv"] = "json"
    limit: int = Field(200, ge=1, le=10_000, description="how many at most; 200 at most as JSON")
    cursor: Cursor = ""


class Feed(Strict):
    """From where on the ledger of the whole deployment is read, and in which form."""

    format: Literal["ledger", "ocsf"] = Field(
        "ledger", description="the entries as they are stored, or OCSF 1.5.0 events of the class Entity Management"
    )
    limit: int = Field(1000, ge=1, le=10_000, description="how many at most")
    cursor: Cursor = ""


class Hours(Strict):
    """How far back."""

    hours: int = Field(24, ge=1, le=24 * 30)


class Exported(Strict):
    """What shows that the ledger was exported."""

    head: str = Field(max_length=64, description="the hash of the ledger's last entry")


@refuses("409 look_under_way", "502")
async def plan(app: App, request: Request, query: Purpose) -> Json[Plan]:
    """Show what would be done and why, after a fresh read of the tenant. Changes nothing."""
    found = await looks.planned(app, request.connection, query.purpose)
    return as_json(representation.plan(found.lines, found.concerns))


@refuses("502")
async def changes(app: App, request: Request) -> Json[views.Changes]:
    """The published table with the current state of each line."""
    return as_json(await views.changes(app, request.connection))


@refuses("502 ledger_unreadable")
async def ledger(app: App, request: Request, query: Records) -> Json[LedgerPage] | Ndjson | Csv:
    """The ledger in order, as JSON, NDJSON or CSV."""

    async def rows(after: int, most: int) -> list[tuple[int, LedgerEntryJson]]:
        found = await chain.page(app.database, request.connection.id, after=after, most=most, newest=False)
        return [(row.number, ledger_entry(row)) for row in found]

    place = decode(query.cursor, (int,))
    after = place[0] if place else 0
    if query.format != "json":
        return await _file(request, query, "ledger", rows, after, int)
    shown, following = await _page(query, rows, after, int)
    return paged(request, {"entries": shown, "next": following}, following)


@refuses("502 ledger_unreadable")
async def whole_ledger(app: App, request: Request, query: Feed) -> Ndjson:
    """The ledgers of all connections in order of time, as NDJSON, for a SIEM: poll with the last page's cursor.

    The header Link leads to the next page, also from the newest one. Entries appear after five minutes, so that none
    comes in behind the cursor.
    """
    place = decode(query.cursor, (str, str, int))
    after = FeedPlace(at=moment(place[0]), connection=place[1], number=place[2]) if place else None
    software, ocsf_asked = app.settings.brand.software, query.format == "ocsf"
    now, customer, left, written = app.clock.now(), request.actor.customer, query.limit, list[bytes]()
    while left:
        most = min(left, ROWS_AT_ONCE)
        rows = await ledger_feed.page(app.database, after, now=now, most=most, customer=customer)
        written.append(_lines([ocsf.event(row, software) if ocsf_asked else ledger_entry(row) for row in rows]))
        if rows:
            after = FeedPlace(at=rows[-1].at, connection=rows[-1].connection, number=rows[-1].number)
        left = left - len(rows) if len(rows) == most else 0
    following = encode(after.at.isoformat(), after.connection, after.number) if after else None
    headers = {**DATA_HEADERS, **leading_on(request, following), "Content-Type": Ndjson.media}
    return Ndjson(headers=headers, body=b"".join(written))


async def operations(app: App, request: Request, query: Records) -> Json[OperationPage] | Ndjson | Csv:
    """The calls made with the service's own account, in order, as JSON, NDJSON or CSV."""

    box, about = await app.seal.box(DEPLOYMENT), f"operation of {request.connection.id}"
    name = partial(box.name, about=about)

    async def rows(after: int, most: int) -> list[tuple[int, OperationJson]]:
        found = await call_log.listed(app.database, request.connection.id, after=after, most=most)
        return [(row.number, operation(row, name(row.number))) for row in found]

    place = decode(query.cursor, (str,))
    after = box.number(place[0], about=about) if place else 0
    if after is None:
        raise never_one()
    if query.format != "json":
        return await _file(request, query, "operations", rows, after, name)
    shown, following = await _page(query, rows, after, name)
    return paged(request, {"operations": shown, "next": following}, following)


@refuses("409 look_under_way", "502")
async def matched(app: App, request: Request, query: Hours) -> Json[books.Matched]:
    """Compare our log of calls with the platform's own, for the last hours."""
    return as_json(await books.matched(app, request.connection, timedelta(hours=query.hours)))


class Witnessed(Strict):
    """Under which checkpoint the certified ledger is proven to be anchored."""

    heads: int | None = Field(
        None, ge=1, description="the size of the tree of a checkpoint that you kept; without it the newest"
    )


@refuses("404 no_certificate_yet", "404 no_such_checkpoint", "409 certificate_altered", "502")
async def certificate(app: App, request: Request, query: Witnessed) -> Kept[SignedCertificate]:
    """The signed exit certificate with the proof of its anchor, as a file named after its connection and its day."""
    record = await views.exit_record(app, request.connection)
    anchor = await anchors.proof(app, request.connection, record.content, query.heads)
    day = record.content["drawn_up_at"][:10]
    name = attachment(request.connection.name, f"certificate-{day}.json")
    return as_file(signed_certificate(record, cast("Anchor | None", anchor)), name)


@refuses("409 not_closed", "409 not_exported")
async def erase(app: App, request: Request, query: Exported) -> Nothing:
    """Erase a closed connection whose ledger was exported. Its id, dates and the certificate's digest remain."""
    await erasure.erase(app.database, request.connection, query.head, app.clock.now())
    return Nothing(status=204)


def _most(query: Records) -> int:
    return min(query.limit, MAX_ROWS[query.format])


async def _page(query: Records, rows: Rows[Row], after: int, place: Place) -> tuple[list[Row], str | None]:
    """The rows of a page, and its cursor if there may be more."""
    shown = await rows(after, _most(query))
    return [row for _, row in shown], encode(place(shown[-1][0])) if len(shown) == _most(query) else None


async def _file(request: Request, query: Records, name: str, rows: Rows[Any], after: int, place: Place) -> Ndjson | Csv:
    """Some rows at a time are read and written: what is held is the file, and no list of what is in it."""
    left, written = _most(query), list[bytes]()
    while left > 0:
        found = await rows(after, most := min(left, ROWS_AT_ONCE))
        some, named = [row for _, row in found], not written
        written.append(_lines(some) if query.format == "ndjson" else as_csv(some, named=named).encode())
        after, left = (found[-1][0] if found else after), (left - len(some) if len(some) == most else -1)
    headers = {
        **DATA_HEADERS,
        **leading_on(request, encode(place(after)) if left == 0 else None),
        **attachment(request.connection.name, f"{name}.{query.format}"),
    }
    if query.format == "ndjson":
        return Ndjson(headers={**headers, "Content-Type": Ndjson.media}, body=b"".join(written))
    return Csv(headers={**headers, "Content-Type": f"{Csv.media}; charset=utf-8"}, body=b"".join(written))


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
