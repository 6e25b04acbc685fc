"""The reports of a connection: which it has, who is sent them, and each one in three forms."""

import asyncio
from dataclasses import replace

from shared.app import App
from shared.handlers import reports
from shared.handlers.overview import found
from shared.reports import keep
from shared.reports.keep import Subscription
from shared.web.etags import etag, precondition
from shared.web.messages import DATA_HEADERS, Request, Response, as_json

# A file of its own, opened from wherever it was saved to: it can do nothing but be looked at.
HARMLESS = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"


async def settings(app: App, request: Request) -> Response:
    """Which reports there are, and who is sent them."""
    connection = await found(app, request.args["id"])
    return _tagged(await keep.subscription(app.database, connection.id))


async def put_settings(app: App, request: Request) -> Response:
    """Say which reports there are, and who is sent them."""
    connection = await found(app, request.args["id"])
    wanted = request.model(Subscription)
    await reports.subscribe(app, connection, wanted, precondition(request))
    return _tagged(await keep.subscription(app.database, connection.id))


def _tagged(shown: Subscription) -> Response:
    content = shown.model_dump(mode="json")
    answer = as_json(content)
    return replace(answer, headers={**answer.headers, "ETag": etag(content)})


async def every(app: App, request: Request) -> Response:
    """The kept reports, newest first, with what came of sending them."""
    connection = await found(app, request.args["id"])
    return as_json({"reports": await keep.listed(app.database, connection.id)})


async def one(app: App, request: Request) -> Response:
    """One report's figures."""
    return as_json(await reports.one(app, await found(app, request.args["id"]), request.args["report"]))


async def as_html(app: App, request: Request) -> Response:
    """One report as a file for browsers, its pictures inside."""
    from shared.reports.page import alone

    report = await reports.one(app, await found(app, request.args["id"]), request.args["report"])
    text = await asyncio.to_thread(alone, report["content"])
    return _file("text/html; charset=utf-8", f"{report['name']}.html", text)


async def as_csv(app: App, request: Request) -> Response:
    """One report's figures as a file for spreadsheets."""
    from shared.reports.page import figures

    report = await reports.one(app, await found(app, request.args["id"]), request.args["report"])
    return _file("text/csv; charset=utf-8", f"{report['name']}.csv", figures(report["content"]))


def _file(content_type: str, name: str, text: str) -> Response:
    return Response(
        headers={
            **DATA_HEADERS,
            "Content-Type": content_type,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": HARMLESS,
        },
        body=text.encode(),
    )
