"""The pages: rendered on the server, and complete without script. What they show and do is what the API answers."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.flows.app import App
from shared.foundation.errors import NoRole, Refused
from shared.foundation.schedule import ZONES, Site
from shared.web.http import PAGE_HEADERS, Request, Response, etag
from shared.web.pages import assets
from shared.web.views import connections

if TYPE_CHECKING:
    from jinja2 import Environment

Time = datetime | str
"""A moment, itself or as ISO 8601."""
# A page loads itself anew: often while things happen, seldom while time must pass.
REFRESH_SECONDS, SLOW_REFRESH_SECONDS = 3, 30
# A connection's sections, as they stand in its navigation.
SECTIONS: Mapping[str, str] = {
    "": "Overview",
    "directory": "Directory",
    "policies": "Policies",
    "quarantine": "Quarantine",
    "mail-flow": "Mail flow",
    "reports": "Reports",
    "plan": "Plan",
    "ledger": "Ledger",
    "certificate": "Certificate",
    "settings": "Settings",
}
# The console's own pages: each with its title, the key that leads there behind a "g", and whether it is for accounts
# that see all customers only.
NAVIGATION: tuple[tuple[str, str, str, bool], ...] = (
    ("/", "Home", "h", False),
    ("/connections", "Connections", "c", False),
    ("/activity", "Activity", "a", False),
    ("/batches", "Batches", "b", False),
    ("/settings", "Settings", "s", True),
    ("/health", "Health", "y", False),
    ("/documentation", "Documentation", "d", False),
)
STATUSES: Mapping[str, str] = {status.value: status.words for status in Status}
# Each status with the mark whose shape and colour it has.
STYLES: Mapping[str, str] = {
    Status.ACTION_REQUIRED: "attention",
    Status.DEGRADED: "waiting",
    Status.AWAITING_CONSENT: "by-administrator",
    Status.SETTING_UP: "under-way",
    Status.REVOKING: "under-way",
    Status.HEALTHY: "ok",
    Status.CLOSED: "stopped",
}
# What a mark is called, where that is not its own word.
MARKS: Mapping[str, str] = {"borrowed": "pre-existing"}
# What a certificate says of an object that was not removed.
STANDS: Mapping[str, str] = {"ours": "stays", "borrowed": "pre-existing"}
# What a certificate comes to.
RESULTS: Mapping[str, str] = {
    "clean": "Nothing of ours is left: everything that we created is removed, and a final check confirmed it.",
    "waiting for the administrator": "We removed everything that we can. The remaining steps are the administrator's.",
    "residue": "The final check found objects of ours that remain in the tenant. They are listed below.",
    "degraded": "Everything that could be checked is gone. Some objects could not be checked: not certified clean.",
}


def page(app: App, template: str, status: int = 200, **content: Any) -> Response:
    """A page from a template, with its tag; everything in it is escaped.

    `actor` is who is signed in, `again` after how many seconds the page looks again, and `place` the first part of its
    path; each may be left out.
    """
    known = {"software": app.settings.brand.software, "actor": None, "again": None, "place": ""}
    body = _environment().get_template(template).render(**{**known, **content})
    return Response(status=status, headers={**PAGE_HEADERS, "ETag": etag(body)}, body=body.encode())


def shown(app: App, request: Request, template: str, status: int = 200, **content: Any) -> Response:
    """The same for a caller who has signed in."""
    place = "/" + request.path.split("/")[1]
    return page(app, template, status, actor=request.actor, place=place, **content)


def framed(
    app: App, request: Request, section: str, status: int = 200, *, template: str = "", **content: Any
) -> Response:
    """A section of a connection's page, by the template of its name or another one."""
    connection = request.connection
    frame = {
        "c": connections.connection_view(app, connection),
        "modes": mode_titles(app, connection),
        "sections": _sections(app, connection),
        "here": section,
        "now": app.clock.now(),
        "title": SECTIONS[section],
        "expected": connection.expected_tenant,
    }
    return shown(app, request, template or f"{section or 'connection'}.html", status, **{**frame, **content})


def _sections(app: App, connection: Connection) -> dict[str, str]:
    """The sections that its platform fills."""
    platform = app.platforms[connection.platform]
    empty = {"quarantine": not platform.feed, "mail-flow": platform.history() is None}
    return {key: title for key, title in SECTIONS.items() if not empty.get(key)}


def mode_titles(app: App, connection: Connection) -> list[str]:
    """The kinds of protection that a connection is for, as people read them."""
    return [mode.title for mode in app.platforms[connection.platform].modes if mode.name in connection.modes]


def refused(error: Refused, app: App, request: Request, back: str = "/connections") -> Response:
    """A problem, for people, with what they can do next; `back` is where they came from."""
    sign_in = None
    if (error.status == 401 or isinstance(error, NoRole)) and app.settings.operators.client_id:
        # Only what was looked at can be gone on with: a form that was sent is not sent again.
        sign_in = (
            f"/sign-in?to={quote(request.path)}" if request.method == "GET" and error.status == 401 else "/sign-in"
        )
    title = TITLES.get(error.status, "This did not work")
    return page(
        app,
        "problem.html",
        error.status,
        title=title,
        error=error,
        back=back,
        sign_in=sign_in,
        actor=request.known,
    )


TITLES = {
    401: "Sign in",
    403: "Access denied",
    404: "Not found",
    409: "Not possible now",
    410: "This invitation has expired",
    412: "Changed by someone else",
    429: "Too many requests",
    500: "Internal error",
    502: "The platform rejected the request",
    503: "Temporarily unavailable",
}


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(assets.TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        moment=moment, day=day, iso=iso, distance=distance, counted=counted, brief=brief, query=urlencode, pairs=pairs
    )
    environment.globals.update(
        NAVIGATION=NAVIGATION,
        STATUSES=STATUSES,
        STYLES=STYLES,
        MARKS=MARKS,
        RESULTS=RESULTS,
        STANDS=STANDS,
        STAGES=stages(),
        address=assets.address,
    )
    return environment


def stages() -> list[tuple[str, str]]:
    """The stages by name, as they follow each other."""
    return [(stage.name.lower(), stage.title) for stage in Stage]


def moment(time: Time | None, site: str = "") -> str:
    """A time as people read it; with a site, also as its clocks show it."""
    if not time:
        return "never"
    told = f"{_at(time):%d %b %Y, %H:%M} UTC".lstrip("0")
    if not site:
        return told
    from zoneinfo import ZoneInfo

    zone = ZONES[Site(site)]
    return f"{told}; {_at(time).astimezone(ZoneInfo(zone)):%d %b, %H:%M}".replace("; 0", "; ") + f" {zone}"


def day(time: Time) -> str:
    """Its day."""
    return f"{_at(time):%d %b %Y}".lstrip("0")


def iso(time: Time) -> str:
    """The same for programs."""
    return _at(time).isoformat()


def distance(time: Time, now: datetime) -> str:
    """How far a time is from now, roughly: for readers who do not live by UTC."""
    minutes = round((_at(time) - now).total_seconds() / 60)
    far = abs(minutes)
    if not far:
        return "now"
    size, unit = next((size, unit) for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")) if far >= size)
    told = counted(round(far / size), unit)
    return f"in {told}" if minutes > 0 else f"{told} ago"


def brief(time: Time, now: datetime) -> str:
    """The same in a narrow column: "3 d ago"."""
    return re.sub(r"(\d) (minute|hour|day)s?", lambda found: f"{found[1]} {UNITS[found[2]]}", distance(time, now))


UNITS = {"minute": "min", "hour": "h", "day": "d"}


def _at(time: Time) -> datetime:
    return (datetime.fromisoformat(time) if isinstance(time, str) else time).astimezone(UTC)


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Names that are what they are called."""
    return [(name, name) for name in names]


def counted(number: int, one: str, more: str = "") -> str:
    """So many of something."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
