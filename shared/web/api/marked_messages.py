"""Marked messages, which show that a connection's mail goes the whole way, and what the scanner reports by itself."""

from pydantic import AwareDatetime, ConfigDict, Field

from shared.flows import access, drain, marked_messages, scanner_reports
from shared.flows.app import App
from shared.flows.scanner_reports import Event
from shared.web.api import refuses
from shared.web.http import Accepted, Json, Nothing, Request, Strict, accepted, as_json
from shared.web.representations.marked_messages import MarkedMessageList, MarkedMessageView, marked_message


class Wanted(Strict):
    """To whom a marked message is sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"recipient": "maria@contoso.com"}]})

    recipient: str = Field(
        max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", description="a user whose incoming mail is protected"
    )


class Sighting(Strict):
    """What became of a message at the scanner."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mark": "0bEGBN2yO8Mt3SZ1uWfXvQcA", "event": "seen"}]})

    mark: str = Field(min_length=1, max_length=100, description="what its header X-Marked-Message says")
    event: Event = Field(description="`seen`: the message came; `returned`: sent on, and the platform took it")


class Held(Strict):
    """What the service holds of one connection's mail, or has handed back and not seen delivered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"connection": "8c1f2a", "in_flight": 0, "last_mail_at": "2026-11-26T09:14:31+00:00"}]
        }
    )

    connection: str = Field(min_length=1, max_length=100, description="its id")
    in_flight: int = Field(ge=0, description="how many messages, held and retried ones too")
    last_mail_at: AwareDatetime | None = Field(None, description="when one last came or went; null: none is known")


@refuses(
    "400 recipient_not_protected",
    "409 changed_meanwhile",
    "409 no_mail_server",
    "409 no_scanner_secret",
    "409 not_routed_by_us",
    "409 not_running",
    "409 too_many_marked_messages",
)
async def send(app: App, request: Request, body: Wanted) -> Accepted[MarkedMessageView]:
    """Send a marked message the whole way of the connection's mail. Its state says how far it came."""
    sent = await marked_messages.ask(app, request.connection, body.recipient, request.actor.name)
    return accepted(marked_message(sent))


async def listed(app: App, request: Request) -> Json[MarkedMessageList]:
    """The newest 20 marked messages, the newest first."""
    found = await marked_messages.listed(app, request.connection)
    return as_json({"marked_messages": [marked_message(one) for one in found]})


@refuses("401 not_the_scanner", "404 no_such_mark")
async def seen(app: App, request: Request, body: Sighting) -> Nothing:
    """The scanner reports a marked message, signed as Standard Webhooks are with its secret."""
    await scanner_reports.report(app, request.headers[scanner_reports.ID], body.mark, body.event)
    return Nothing(status=204)


@refuses("401 not_the_scanner", "404 no_such_connection", "409 not_being_revoked")
async def in_flight(app: App, request: Request, body: Held) -> Nothing:
    """The scanner says what it has in flight of a connection that is being revoked, signed in the same way."""
    connection = await access.found(app, body.connection)
    report = request.headers[scanner_reports.ID]
    await drain.told(app, connection, body.in_flight, body.last_mail_at, scanner_reports.SCANNER, report)
    return Nothing(status=204)
