"""What will be done, for the operator who is about to order it: by the ledger, and by a check of the tenant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.connections.stages import Stage
from shared.engine.forecast import VERBS, Forecast, total
from shared.flows.app import App
from shared.flows.looks import UNDER_WAY, planned
from shared.flows.plans import foreseen, looks
from shared.foundation.errors import FootprintError
from shared.protection import quarantine
from shared.web.api.records import Purpose
from shared.web.http import Request, Response
from shared.web.pages import framed
from shared.web.pages.differences import differences
from shared.web.pages.forms import said
from shared.web.saved_plans import tag


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One purpose of a plan: what it is called, in which stages it can be asked for, and the button that does."""

    title: str
    says: str
    stages: frozenset[Stage]
    action: str = ""
    button: str = ""


# Seconds until the page asks again for what a worker is looking at.
ASKS_AGAIN = 3
BEFORE_THE_END = frozenset({Stage.NEW, Stage.GRANT, Stage.RUN})
AFTER_A_REVOKE = frozenset({Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED})
KINDS: Mapping[str, Kind] = {
    "now": Kind(
        title="Due now",
        stages=frozenset(Stage),
        says="What a check of the tenant finds to do now.",
    ),
    "grant": Kind(
        title="Reconnect",
        stages=AFTER_A_REVOKE,
        action="grant",
        button="Reconnect now",
        says="Removals stop, and missing objects are created again. If consent was withdrawn, the customer's "
        "administrator must consent again.",
    ),
    "repair": Kind(
        title="Repair drift",
        stages=frozenset({Stage.RUN}),
        action="repair",
        button="Repair now",
        says="Our own objects are restored as declared. The customer's objects are not touched.",
    ),
    "revoke": Kind(
        title="Revoke access",
        stages=BEFORE_THE_END,
        action="revoke",
        button="Revoke access now",
        says="Mail routing is restored first. Then everything that we created in the tenant is deleted, step by step. "
        "Pre-existing objects stay.",
    ),
}

FIRST = Kind(
    title="What will be created",
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
    can_look = possible and looks(connection)
    found, again = None, False
    if fresh and can_look:
        try:
            found = await planned(app, connection, purpose)
        except FootprintError as error:
            failed, again = error.sentence, error.code == UNDER_WAY
    expected = await foreseen(app, connection, purpose) if possible and not found else []
    lines = found.lines if found else expected
    told = framed(
        app,
        request,
        "plan",
        purpose=purpose,
        kind=kind,
        possible=possible,
        groups=grouped(lines),
        concerns=(found and found.concerns) or [],
        total=total(lines),
        tag=tag(found) if found else "",
        fresh=found is not None,
        looks=can_look,
        failed="" if again else failed,
        waiting=await quarantine.count(app.database, connection.id) if purpose == "revoke" else 0,
    )
    # A worker looks: the page asks again by itself, without a script too.
    return replace(told, headers={**told.headers, "Refresh": str(ASKS_AGAIN)}) if again else told


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
