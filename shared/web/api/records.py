"""What is true of one connection, and what was: plan, published table, ledger, operations, certificate."""

import json
from datetime import timedelta
from typing import Any, Literal

from shared.app import App
from shared.errors import Refused
from shared.handlers import views
from shared.handlers.overview import found
from shared.sheet import as_csv
from shared.web.messages import DATA_HEADERS, Request, Response, as_json


async def plan(app: App, request: Request) -> Response:
    """What would change now."""
    return as_json({"steps": await views.planned(app, await found(app, request.args["id"]))})


async def changes(app: App, request: Request) -> Response:
    """The published table with what is true now."""
    return as_json(await views.changes(app, await found(app, request.args["id"])))


async def ledger(app: App, request: Request) -> Response:
    """The ledger as JSON, as NDJSON or as CSV, by `format`."""
    rows = await views.entries(app, await found(app, request.args["id"]))
    return exported(request, "ledger", "entries", rows)


async def operations(app: App, request: Request) -> Response:
    """The calls made with the service's own account: as JSON, as NDJSON or as CSV, from behind the number `after`."""
    connection = await found(app, request.args["id"])
    after, most = whole(request, "after", 0, 2**31), whole(request, "limit", 1000, 10_000)
    rows = await views.operations_of(app, connection, after, most)
    more = {"next": rows[-1]["number"] if len(rows) == most else None}
    return exported(request, "operations", "operations", rows, **more)


async def matched(app: App, request: Request) -> Response:
    """Our log of calls beside the platform's own, for the last `hours`."""
    connection = await found(app, request.args["id"])
    hours = whole(request, "hours", 24, 24 * 30)
    return as_json(await views.matched(app, connection, timedelta(hours=hours)))


def whole(request: Request, name: str, default: int, most: int) -> int:
    """A number of the query. Raises Refused for anything else, or one that is too large."""
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise Refused(400, "not_valid", f"{name}: a whole number up to {most} is meant.")
    return int(text)


def exported(request: Request, name: str, key: str, rows: list[dict[str, Any]], **more: Any) -> Response:
    """Rows as JSON, as NDJSON or as CSV, by `format`."""
    kind: str | Literal["json", "ndjson", "csv"] = request.query.get("format", "json")
    if kind == "json":
        return as_json({key: rows, **more})
    if kind == "ndjson":
        return _file("application/x-ndjson", f"{name}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
    if kind == "csv":
        return _file("text/csv; charset=utf-8", f"{name}.csv", as_csv(rows))
    raise Refused(400, "unknown_format", "format: this comes as json, ndjson or csv.")


def _file(content_type: str, name: str, text: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    headers = {**DATA_HEADERS, "Content-Type": content_type, "Content-Disposition": disposition}
    return Response(headers=headers, body=text.encode())


async def certificate(app: App, request: Request) -> Response:
    """The signed exit record."""
    return as_json(await views.exit_record(app, await found(app, request.args["id"])))
