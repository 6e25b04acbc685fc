"""Connections at a glance, as JSON: for the API, the pages and the local commands alike. Imports no flow."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections.record import Connection
from shared.connections.status import Status, status_of
from shared.flows.app import App
from shared.foundation.schedule import Site
from shared.protection import decisions, directory, listings, quarantine, set_aside
from shared.web.schema import When, example

MAX_SET_ASIDE = 100
StageName = Literal["new", "grant", "run", "revoke", "cleanup", "closed"]
EXAMPLE: dict[str, Any] = {
    "id": "5f0c1d9be7a84c0f9a3be1f0c2d4a6b8",
    "platform": "example",
    "platform_title": "Example Mail",
    "modes": [],
    "left_out": [],
    "name": "Contoso",
    "customer": "contoso",
    "site": "eu",
    "tenant": "contoso.com",
    "expected_tenant": "contoso.com",
    "stage": "run",
    "stage_title": "Service running",
    "stage_since": "2026-11-24T09:12:04+00:00",
    "status": "healthy",
    "reason": None,
    "sentence": None,
    "reason_since": None,
    "not_before": None,
    "paused_until": None,
    "synced_at": "2026-11-26T00:15:03+00:00",
    "working": False,
    "looked_at": "2026-11-26T00:15:09+00:00",
    "made_at": "2026-11-24T08:59:40+00:00",
    "generation": 1,
    "repairs_drift": False,
    "contacts": ["it@contoso.com"],
    "invitation": {
        "sent_at": "2026-11-24T08:59:40+00:00",
        "opened_at": "2026-11-24T09:10:02+00:00",
        "expires_at": "2026-12-01T08:59:40+00:00",
    },
}


class InvitationView(TypedDict):
    """The invitation of the customer's administrator."""

    sent_at: When
    opened_at: When | None
    expires_at: Annotated[When | None, Field(description="null once it was ended")]


@example(EXAMPLE)
class ConnectionView(TypedDict):
    """A connection without anything that is secret."""

    id: str
    platform: str
    platform_title: str
    modes: Annotated[list[str], Field(description="the kinds of protection it is for; empty where there is no choice")]
    left_out: Annotated[list[str], Field(description="keys of objects that it was made without")]
    name: str
    customer: Annotated[str, Field(description="the customer's name; empty: no customer in particular")]
    site: Site
    tenant: Annotated[str | None, Field(description="the platform's id of the tenant, once consent is verified")]
    expected_tenant: Annotated[str | None, Field(description="the tenant's id or domain, as given at creation")]
    stage: StageName
    stage_title: str
    stage_since: When
    status: Annotated[Status, Field(description="`degraded` is retried automatically, `action_required` is not")]
    reason: Annotated[str | None, Field(description="a stable code for the cause of the status")]
    sentence: Annotated[str | None, Field(description="the same for people, with what to do")]
    reason_since: When | None
    not_before: Annotated[When | None, Field(description="when the next check is due")]
    paused_until: Annotated[When | None, Field(description="until then its mail is not routed to the scanner")]
    synced_at: When | None
    working: Annotated[bool, Field(description="a run is under way, or was requested and has not ended yet")]
    looked_at: Annotated[When | None, Field(description="when a run last came to its end")]
    made_at: When
    generation: Annotated[int, Field(description="counts changes of direction: granted, revoked, connected again")]
    repairs_drift: Annotated[bool, Field(description="drift is repaired automatically")]
    contacts: Annotated[
        list[str], Field(description="e-mail addresses at the customer: told when the tenant moves to another customer")
    ]
    invitation: Annotated[InvitationView | None, Field(description="null where none was sent")]


class MailCounts(TypedDict):
    """Messages that may need attention."""

    quarantined: int
    uninspected: int


class SetAside(TypedDict):
    """A single item that is refused or cannot be read; everything else continues."""

    kind: Literal["mailbox", "label", "group", "message", "entry", "member"]
    name: Annotated[str, Field(description="the display name")]
    why: str
    times: Annotated[int, Field(description="how often it has failed in a row")]
    since: When
    not_before: Annotated[When, Field(description="when it is tried again")]


class DirectoryCounts(TypedDict):
    """How much of a directory there is in our copy of it."""

    users: int
    groups: int
    members: int
    domains: int


class Reading(TypedDict):
    """A listing of the directory that is under way, perhaps over several runs."""

    what: Annotated[Literal["users", "groups", "groups with members"], Field(description="what is being listed")]
    read: Annotated[int, Field(description="how many were read so far")]
    page: int
    since: When


class Domain(TypedDict):
    """A domain of the tenant, with the mail servers that should be in its DNS and those that are."""

    name: str
    verified: bool
    accepted: bool
    wanted_mx: list[str] | None
    mx: list[str] | None


@example(
    EXAMPLE
    | {
        "mail": {"quarantined": 2, "uninspected": 0},
        "reading": None,
        "directory": {"users": 240, "groups": 31, "members": 512, "domains": 1},
        "domains": [
            {
                "name": "contoso.com",
                "verified": True,
                "accepted": True,
                "wanted_mx": ["mx.example.com"],
                "mx": ["mx.example.com"],
            },
        ],
        "set_aside": [
            {
                "kind": "mailbox",
                "name": "someone@contoso.com",
                "why": "Mail service not enabled",
                "times": 2,
                "since": "2026-11-25T00:15:03+00:00",
                "not_before": "2026-11-26T20:15:03+00:00",
            },
        ],
        "set_aside_count": 1,
    }
)
class ConnectionDetail(ConnectionView):
    """A connection with its directory in numbers, its domains, and what needs to be known of its mail."""

    mail: MailCounts
    reading: Annotated[Reading | None, Field(description="how far the present reading of the directory has come")]
    directory: DirectoryCounts
    domains: list[Domain]
    set_aside: Annotated[list[SetAside], Field(description="the first hundred of what is refused one by one")]
    set_aside_count: int


def connection_view(app: App, connection: Connection) -> ConnectionView:
    """A connection without anything that is secret."""
    return {
        "id": connection.id,
        "platform": connection.platform,
        "platform_title": app.platforms.titles[connection.platform],
        "modes": sorted(connection.modes),
        "left_out": sorted(connection.left_out),
        "name": connection.name,
        "customer": connection.customer,
        "site": connection.site,
        "tenant": connection.tenant,
        "expected_tenant": connection.expected_tenant,
        "stage": cast("StageName", connection.stage.name.lower()),
        "stage_title": connection.stage.title,
        "stage_since": connection.stage_since.isoformat(),
        "status": status_of(connection),
        "reason": connection.reason,
        "sentence": connection.sentence,
        "reason_since": connection.reason_since.isoformat() if connection.reason_since else None,
        "not_before": connection.not_before.isoformat() if connection.not_before else None,
        "paused_until": connection.paused_until.isoformat() if connection.paused_until else None,
        "synced_at": connection.synced_at.isoformat() if connection.synced_at else None,
        "working": is_working(app, connection),
        "looked_at": connection.looked_at.isoformat() if connection.looked_at else None,
        "made_at": connection.created_at.isoformat(),
        "generation": connection.generation,
        "repairs_drift": connection.repairs_drift,
        "contacts": list(connection.contacts),
        "invitation": _invitation(connection),
    }


def _invitation(connection: Connection) -> InvitationView | None:
    if connection.invited_at is None:
        return None
    opened, expires = connection.invitation_opened_at, connection.invitation_expires_at
    return {
        "sent_at": connection.invited_at.isoformat(),
        "opened_at": opened.isoformat() if opened else None,
        "expires_at": expires.isoformat() if expires else None,
    }


def is_working(app: App, connection: Connection) -> bool:
    """Whether a run is under way, or was asked for and has not come to its end yet."""
    held = connection.lease_until is not None and connection.lease_until > app.clock.now()
    asked, looked = connection.asked_at, connection.looked_at
    return held or (asked is not None and (looked is None or looked < asked))


async def detail(app: App, connection: Connection) -> ConnectionDetail:
    """A connection with its directory in numbers, its domains, and what needs to be known of its mail."""
    acted = await decisions.count(app.database, connection.id)
    held = await directory.count(app.database, connection.id)
    aside = await set_aside.listed(app.database, connection.id)
    return {
        **connection_view(app, connection),
        "mail": {
            "quarantined": await quarantine.count(app.database, connection.id),
            "uninspected": acted.get(decisions.UNINSPECTED, 0),
        },
        "reading": _reading(await listings.under_way(app.database, connection.id)),
        "directory": {
            "users": held["users"],
            "groups": held["groups"],
            "members": held["members"],
            "domains": held["domains"],
        },
        "domains": [
            {
                "name": row["name"],
                "verified": row["verified"],
                "accepted": row["accepted"],
                "wanted_mx": row["wanted_mx"],
                "mx": row["mx"],
            }
            for row in await directory.domains(app.database, connection.id)
        ],
        "set_aside": [
            {
                "kind": cast("Any", one.kind),
                "name": one.name,
                "why": one.why,
                "times": one.times,
                "since": one.since.isoformat(),
                "not_before": one.not_before.isoformat(),
            }
            for one in aside[:MAX_SET_ASIDE]
        ],
        "set_aside_count": len(aside),
    }


def _reading(listing: listings.Listing | None) -> Reading | None:
    if listing is None:
        return None
    what: Any = "groups with members" if listing.kind == "members" else listing.kind
    return {"what": what, "read": listing.read, "page": listing.pages, "since": listing.since.isoformat()}
