"""What is in the way of a tenant's mail, and what an operator says about each: accept, repair, or report only."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from shared.connections.choices import Way
from shared.flows import findings, grant
from shared.flows.app import App
from shared.web.api import refuses
from shared.web.api.actions import NOTED, Noted
from shared.web.http import Accepted, Json, Nothing, Request, Strict, accepted, as_json
from shared.web.representations.findings import FindingList, finding


class Said(Strict):
    """What an operator says about some findings."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "findings": ["mail-flow/inbound/8c1f2a"],
                    "way": "accept",
                    "reason": "The old gateway goes next week.",
                    "until": "2026-12-31T00:00:00+00:00",
                }
            ]
        }
    )

    findings: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        min_length=1, max_length=100, description="their keys"
    )
    way: Way = Field(Way.ACCEPT, description="`accept` ends the alarm, `repair` puts it right, `report` only tells")
    reason: str = Field(min_length=1, max_length=500, pattern=grant.LINE)
    until: AwareDatetime | None = Field(None, description="when this ends; null: when it is withdrawn")


async def listed(app: App, request: Request) -> Json[FindingList]:
    """What was found in the way of mail, before a grant and while running, with what was said about each."""
    return as_json({"findings": [finding(one) for one in await findings.listed(app, request.connection)]})


@refuses("400 until_is_past", "404 no_such_finding", "409 not_possible_yet", "409 not_ours")
async def say(app: App, request: Request, body: Said) -> Accepted[Noted]:
    """Accept findings with a reason and perhaps an end, have them repaired, or only reported. The ledger says who."""
    until: datetime | None = body.until
    await findings.choose(
        app,
        request.connection,
        body.findings,
        way=body.way,
        reason=body.reason,
        until=until,
        actor=request.actor.name,
    )
    return accepted(NOTED)


@refuses("404 no_such_choice")
async def withdraw(app: App, request: Request) -> Nothing:
    """Withdraw a decision about a finding. While the finding lasts, it alarms again."""
    await findings.withdraw(app, request.connection, request.args["choice"], request.actor.name)
    return Nothing(status=204)
