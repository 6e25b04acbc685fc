"""The pages: rendered on the server, and complete without script. What they show and do is what the API answers."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.http import PAGE_HEADERS, Request, Response, etag
from shared.web.views import connections as overview

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"
# How often a page looks again, in seconds: often while things happen, seldom while time must pass.
SOON, SELDOM = 3, 30
# A connection's sections, as they stand in its navigation.
SECTIONS: Mapping[str, str] = {
    "": "Overview", "directory": "Directory", "policies": "Policies", "quarantine": "Quarantine",
    "reports": "Reports", "plan": "Plan", "ledger": "Ledger", "certificate": "Certificate",
}  # fmt: skip
STATUSES: Mapping[str, str] = {
    Status.ATTENTION: "Needs a person", Status.WAITING: "Waiting", Status.OK: "Fine"
}  # fmt: skip
# What a mark is called, where that is not its own word.
MARKS: Mapping[str, str] = {"borrowed": "yours before us"}
# What a certificate says of an object that was not removed.
STANDS: Mapping[str, str] = {"ours": "stays", "borrowed": "yours before us"}
# What a certificate comes to.
RESULTS: Mapping[str, str] = {
    "clean": "Nothing of ours is left: everything that was made has been removed, and was looked for once more.",
    "waiting for the administrator": "Everything that we can remove is gone. The rest is for the administrator.",
    "residue": "What we could remove is gone, and something of ours was found to be left.",
    "degraded": "What we could look at is gone. Something could not be looked at, so nobody can say that it is clean.",
}


def page(app: App, template: str, status: int = 200, **content: Any) -> Response:
    """A page from a template, with its tag; everything in it is escaped.

    `actor` is who is signed in, and `again` after how many seconds the page looks again; both may be left out.
    """
    known = {"software": app.settings.brand.software, "actor": None, "again": None}
    body = _environment().get_template(template).render(**{**known, **content})
    return Response(status=status, headers={**PAGE_HEADERS, "ETag": etag(body)}, body=body.encode())


def shown(app: App, request: Request, template: str, status: int = 200, **content: Any) -> Response:
    """The same for whoever has signed in."""
    return page(app, template, status, actor=request.actor, **content)


def framed(
    app: App, request: Request, section: str, status: int = 200, *, template: str = "", **content: Any
) -> Response:
    """A section of a connection's page, by the template of its name or another one."""
    connection = request.connection
    frame = {
        "c": overview.connection_view(app, connection),
        "modes": mode_titles(app, connection),
        "sections": SECTIONS if app.platforms[connection.platform].feed else without(SECTIONS, "quarantine"),
        "here": section,
        "now": app.clock.now(),
        "title": SECTIONS[section],
        "expected": connection.expected_tenant,
    }
    return shown(app, request, template or f"{section or 'connection'}.html", status, **{**frame, **content})


def content(answer: Response) -> Any:
    """What an answer of the API holds: a page shows that, and nothing that it does not say."""
    return json.loads(answer.body)


def mode_titles(app: App, connection: Connection) -> list[str]:
    """The kinds of protection that a connection is for, as people read them."""
    return [mode.title for mode in app.platforms[connection.platform].modes if mode.name in connection.modes]


def without(names: Mapping[str, str], left_out: str) -> dict[str, str]:
    """The names but one."""
    return {key: title for key, title in names.items() if key != left_out}


def refused(error: Refused, app: App, request: Request, back: str = "/") -> Response:
    """A problem, for people, with what they can do next; `back` is where they came from."""
    sign_in = None
    if (error.status == 401 or error.code == "no_role") and app.settings.operators.client_id:
        # Only what was looked at can be gone on with: a form that was sent is not sent again.
        sign_in = (
            f"/sign-in?to={quote(request.path)}" if request.method == "GET" and error.status == 401 else "/sign-in"
        )
    title = TITLES.get(error.status, "This did not work")
    return page(
        app, "problem.html", error.status, title=title, error=error, back=back, sign_in=sign_in, actor=request.known,
    )  # fmt: skip


TITLES = {
    401: "Sign in first", 403: "Not allowed", 404: "There is nothing here", 409: "Not possible now",
    410: "This link has ended", 412: "Changed meanwhile", 429: "Too many requests", 500: "Our mistake",
    502: "The platform refused", 503: "Not possible just now",
}  # fmt: skip


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from shared.web.pages import assets

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters.update(moment=moment, day=day, distance=distance, counted=counted, query=urlencode, pairs=pairs)
    environment.globals.update(
        STATUSES=STATUSES, MARKS=MARKS, RESULTS=RESULTS, STANDS=STANDS, STAGES=stages(), address=assets.address
    )
    return environment


def stages() -> list[tuple[str, str]]:
    """The stages by name, as they follow each other."""
    return [(stage.name.lower(), stage.title) for stage in Stage]


def moment(text: str | None) -> str:
    """A time as people read it."""
    return f"{_at(text):%d %b %Y, %H:%M} UTC".lstrip("0") if text else "never"


def day(text: str) -> str:
    """Its day."""
    return f"{_at(text):%d %b %Y}".lstrip("0")


def distance(text: str, now: datetime) -> str:
    """How far a time is from now, roughly: for whoever does not live by UTC."""
    minutes = round((_at(text) - now).total_seconds() / 60)
    far = abs(minutes)
    if not far:
        return "now"
    size, unit = next((size, unit) for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")) if far >= size)
    told = counted(round(far / size), unit)
    return f"in {told}" if minutes > 0 else f"{told} ago"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Names that are what they are called."""
    return [(name, name) for name in names]


def counted(number: int, one: str, more: str = "") -> str:
    """So many of something."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
