"""The JSON API: each function takes the app and a request and returns an answer."""

import csv
import io
import json
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared import policies as stored
from shared.connections import Connection
from shared.errors import Refused
from shared.handlers import grant, policies, revoke, scan, views
from shared.lifecycle import Stage
from shared.platform import App
from shared.policies import Policy
from shared.queues import Job
from shared.web.messages import DATA_HEADERS, Request, Response, as_json, redirect

# With these a spreadsheet begins a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Sync(BaseModel):
    """What an operator may say with a sync."""

    model_config = ConfigDict(extra="forbid")
    accept_loss: bool = False


class Revoke(BaseModel):
    """What an operator says with a revoke."""

    model_config = ConfigDict(extra="forbid")
    acknowledge_quarantine: bool = False


async def health(app: App, _request: Request) -> Response:
    """Whether this process can read its database."""
    await views.every(app, {"stage": "closed"})
    return as_json({"status": "ok"})


async def create(app: App, request: Request) -> Response:
    """Make a connection."""
    return as_json(await grant.create(app, request.model(grant.NewConnection), request.actor), 201)


async def every(app: App, request: Request) -> Response:
    """All connections, by `stage` and `platform` if they are given."""
    for name in request.query.keys() - {"stage", "platform"}:
        raise Refused(400, "unknown_filter", f"{name[:80]}: connections are filtered by stage and platform only.")
    platform = request.query.get("platform")
    if platform is not None and platform not in app.platforms:
        raise Refused(400, "unknown_platform", f"platform: there is none but {', '.join(app.platforms)}.")
    return as_json({"connections": await views.every(app, request.query)})


async def one(app: App, request: Request) -> Response:
    """One connection."""
    return as_json(await views.detail(app, await grant.found(app, request.args["id"])))


async def plan(app: App, request: Request) -> Response:
    """What would change now."""
    return as_json({"steps": await views.planned(app, await grant.found(app, request.args["id"]))})


async def changes(app: App, request: Request) -> Response:
    """The published table with what is true now."""
    return as_json(await views.changes(app, await grant.found(app, request.args["id"])))


async def ledger(app: App, request: Request) -> Response:
    """The ledger as JSON, as NDJSON or as CSV, by `format`."""
    rows = await views.entries(app, await grant.found(app, request.args["id"]))
    return exported(request, "ledger", "entries", rows)


async def operations(app: App, request: Request) -> Response:
    """The calls made with the service's own account: as JSON, as NDJSON or as CSV, from behind the number `after`."""
    connection = await grant.found(app, request.args["id"])
    after, most = whole(request, "after", 0, 2**31), whole(request, "limit", 1000, 10_000)
    rows = await views.operations_of(app, connection, after, most)
    more = {"next": rows[-1]["number"] if len(rows) == most else None}
    return exported(request, "operations", "operations", rows, **more)


async def matched(app: App, request: Request) -> Response:
    """Our log of calls beside the platform's own, for the last `hours`."""
    connection = await grant.found(app, request.args["id"])
    hours = whole(request, "hours", 24, 24 * 30)
    return as_json(await views.matched(app, connection, timedelta(hours=hours)))


def whole(request: Request, name: str, default: int, most: int) -> int:
    """A number of the query. Raises Refused for anything else, or one that is too large."""
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise Refused(400, "not_valid", f"{name}: a whole number up to {most} is meant.")
    return int(text)


async def notified(app: App, request: Request) -> Response:
    """A platform tells of news in a mailbox. Answered at once; a job reads it."""
    await scan.notified(app, request.args["source"], request.headers, request.body)
    return Response(status=204)


def exported(request: Request, name: str, key: str, rows: list[dict[str, Any]], **more: Any) -> Response:
    """Rows as JSON, as NDJSON or as CSV, by `format`."""
    kind: str | Literal["json", "ndjson", "csv"] = request.query.get("format", "json")
    if kind == "json":
        return as_json({key: rows, **more})
    if kind == "ndjson":
        return _file("application/x-ndjson", f"{name}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
    if kind == "csv":
        return _file("text/csv; charset=utf-8", f"{name}.csv", _csv(rows))
    raise Refused(400, "unknown_format", "format: this comes as json, ndjson or csv.")


def _file(content_type: str, name: str, text: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    headers = {**DATA_HEADERS, "Content-Type": content_type, "Content-Disposition": disposition}
    return Response(headers=headers, body=text.encode())


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for row in rows:
        plain = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        writer.writerow({n: f"'{v}" if str(v).startswith(FORMULA) else v for n, v in plain.items()})
    return text.getvalue()


async def certificate(app: App, request: Request) -> Response:
    """The signed exit record."""
    return as_json(await views.exit_record(app, await grant.found(app, request.args["id"])))


async def reports(app: App, request: Request) -> Response:
    """The weekly summaries."""
    return as_json({"reports": await views.weekly(app, await grant.found(app, request.args["id"]))})


async def sync(app: App, request: Request) -> Response:
    """Synchronise now."""
    connection = await grant.found(app, request.args["id"])
    name = "sync-accepting-loss" if request.model(Sync).accept_loss else "sync-now"
    await start(app, connection, name)
    return as_json({"accepted": True}, 202)


async def reconcile(app: App, request: Request) -> Response:
    """Look at the tenant now."""
    await start(app, await grant.found(app, request.args["id"]), "advance")
    return as_json({"accepted": True}, 202)


async def start(app: App, connection: Connection, job: str) -> None:
    """Have a job run now. Only a running connection is synchronised."""
    if job.startswith("sync") and connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection is synchronised.")
    await app.queue.send(Job(name=job, connection=connection.id), app.clock.now())


async def grant_again(app: App, request: Request) -> Response:
    """Connect again: removals stop, and a link is returned in case consent is needed anew."""
    connection = await grant.found(app, request.args["id"])
    return as_json(await grant.connect_again(app, connection, request.actor), 202)


async def revoke_access(app: App, request: Request) -> Response:
    """Revoke access."""
    request.model(Revoke)
    await revoke.revoke(app, await grant.found(app, request.args["id"]), request.actor)
    return as_json({"accepted": True}, 202)


async def attest(app: App, request: Request) -> Response:
    """Say that an administrator's step is done."""
    connection = await grant.found(app, request.args["id"])
    await revoke.attest(app, connection, request.args["key"], request.actor)
    return as_json({"accepted": True}, 202)


async def list_policies(app: App, request: Request) -> Response:
    """The connection's policies."""
    connection = await grant.found(app, request.args["id"])
    found = await stored.listed(app.database, connection.id)
    return as_json({"policies": [policy.model_dump() for policy in found]})


async def put_policy(app: App, request: Request) -> Response:
    """Create or replace a policy."""
    connection = await grant.found(app, request.args["id"])
    policy = request.model(Policy)
    if policy.name != request.args["name"]:
        raise Refused(400, "not_valid", "name: differs from the name in the address.")
    await policies.put(app, connection, policy)
    return as_json(policy.model_dump())


async def delete_policy(app: App, request: Request) -> Response:
    """Delete a policy."""
    connection = await grant.found(app, request.args["id"])
    await policies.delete(app, connection, request.args["name"])
    return Response(status=204)


async def consent(app: App, request: Request) -> Response:
    """A platform sends the administrator's browser back. A job proves what it says; the page shows how it goes."""
    connection = await grant.callback(app, request.args["platform"], request.query)
    return redirect(await grant.link(app, connection.id))
