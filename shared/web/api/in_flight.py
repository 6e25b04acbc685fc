"""The scanning service says what it has in flight of a connection whose access is being revoked."""

from pydantic import AwareDatetime, ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows import drain
from shared.flows.app import App
from shared.web.api import refuses
from shared.web.http import Accepted, Request, Strict, accepted


class InFlight(Strict):
    """What the service holds of a connection's mail, or has handed back and not seen delivered."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"in_flight": 0, "last_mail_at": "2026-11-26T09:14:31+00:00"}]}
    )

    in_flight: int = Field(ge=0, description="how many messages, held and retried ones too")
    last_mail_at: AwareDatetime | None = Field(None, description="when one last came or went; null: none is known")


class Counted(TypedDict):
    """Whether it counts as evidence that nothing is in flight."""

    drained: bool


@refuses("409 not_being_revoked")
async def told(app: App, request: Request, body: InFlight) -> Accepted[Counted]:
    """Say what is in flight. Nothing, and none for a while, lets an exit go on before its fixed times."""
    counts = await drain.told(app, request.connection, body.in_flight, body.last_mail_at, request.actor.name)
    return accepted({"drained": counts})
