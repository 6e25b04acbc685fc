"""What will be done, for the operator who is about to order it: by the ledger, and by a check of the tenant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.connections.stages import Stage
from shared.engine.concerns import Concern
from shared.engine.forecast import Forecast
from shared.engine.steps import Verb
from shared.flows.app import App
from shared.flows.plans import concerns, foreseen, planned
from shared.foundation.errors import FootprintError
from shared.protection import quarantine
from shared.web.api.records import Purpose
from shared.web.http import Request, Response
from shared.web.pages import framed
from shared.web.pages.differences import differences
from shared.web.pages.forms import said

# What is done, in words.
VERBS: Mapping[Verb, str] = {
    Verb.CREATE: "make",
    Verb.UPDATE: "change",
    Verb.COMPLETE: "change",
    Verb.REMOVE: "remove",
    Verb.ADOPT: "take over",
    Verb.BORROW: "leave",
    Verb.FORGET: "note as gone",
    Verb.MISS: "note as not seen",
    Verb.UNSEEN: "note as not found",
    Verb.UNSURE: "leave",
    Verb.LEAVE: "leave",
    Verb.DRIFT: "report",
    Verb.WAIT: "wait",
    Verb.ASK: "ask for",
    Verb.OFFER: "leave",
    Verb.BLOCKED: "try again",
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One purpose of a plan: what it is called, in which stages it can be asked for, and the button that does."""

    title: str
    says: str
    stages: frozenset[Stage]
    action: str = ""
    button: str = ""


BEFORE_THE_END = frozenset({Stage.NEW, Stage.GRANT, Stage.RUN})
AFTER_A_REVOKE = frozenset({Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED})
KINDS: Mapping[str, Kind] = {
    "now": Kind(
        title="What would be done now",
        stages=frozenset(Stage),
        says="What a look at the tenant finds to do at this moment, as the connection is set.",
    ),
    "grant": Kind(
        title="Connect again",
        stages=AFTER_A_REVOKE,
        action="grant",
        button="Connect again now",
        says="Removals stop, and what is missing is made again. If consent was withdrawn, the administrator is asked "
        "for it anew.",
    ),
    "repair": Kind(
        title="Put right what others have changed",
        stages=frozenset({Stage.RUN}),
        action="repair",
        button="Put it right now",
        says="Our own objects are made as they were. Nothing of the customer's is touched.",
    ),
    "revoke": Kind(
        title="Revoke access",
        stages=BEFORE_THE_END,
        action="revoke",
        button="Revoke access now",
        says="Mail is routed as before at once. Then everything that was made in the tenant is removed, step by step, "
        "and what was there before us stays.",
    ),
}

FIRST = Kind(
    title="What will be made",
    stages=frozenset({Stage.NEW}),
    says="Once the tenant's administrator has consented, in this order. Routing is switched on last.",
)


async def page(app: App, request: Request) -> Response:
    """The plan for a purpose; with `fresh` by a look at the tenant, which takes some seconds and changes nothing."""
    asked = dict(said(request).query)
    fresh = asked.pop("fresh", "") == "1"
    purpose = replace(request, query=asked).parameters(Purpose).purpose
    connection, failed = request.connection, ""
    kind = KINDS[purpose]
    if connection.stage is Stage.NEW and purpose in ("now", "grant"):
        purpose, kind = "grant", FIRST
    possible = connection.stage in kind.stages
    # Before anybody has consented there is nothing to look at.
    looks = possible and connection.tenant is not None and connection.stage is not Stage.CLOSED
    lines: list[Forecast] | None = None
    found: list[Concern] | None = None
    if fresh and looks:
        try:
            lines = await planned(app, connection, purpose)
            found = await concerns(app, connection, purpose)
        except FootprintError as error:
            failed = error.sentence
    if lines is None:
        lines = await foreseen(app, connection, purpose) if possible else []
    return framed(
        app,
        request,
        "plan",
        purpose=purpose,
        kind=kind,
        possible=possible,
        groups=grouped(lines),
        concerns=found or [],
        fresh=fresh and looks and not failed,
        looks=looks,
        failed=failed,
        waiting=await quarantine.count(app.database, connection.id) if purpose == "revoke" else 0,
    )


def grouped(lines: Iterable[Forecast]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The lines, in their order, by when they happen."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        differs, more = differences(line.before, line.after)
        shown = {
            "title": line.row.title,
            "element": line.element,
            "verb": VERBS[line.verb],
            "why": line.why,
            "differs": differs,
            "more": more,
        }
        groups.setdefault(line.when, []).append(shown)
    return [(when[0].upper() + when[1:], some) for when, some in groups.items()]
