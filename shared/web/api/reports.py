"""The reports of a connection: which it has, who is sent them, and each one in three forms."""

import asyncio

from shared.flows import reading
from shared.flows.app import App
from shared.flows.reports import flow, store
from shared.web.api import refuses
from shared.web.http import DATA_HEADERS, Csv, Html, Json, Request, as_json, attachment
from shared.web.pagination import Paged, decode, encode, paged
from shared.web.preconditions import Precondition
from shared.web.representations.reports import Report, ReportPage, Subscription, report_summary, whole_report

# A file of its own, opened from wherever it was saved to: it can do nothing but be looked at.
HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def settings(app: App, request: Request) -> Json[Subscription]:
    """Which reports are created, and who receives them."""
    asked = await store.subscription(app.database, request.connection.id)
    return as_json(Subscription(kinds=asked.kinds, recipients=asked.recipients))


@refuses("400 recipient_elsewhere", "409 not_running", "409 no_mail_server")
async def put_settings(app: App, request: Request, body: Subscription, seen: Precondition) -> Json[Subscription]:
    """Choose which reports are created, and who receives them."""
    await flow.subscribe(app, request.connection, body, seen, request.actor.name)
    return await settings(app, request)


async def every(app: App, request: Request, query: Paged) -> Json[ReportPage]:
    """The stored reports, newest first, with their delivery status."""
    content = await page_of(app, request, query)
    return paged(request, content, content["next"])


async def page_of(app: App, request: Request, query: Paged) -> ReportPage:
    """A page of a connection's reports."""
    place = decode(query.cursor, (str,))
    found, last = await store.page(
        app.database, request.connection.id, after=place[0] if place else None, most=query.limit
    )
    following = encode(last) if last else None
    return {"reports": [report_summary(one) for one in found], "next": following}


@refuses("404 no_such_report")
async def one(app: App, request: Request) -> Json[Report]:
    """One report's figures."""
    return as_json(whole_report(await read(app, request, "JSON")))


@refuses("404 no_such_report")
async def as_html(app: App, request: Request) -> Html:
    """One report as an HTML file, its charts inside."""
    from shared.flows.reports.rendering import html

    report = await read(app, request, "HTML")
    text = await asyncio.to_thread(html, report.content)
    return Html(headers=_file(request, Html.media, f"{report.name}.html"), body=text.encode())


@refuses("404 no_such_report")
async def as_csv(app: App, request: Request) -> Csv:
    """One report's figures as a CSV file."""
    from shared.flows.reports.rendering import figures

    report = await read(app, request, "CSV")
    return Csv(headers=_file(request, Csv.media, f"{report.name}.csv"), body=figures(report.content).encode())


async def read(app: App, request: Request, form: str, name: str = "") -> store.Report:
    """A report, by the path's name or another; the ledger notes who reads it."""
    report = await flow.one(app, request.connection, name or request.args["report"])
    await reading.note(app, request.connection, request.actor.name, f"report {report.name} as {form}", number=1)
    return report


def _file(request: Request, media: str, name: str) -> dict[str, str]:
    return {
        **DATA_HEADERS,
        "Content-Type": f"{media}; charset=utf-8",
        **attachment(request.connection.name, name),
        "Content-Security-Policy": HARMLESS,
    }
