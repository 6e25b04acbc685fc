"""The sections of a connection's page: each by its name, and the records among them."""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

from shared.engine import certificate as certificates
from shared.engine import chain
from shared.engine.chain import LedgerEntry
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.platforms.rows import rows_of
from shared.web.api import directory as people
from shared.web.http import Request, Response, Strict
from shared.web.pages import framed, mail, mail_flow, policies, settings, table
from shared.web.pages.differences import differences
from shared.web.pages.forms import said
from shared.web.pages.leaves import numbers
from shared.web.pagination import Cursor, decode, encode
from shared.web.views import changes, connections

# With what differs in each entry, a page of so many still loads at once.
ENTRIES_PER_PAGE = 25


class Reading(Strict):
    """Which entries of the ledger, and whether its chain is looked through."""

    cursor: Cursor = ""
    verify: Literal["1"] | None = None


async def page(app: App, request: Request) -> Response:
    """The section that the path names."""
    section = BY_NAME.get(request.args["section"])
    if section is None:
        raise Refused(404, "no_such_page", "This page does not exist.")
    return await section(app, request)


async def ledger(app: App, request: Request) -> Response:
    """Who did what and when, the last first; each with what differs by it."""
    asked, connection = said(request).parameters(Reading), request.connection.id
    place = decode(asked.cursor, (int,))
    before = place[0] if place else 0
    rows = await chain.page(app.database, connection, after=before, most=ENTRIES_PER_PAGE, newest=True)
    async with app.database.read() as read:
        many, _ = await chain.head(read, connection)
    page = max(many + 1 - before, 0) // ENTRIES_PER_PAGE + 1 if before else 1
    titles = titles_of(app, request)
    return framed(
        app,
        request,
        "ledger",
        entries=[_differing(row, titles) for row in rows],
        many=many,
        page=page,
        pages=[number and (number, _cursor(many, number)) for number in numbers(page, _pages(many))],
        verified=asked.verify is not None,
        broken=await chain.verify(app.database, connection) if asked.verify else None,
    )


def _pages(many: int) -> int:
    return max(math.ceil(many / ENTRIES_PER_PAGE), 1)


def _cursor(many: int, page: int) -> str:
    """Where a page begins, which stays when there are more entries; of the first one empty."""
    return encode(many - (page - 1) * ENTRIES_PER_PAGE + 1) if page > 1 else ""


def _differing(entry: LedgerEntry, titles: Mapping[str, str]) -> dict[str, Any]:
    """An entry with what differs by it; an outcome only repeats what its intent has said."""
    outcome = entry.state in ("done", "failed")
    lines, more = ([], 0) if outcome else differences(entry.before, entry.after)
    return {**vars(entry), "title": titles.get(entry.key.partition("/")[0]), "differs": lines, "more": more}


def titles_of(app: App, request: Request) -> dict[str, str]:
    """What each row's objects are called."""
    platform = app.platforms[request.connection.platform]
    return {row.key: row.title for row in rows_of(platform, request.connection)}


class Looking(people.Search):
    """Whom one looks for in the directory."""

    kind: Literal["users", "groups"] = "users"


async def directory(app: App, request: Request) -> Response:
    """The organisation as we know it: in numbers, its domains, and its users and groups to be searched."""
    asked = said(request).parameters(Looking)
    search = people.Search(q=asked.q, cursor=asked.cursor)
    found, cursor = await people.page_of(app, request, search, asked.kind)
    following = {"kind": asked.kind, "q": asked.q, "cursor": cursor} if cursor else None
    return framed(
        app,
        request,
        "directory",
        c=await connections.detail(app, request.connection),
        kind=asked.kind,
        q=asked.q,
        people=found,
        first=not asked.cursor,
        next=following,
    )


async def certificate(app: App, request: Request) -> Response:
    """The signed record of the end; before there is one, what is still awaited."""
    connection = request.connection
    if await certificates.latest(app.database, connection) is None:
        rows = (await changes.changes(app, connection))["rows"]
        open_still = [
            table.whole(row)
            for row in rows
            if row["kind"] != "activity" and row["state"] not in ("absent", "on demand")
        ]
        return framed(app, request, "certificate", record=None, awaited=open_still)
    record = await changes.exit_record(app, connection)
    titles = titles_of(app, request)

    def named(keys: Iterable[str]) -> list[dict[str, str]]:
        return [{"title": titles.get(key.partition("/")[0], key), "identity": key.partition("/")[2]} for key in keys]

    document = record.content
    return framed(
        app,
        request,
        "certificate",
        record=record,
        changes=document["changes"],
        jwks=f"{app.settings.public_url.rstrip('/')}/.well-known/jwks.json",
        before_us=named(document["yours_before_us"]),
        elsewhere=named(document["left_to_another_connection"]),
    )


BY_NAME: Mapping[str, Callable[[App, Request], Awaitable[Response]]] = {
    "directory": directory,
    "policies": policies.page,
    "quarantine": mail.quarantine,
    "mail-flow": mail_flow.page,
    "reports": mail.reports,
    "ledger": ledger,
    "certificate": certificate,
    "settings": settings.page,
}
