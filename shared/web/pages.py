"""The pages: plain, server-rendered, without script. What they show is what the API answers."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import certificate, decisions, exports, policies, quarantine
from shared.app import App
from shared.connections import Connection
from shared.errors import Refused
from shared.handlers import grant, overview, revoke, views
from shared.handlers.quarantine import release
from shared.lifecycle import ByAdministrator, Change, Stage
from shared.platform import permissions_of, rows_of
from shared.policies import Policy
from shared.reports import keep as kept
from shared.web.api import acts
from shared.web.messages import PAGE_HEADERS, Request, Response, redirect
from shared.web.operators import begin_session

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# How often a page looks again, in seconds: often while things happen, seldom while time must pass.
SOON, SELDOM = 3, 30
# Older entries are in the ledger's exports.
SHOWN_ENTRIES = 200
SHOWN_REPORTS = 12
SHOWN_ITEMS = 50
JOBS = {"sync": "sync-now", "sync-accepting-loss": "sync-accepting-loss", "look": "advance"}


def page(template: str, status: int = 200, **content: Any) -> Response:
    """A page from a template; everything in it is escaped."""
    body = _environment().get_template(template).render(**content)
    return Response(status=status, headers=PAGE_HEADERS, body=body.encode())


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters["moment"] = moment
    return environment


def moment(text: str | None) -> str:
    """A time as people read it."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else "never"


def refused(error: Refused) -> Response:
    """The same problem, for people."""
    title = error.code.replace("_", " ")
    return page("problem.html", error.status, title=title, sentence=error.sentence, number=error.status)


async def style(_app: App, _request: Request) -> Response:
    """The one style sheet."""
    headers = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"}
    headers["X-Content-Type-Options"] = "nosniff"
    return Response(headers=headers, body=(TEMPLATES / "style.css").read_bytes())


async def sign_in(app: App, request: Request) -> Response:
    """Follow a one-time link into the console."""
    return redirect("/", **{"Set-Cookie": await begin_session(app, request.args["token"])})


async def index(app: App, _request: Request) -> Response:
    """All connections, those that need a person first."""
    return page("index.html", connections=await overview.every(app, {}))


async def connection(app: App, request: Request) -> Response:
    """One connection: its stage, the published table as it stands, the ledger."""
    found = await overview.found(app, request.args["id"])
    shown = await views.changes(app, found)
    entries = await views.entries(app, found)
    return page(
        "connection.html",
        c=await overview.detail(app, found),
        rows=shown["rows"],
        published=_by_stage(shown),
        ledger=entries[: -SHOWN_ENTRIES - 1 : -1],
        entries=len(entries),
        link=await grant.link(app, found.id) if _needs_consent(found) else None,
        asked=[row for row in shown["rows"] if row.get("asked")],
        offered=[row for row in shown["rows"] if row.get("offered")],
        certificate=await certificate.latest(app.database, found) is not None,
        reports=await kept.listed(app.database, found.id, most=SHOWN_REPORTS),
        again=_again(found),
        **await _mail(app, found),
    )


async def _mail(app: App, connection: Connection) -> dict[str, Any]:
    """Its policies, and what they have led to."""
    listed = await policies.listed(app.database, connection.id)
    box, parts = await app.seal.box(connection.id), await exports.parts(app.database, connection.id)
    items, _ = await quarantine.page(app.database, box, connection.id, {}, before=None, most=SHOWN_ITEMS)
    return {
        "policies": [
            policy.model_dump(mode="json") | {"kinds": sorted(policy.conditions.kinds), "whose": _whose(policy)}
            for policy in listed
        ],
        "items": [item.printed() for item in items],
        "waiting": await quarantine.count(app.database, connection.id),
        "uninspected": (await decisions.count(app.database, connection.id)).get(decisions.UNINSPECTED, 0),
        "export": len(parts) if all(part.until for part in parts) else 0,
    }


def _whose(policy: Policy) -> str:
    named = ((policy.domains, "domain"), (policy.groups, "group"), (policy.users, "user"))
    some = ", ".join(f"{len(names)} {word}{'s' * (len(names) > 1)}" for names, word in named if names)
    but = policy.except_domains or policy.except_groups or policy.except_users
    return ("everyone" if policy.everyone else some or "nobody") + (", with exceptions" if but else "")


def _needs_consent(connection: Connection) -> bool:
    never_given = connection.stage is Stage.NEW and connection.claimed_tenant is None
    return never_given or connection.reason == "consent_missing"


def _again(connection: Connection) -> int | None:
    """After how many seconds the page looks again by itself, if anything may happen by itself."""
    if connection.stage is Stage.GRANT or (connection.stage is Stage.NEW and connection.claimed_tenant):
        return SOON
    return SELDOM if connection.stage in (Stage.REVOKE, Stage.CLEANUP) else None


def _by_stage(shown: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = {"grant": "Granting access", "run": "Service running", "revoke": "Revoking access", "cleanup": "Clean-up"}
    objects: dict[str, tuple[str, list[str]]] = {}
    for row in shown["rows"]:
        marks = objects.setdefault(row["key"], (row["title"], []))[1]
        if row["mark"] not in marks:
            marks.append(row["mark"])
    lines = [
        line | {"objects": [objects[key] for key in line["rows"] if key in objects]} for line in shown["published"]
    ]
    return [(title, [line for line in lines if line["stage"] == stage]) for stage, title in titles.items()]


async def act(app: App, request: Request) -> Response:
    """A button of the connection's page."""
    found = await overview.found(app, request.args["id"])
    match request.args["action"]:
        case "revoke":
            acknowledged = "acknowledge_quarantine" in request.form()
            await revoke.revoke(app, found, request.actor, acknowledged=acknowledged)
        case "release":
            item = request.form().get("item", "")
            await release(app, found, int(item) if item.isascii() and item.isdigit() else 0)
        case "grant":
            await grant.connect_again(app, found, request.actor)
        case "attest":
            await revoke.attest(app, found, request.form().get("key", ""), request.actor)
        case job if job in JOBS:
            await acts.start(app, found, JOBS[job])
        case other:
            raise Refused(404, "no_such_action", f"There is no action “{other[:80]}”.")
    return redirect(f"/connections/{found.id}")


async def connect(app: App, request: Request) -> Response:
    """What the administrator sees before consenting: each object, why, how long; and afterwards, how it goes."""
    found = await grant.linked(app, request.args["token"])
    platform = app.platforms[found.platform]
    rows = rows_of(platform, found)
    return page(
        "connect.html",
        c=overview.connection_view(app, found),
        changes=[row for row in rows if isinstance(row, Change | ByAdministrator)],
        permissions=permissions_of(platform, rows),
        how_it_ends=platform.how_it_ends,
        after_consent=platform.after_consent,
        platform_url=await grant.platform_url(app, found) if _needs_consent(found) else None,
        removed={Stage.REVOKE: "when access is revoked", Stage.CLEANUP: "at clean-up, a day later"},
        again=_again(found),
    )
