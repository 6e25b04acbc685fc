"""The lines of a plan as JSON."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.engine.chain import Image
from shared.engine.concerns import Concern
from shared.engine.forecast import Forecast, Timing, total
from shared.engine.steps import Verb
from shared.web.representations.findings import ConcernView, concern
from shared.web.schema import When, example


@example(
    {
        "key": "connector",
        "title": "Outbound connector",
        "element": None,
        "verb": "remove",
        "why": "takes mail to the scanner",
        "timing": "later",
        "when": "after 1 hour",
        "delay": 3600,
        "at": None,
        "before": {"enabled": True},
        "after": None,
        "effect": None,
    }
)
class PlanStep(TypedDict):
    """What will be done to an object, and when."""

    key: str
    title: str
    element: Annotated[str | None, Field(description="of a list that is shared with others, the element")]
    verb: Annotated[Verb, Field(description="`drift` is reported only; `leave` and `offer` stay")]
    why: str
    timing: Annotated[Timing, Field(description="`later` is done by the service, when its time has come")]
    when: Annotated[str, Field(description="the same for people, with the time or with what must come first")]
    delay: Annotated[int | None, Field(description="seconds after the order that is planned, if they are known")]
    at: Annotated[When | None, Field(description="the time, once it is known")]
    before: Image | None
    after: Image | None
    effect: Annotated[
        list[str] | None,
        Field(description="of drift, what it does to mail, the worst first; null where there is no telling"),
    ]


class Plan(TypedDict):
    """What would be done, in order, and what is in the way of mail."""

    total: Annotated[str, Field(description="how many of each kind and when, in a sentence")]
    steps: list[PlanStep]
    concerns: Annotated[
        list[ConcernView] | None,
        Field(
            description="of a grant, what in the tenant would harm mail; null where no check was made, or is possible"
        ),
    ]


def plan(lines: Sequence[Forecast], concerns: Sequence[Concern] | None) -> Plan:
    """A plan, the total first; `concerns` is None where no look was possible or there is no model."""
    told = None if concerns is None else [concern(one) for one in concerns]
    return {"total": total(lines), "steps": [plan_step(line) for line in lines], "concerns": told}


def plan_step(line: Forecast) -> PlanStep:
    """A line of a plan; secrets stand in it by name only."""
    return {
        "key": line.key,
        "title": line.row.title,
        "element": line.element or None,
        "verb": line.verb,
        "why": line.why,
        "timing": line.timing,
        "when": line.when,
        "delay": None if line.delay is None else int(line.delay.total_seconds()),
        "at": line.at.isoformat() if line.at else None,
        "before": line.before,
        "after": line.after,
        "effect": (line.after or {}).get("effect"),
    }
