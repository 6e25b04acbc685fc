"""Pausing a connection, and going on."""

from pydantic import AwareDatetime, ConfigDict, Field

from shared.flows import grant, pausing
from shared.flows.app import App
from shared.web.api import refuses
from shared.web.api.actions import NOTED, Noted
from shared.web.http import Accepted, Request, Strict, accepted


class Pause(Strict):
    """Until when, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"until": "2026-12-31T06:00:00+00:00", "reason": "The customer moves its mail tonight."}]
        }
    )

    until: AwareDatetime = Field(description="when mail is routed again, 30 days ahead at most")
    reason: str = Field(min_length=1, max_length=500, pattern=grant.LINE)


@refuses(
    "400 until_is_past",
    "400 pause_too_long",
    "409 not_running",
    "409 pause_not_possible",
    "409 halted",
    "409 changed_meanwhile",
)
async def put(app: App, request: Request, body: Pause) -> Accepted[Noted]:
    """Switch the routing of mail off until a time: it flows unscanned, and everything else stays in place."""
    await pausing.pause(app, request.connection, body.until, body.reason, request.actor.name)
    return accepted(NOTED)


@refuses("409 not_paused")
async def end(app: App, request: Request) -> Accepted[Noted]:
    """Switch the routing of mail on again, before the pause's end."""
    await pausing.resume(app, request.connection, request.actor.name)
    return accepted(NOTED)
