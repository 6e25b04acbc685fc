"""What is found in the way of a tenant's mail, as JSON."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections.choices import Choice, Way
from shared.engine.concerns import Concern
from shared.flows.findings import Finding
from shared.web.schema import When, example


class ChoiceView(TypedDict):
    """What an operator decided about a finding."""

    id: str
    way: Way
    effect: Annotated[list[str], Field(description="what the finding did to mail then; more than that alarms again")]
    reason: str
    by: str
    at: When
    until: Annotated[When | None, Field(description="when it ends; null: when it is withdrawn")]


@example(
    {
        "key": "mail-flow/inbound/8c1f2a",
        "found": "before",
        "told": "The inbound connector “Lockdown” lets mail in from another gateway only.",
        "advice": "Add the service's addresses to it.",
        "effect": ["bounced_or_delayed"],
        "waits": True,
        "choice": None,
    }
)
class FindingView(TypedDict):
    """One thing in the way of mail."""

    key: str
    found: Annotated[Literal["before", "running"], Field(description="before anything was made, or while running")]
    told: str
    advice: Annotated[str, Field(description="what to do about it")]
    effect: Annotated[list[str], Field(description="what it does to mail, the worst first; empty: nothing yet")]
    waits: Annotated[bool, Field(description="nothing is made in the tenant before it is gone or accepted")]
    choice: ChoiceView | None


class FindingList(TypedDict):
    """Everything that is known to be in the way of a tenant's mail."""

    findings: list[FindingView]


class ConcernView(TypedDict):
    """One thing in the way of mail, seen before anything is made."""

    key: str
    told: str
    advice: Annotated[str, Field(description="what to do about it")]
    effect: Annotated[list[str], Field(description="what it does to mail, the worst first; empty: nothing yet")]
    waits: Annotated[bool, Field(description="nothing is made in the tenant before it is gone or accepted")]


def finding(one: Finding) -> FindingView:
    """One finding."""
    return {
        "key": one.key,
        "found": one.found,
        "told": one.told,
        "advice": one.advice,
        "effect": list(one.effect),
        "waits": one.waits,
        "choice": _choice(one.choice) if one.choice else None,
    }


def _choice(said: Choice) -> ChoiceView:
    return {
        "id": said.id,
        "way": said.way,
        "effect": list(said.effect),
        "reason": said.reason,
        "by": said.actor,
        "at": said.at.isoformat(),
        "until": said.until.isoformat() if said.until else None,
    }


def concern(one: Concern) -> ConcernView:
    """One concern of a plan."""
    return {
        "key": one.key,
        "told": one.told,
        "advice": one.advice,
        "effect": list(one.effect),
        "waits": one.waits,
    }
