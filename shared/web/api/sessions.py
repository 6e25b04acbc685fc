"""Console sessions, for administrators: seen, and ended."""

from typing import Any

from typing_extensions import TypedDict

from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web import sessions
from shared.web.api import refuses
from shared.web.http import Json, Nothing, Request, as_json
from shared.web.schema import When


class SessionView(TypedDict):
    """A session at the console."""

    id: str
    subject: str
    name: str
    role: str
    customer: str | None
    begun_at: When
    expires_at: When


class SessionList(TypedDict):
    """The sessions that have not ended."""

    sessions: list[SessionView]


def _view(row: Any) -> SessionView:
    return {
        "id": row.id,
        "subject": row.subject,
        "name": row.name,
        "role": row.role,
        "customer": row.customer,
        "begun_at": row.begun_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
    }


async def every(app: App, request: Request) -> Json[SessionList]:
    """List the console's sessions; an account of one customer sees those of that one's accounts."""
    return as_json({"sessions": [_view(row) for row in await sessions.listed(app, request.actor.customer)]})


@refuses("404 no_such_session")
async def end(app: App, request: Request) -> Nothing:
    """End a session."""
    if not await sessions.end_other(app, request.args["session"], request.actor.customer):
        raise Refused(404, "no_such_session", "There is no such session, or it has ended.")
    return Nothing(status=204)
