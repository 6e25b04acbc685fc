"""The pages: plain, server-rendered, without script. What they show is what the API answers."""

from pathlib import Path
from typing import Any

from shared.errors import Refused
from shared.handlers import grant, revoke, views
from shared.lifecycle import ByAdministrator, Change, Stage
from shared.platform import App
from shared.queues import Job
from shared.web.messages import PAGE_HEADERS, Request, Response, redirect
from shared.web.operators import begin_session

TEMPLATES = Path(__file__).parent / "templates"


def page(template: str, status: int = 200, **content: Any) -> Response:
    """A page from a template; everything in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    body = environment.get_template(template).render(**content)
    return Response(status=status, headers=PAGE_HEADERS, body=body.encode())


def refused(error: Refused) -> Response:
    """The same problem, for people."""
    return page("problem.html", error.status, title=error.code.replace("_", " "), sentence=error.sentence)


async def style(_app: App, _request: Request) -> Response:
    """The one style sheet."""
    headers = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"}
    return Response(headers=headers, body=(TEMPLATES / "style.css").read_bytes())


async def sign_in(app: App, request: Request) -> Response:
    """Follow a one-time link into the console."""
    return redirect("/", **{"Set-Cookie": await begin_session(app, request.args["token"])})


async def index(app: App, _request: Request) -> Response:
    """All connections, those that need a person first."""
    return page("index.html", connections=await views.every(app, {}))


async def connection(app: App, request: Request) -> Response:
    """One connection: its stage, the published table as it stands, the ledger."""
    found = await grant.found(app, request.args["id"])
    shown = await views.changes(app, found)
    link = await grant.link(app, found.id) if found.stage in (Stage.NEW, Stage.GRANT) else None
    content = await views.detail(app, found)
    ledger = (await views.entries(app, found))[-200:]
    return page(
        "connection.html", c=content, rows=shown["rows"], published=_by_stage(shown), ledger=ledger[::-1], link=link,
        asked=[row for row in shown["rows"] if row["mark"] == "by administrator" and found.stage is Stage.CLEANUP],
    )  # fmt: skip


def _by_stage(shown: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = {"grant": "Granting access", "run": "Service running", "revoke": "Revoking access", "cleanup": "Clean-up"}
    marks: dict[str, str] = {}
    for row in shown["rows"]:
        marks.setdefault(row["key"], row["mark"])
    lines = [
        line | {"objects": [(key, marks[key]) for key in line["rows"] if key in marks]} for line in shown["published"]
    ]
    return [(title, [line for line in lines if line["stage"] == stage]) for stage, title in titles.items()]


async def act(app: App, request: Request) -> Response:
    """A button of the connection's page."""
    found = await grant.found(app, request.args["id"])
    match request.args["action"]:
        case "revoke":
            await revoke.revoke(app, found, request.actor)
        case "grant":
            await grant.connect_again(app, found, request.actor)
        case "sync":
            await app.queue.send(Job(name="sync-now", connection=found.id), app.clock.now())
        case "look":
            await app.queue.send(Job(name="advance", connection=found.id), app.clock.now())
        case "attest":
            await revoke.attest(app, found, request.form().get("key", ""), request.actor)
        case other:
            raise Refused(404, "no_such_action", f"There is no action “{other}”.")
    return redirect(f"/connections/{found.id}")


async def connect(app: App, request: Request) -> Response:
    """What the administrator sees before consenting: each object, why, how long; and afterwards, how it goes."""
    found = await grant.linked(app, request.args["token"])
    platform = app.platforms[found.platform]
    asking = found.tenant is None and found.claimed_tenant is None
    return page(
        "connect.html",
        c=views.connection_view(app, found),
        changes=[row for row in platform.rows if isinstance(row, Change | ByAdministrator)],
        permissions=platform.permissions,
        after_consent=platform.after_consent,
        platform_url=await grant.platform_url(app, found) if asking or found.reason == "consent_missing" else None,
        removed={Stage.REVOKE: "when access is revoked", Stage.CLEANUP: "at clean-up, a day later"},
    )
