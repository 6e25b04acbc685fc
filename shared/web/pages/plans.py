"""What will be done, for whoever is about to ask for it: by what the ledger knows, and by a look at the tenant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from shared.connections.stages import Stage
from shared.engine.rows import ByAdministrator, Change, Row
from shared.engine.steps import Verb
from shared.flows.app import App
from shared.foundation.errors import FootprintError
from shared.platforms.rows import rows_of
from shared.protection import quarantine
from shared.web.api.records import Purpose
from shared.web.http import Request, Response
from shared.web.pages import framed, table
from shared.web.pages.differences import differences
from shared.web.pages.forms import said
from shared.web.views import changes as views

Line = Mapping[str, Any]
Waits = Mapping[str, timedelta]


class Group(NamedTuple):
    """Some lines of a plan that happen together; the lowest rank comes first."""

    rank: int
    title: str


# Between the first and the others comes what waits, by how many minutes.
AT_ONCE, IN_TIME = Group(0, "At once"), Group(1_000_000, "When its time has come")
REPORTED, HAND = Group(1_000_001, "Told, and left as it is"), Group(1_000_002, "By the administrator")
STAYS = Group(1_000_003, "What stays")
GROUPS: Mapping[str, Group] = {
    Verb.WAIT: IN_TIME, Verb.ASK: HAND, Verb.OFFER: STAYS, Verb.LEAVE: STAYS, Verb.BORROW: STAYS, Verb.DRIFT: REPORTED,
}  # fmt: skip
WORDS: Mapping[str, str] = {
    Verb.CREATE: "make", Verb.UPDATE: "change", Verb.COMPLETE: "change", Verb.REMOVE: "remove",
    Verb.ADOPT: "take over", Verb.BORROW: "leave", Verb.FORGET: "note as gone", Verb.MISS: "note as not seen",
    Verb.LEAVE: "leave", Verb.DRIFT: "report", Verb.WAIT: "wait", Verb.ASK: "ask for", Verb.OFFER: "leave",
}  # fmt: skip
BORROWED, OFFERED = "yours before us", "stays, as published, unless its removal is asked for"


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
        title="What would be done now", stages=frozenset(Stage),
        says="What a look at the tenant finds to do at this moment, as the connection is set.",
    ),
    "grant": Kind(
        title="Connect again", stages=AFTER_A_REVOKE, action="grant", button="Connect again now",
        says="Removals stop, and what is missing is made again. If consent was withdrawn, the administrator is asked "
        "for it anew.",
    ),
    "repair": Kind(
        title="Put right what others have changed", stages=frozenset({Stage.RUN}), action="repair",
        button="Put it right now", says="Our own objects are made as they were. Nothing of the customer's is touched.",
    ),
    "revoke": Kind(
        title="Revoke access", stages=BEFORE_THE_END, action="revoke", button="Revoke access now",
        says="Mail is routed as before at once. Then everything that was made in the tenant is removed, step by step, "
        "and what was there before us stays.",
    ),
}  # fmt: skip

FIRST = Kind(
    title="What will be made", stages=frozenset({Stage.NEW}),
    says="Once the tenant's administrator has consented, in this order. Routing is switched on last.",
)  # fmt: skip


async def page(app: App, request: Request) -> Response:
    """The plan for a purpose; with `fresh` by a look at the tenant, which takes some seconds and changes nothing."""
    asked = dict(said(request).query)
    fresh = asked.pop("fresh", "") == "1"
    purpose = replace(request, query=asked).parameters(Purpose).purpose
    connection, failed = request.connection, ""
    kind = KINDS[purpose]
    if connection.stage is Stage.NEW and purpose in ("now", "grant"):
        purpose, kind = "grant", FIRST
    mine = rows_of(app.platforms[connection.platform], connection)
    known = [table.whole(row) for row in (await views.changes(app, connection))["rows"]]
    possible = connection.stage in kind.stages
    # Before anybody has consented there is nothing to look at.
    looks = possible and connection.tenant is not None and connection.stage is not Stage.CLOSED
    lines = expected(mine, known, purpose) if possible else []
    if fresh and looks:
        try:
            steps = await views.planned(app, connection, purpose)
            lines = found(mine, known, steps) + [line for line in lines if line["why"] == BORROWED]
        except FootprintError as error:
            failed = error.sentence
    return framed(
        app, request, "plan", purpose=purpose, kind=kind, possible=possible, groups=grouped(lines),
        fresh=fresh and looks and not failed, looks=looks, failed=failed,
        waiting=await quarantine.count(app.database, connection.id) if purpose == "revoke" else 0,
    )  # fmt: skip


def expected(mine: Sequence[Row], known: Sequence[Line], purpose: str) -> list[dict[str, Any]]:
    """What the ledger lets us expect, in order."""
    by_key, waits = {row.key: row for row in mine}, waits_of(mine, known)
    lines = [
        line
        for each in known
        if isinstance(row := by_key[each["key"]], Change | ByAdministrator)
        and (line := _expected(row, each, purpose, waits))
    ]
    return lines[::-1] if purpose == "revoke" else lines


def _expected(row: Change | ByAdministrator, each: Line, purpose: str, waits: Waits) -> dict[str, Any] | None:
    by_hand, mark = isinstance(row, ByAdministrator), each["mark"]
    match purpose:
        case "grant" if mark == "absent":
            return _line(each, HAND if by_hand else AT_ONCE, "", row.why)
        case "repair" if mark == "drifted":
            return _line(each, HAND if by_hand else AT_ONCE, "", "was changed by someone else", after=each["drift"])
        case "revoke" if mark == "borrowed":
            return _line(each, STAYS, "", BORROWED)
        case "revoke" if mark != "absent" and isinstance(row, Change) and row.offered:
            return _line(each, STAYS, "", OFFERED)
        case "revoke" if mark != "absent":
            return _line(each, HAND if by_hand else later(waits[row.key]), "", row.why)
    return None


def found(mine: Sequence[Row], known: Sequence[Line], steps: Iterable[Line]) -> list[dict[str, Any]]:
    """What a look at the tenant has found to do, in order. What is not ours is said from the ledger."""
    by_key, waits = {row.key: row for row in mine}, waits_of(mine, known)
    not_ours = {(row["key"], row["element"]) for row in known if row["mark"] == "borrowed"}
    lines = []
    for step in steps:
        key, verb, why = step["key"].partition("/")[0], WORDS[step["verb"]], step["why"]
        if (key, step["element"]) in not_ours:
            continue
        group = GROUPS.get(step["verb"], AT_ONCE)
        row = by_key[key]
        if step["verb"] == Verb.WAIT and step["until"] is None and isinstance(row, Change) and row.offered:
            group, verb, why = STAYS, WORDS[Verb.OFFER], OFFERED
        elif step["verb"] == Verb.WAIT and step["until"] is None:
            # It outlives what it serves: that is known, and so is what it is for.
            group, why = (HAND if isinstance(row, ByAdministrator) else later(waits[key])), row.why
            verb = WORDS[Verb.REMOVE]
        lines.append(_line(step, group, verb, why, **{name: step[name] for name in ("before", "after", "until")}))
    return lines


def _line(each: Line, group: Group, verb: str, why: str, **more: Any) -> dict[str, Any]:
    lines, left_out = differences(more.get("before"), more.get("after"))
    return {
        "title": each["title"], "element": each["element"], "group": group, "verb": verb, "why": why,
        "until": more.get("until"), "differs": lines, "more": left_out,
    }  # fmt: skip


def grouped(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """The lines by group: what is done at once, what waits, the shortest first, and then the rest."""
    groups: dict[Group, list[Line]] = {}
    for line in lines:
        groups.setdefault(line["group"], []).append(line)
    return [(group.title, groups[group]) for group in sorted(groups)]


def later(wait: timedelta) -> Group:
    """What waits so long, or does not wait."""
    minutes = int(wait.total_seconds() // 60)
    if not minutes:
        return AT_ONCE
    hours, rest = divmod(minutes, 60)
    said = f"{minutes} minutes" if rest else f"{hours} hour{'s' if hours > 1 else ''}"
    return Group(rank=AT_ONCE.rank + minutes, title=f"After {said}")


def waits_of(rows: Sequence[Row], known: Sequence[Line]) -> dict[str, timedelta]:
    """How long after a revoke each row may go: it outlives what it serves and is there, which may have to wait too."""
    there = {row["key"] for row in known if row["mark"] != "absent"}
    by_key = {row.key: row for row in rows if isinstance(row, Change | ByAdministrator)}

    def wait(key: str) -> timedelta:
        served = [key for key in by_key[key].serves if key in by_key and key in there]
        return max((wait(each) + by_key[key].kept_for for each in served), default=timedelta(0))

    return {key: wait(key) for key in by_key}
