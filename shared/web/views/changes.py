"""What is true of a connection, as JSON: for the API, the pages and the local commands alike."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import certificate, ledger
from shared.engine.effects import FOREIGN
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.rows import Activity, Area, ByAdministrator, Change, OnDemand, Row, Wanted, wanted
from shared.engine.steps import gone_since
from shared.flows.app import App
from shared.foundation.errors import Permanent, Refused
from shared.platforms.instructions import instruction
from shared.platforms.rows import rows_of
from shared.web.schema import When, example
from shared.web.views.connections import StageName

Kind = Literal["change", "activity", "by administrator", "on demand", "by others"]
RowState = Literal[
    "present",
    "absent",
    "waiting",
    "drifted",
    "borrowed",
    "under way",
    "by administrator",
    "running",
    "stopped",
    "on demand",
]


class StepValue(TypedDict):
    """What to type into which field."""

    label: str
    value: str


class AskedOfAdministrator(TypedDict):
    """What the administrator is asked to do now, or to undo: the sentence, the page, and what to type where."""

    sentence: str
    link: str
    values: list[StepValue]
    removal: bool


class StateOfRow(TypedDict):
    """What is true of an object now."""

    state: Annotated[RowState, Field(description="`borrowed` was there before us and stays")]
    identity: Annotated[NotRequired[str | None], Field(description="the platform's own id of it")]
    since: Annotated[NotRequired[When], Field(description="since when it is so")]
    drift: Annotated[NotRequired[Mapping[str, Any] | None], Field(description="what was changed in it by others")]
    effect: Annotated[
        NotRequired[list[str]], Field(description="what the drift does to mail, the worst first; empty: nothing")
    ]
    when: Annotated[NotRequired[str], Field(description="of an activity, when it happens")]
    until: Annotated[NotRequired[When | None], Field(description="how long it stays, if that is known")]
    offered: Annotated[NotRequired[bool], Field(description="its removal is there for the asking")]
    asked: NotRequired[AskedOfAdministrator | None]


class ChangeRow(StateOfRow):
    """An object or activity, with what is true of it now."""

    key: str
    title: str
    why: str
    element: Annotated[str | None, Field(description="of a list that is shared with others, the element that is ours")]
    kind: Kind


class PublishedLine(TypedDict):
    """A line of the published table, with the keys of the rows that it stands for."""

    stage: StageName
    area: Area
    text: str
    rows: list[str]
    elsewhere: Annotated[bool, Field(description="of a kind of protection that this connection is not for")]


@example(
    {
        "rows": [
            {
                "key": "rule",
                "title": "Routing rule",
                "why": "Mail is sent to be inspected.",
                "element": None,
                "kind": "change",
                "state": "present",
                "identity": "8c1f2a",
                "since": "2026-11-24T09:14:31+00:00",
                "drift": None,
                "offered": False,
            },
        ],
        "published": [
            {
                "stage": "grant",
                "area": "Mail platform",
                "text": "A rule is made.",
                "rows": ["rule"],
                "elsewhere": False,
            },
        ],
    }
)
class Changes(TypedDict):
    """The published table, with what is true now."""

    rows: list[ChangeRow]
    published: list[PublishedLine]


async def changes(app: App, connection: Connection) -> Changes:
    """The published table, with what the ledger knows to be true of each row now."""
    platform = app.platforms[connection.platform]
    holdings = await ledger.holdings_of(app.database, connection.id)
    mine = rows_of(platform, connection)
    in_hand = any(isinstance(row, ByAdministrator) and _state(holdings.get(row.key)) in IN_HAND for row in mine)
    words = await platform.words(connection) if in_hand else {}
    rows = [line for row in mine for line in _lines(app, connection, row, holdings, words)]
    rows += [_theirs(held) for key, held in holdings.items() if key.startswith(FOREIGN + "/") and held.drift]
    published: list[PublishedLine] = [
        {
            "stage": cast("StageName", line.stage.name.lower()),
            "area": line.area,
            "text": line.text,
            "rows": [row.key for row in mine if line.id in row.accounts_for],
            "elsewhere": not any(line.id in row.accounts_for for row in mine),
        }
        for line in platform.published(connection.brand)
    ]
    return {"rows": rows, "published": published}


def _state(held: Holding | None) -> HoldingState | None:
    return held.state if held else None


def _lines(
    app: App, connection: Connection, row: Row, holdings: Mapping[str, Holding], words: Mapping[str, str]
) -> list[ChangeRow]:
    marked: dict[str | None, StateOfRow] = {None: {"state": "on demand"}}
    match row:
        case Activity():
            marked = {None: {"state": "running" if connection.stage in row.stages else "stopped", "when": row.when}}
        case ByAdministrator():
            marked = {None: _administered(connection, row, holdings.get(row.key), words)}
        case Change():
            held = {k: h for k, h in holdings.items() if k == row.key or k.startswith(row.key + "/")}
            marked = {
                key.partition("/")[2] or None: _marked(app, connection, row, holding, holdings)
                for key, holding in sorted(held.items())
            } or {None: {"state": "absent"}}
    return [
        {"key": row.key, "title": row.title, "why": row.why, "element": element, "kind": KINDS[type(row)], **mark}
        for element, mark in marked.items()
    ]


KINDS: Mapping[type[Row], Kind] = {
    Change: "change",
    Activity: "activity",
    ByAdministrator: "by administrator",
    OnDemand: "on demand",
}
# What the administrator has in hand now, and whether it is to be undone.
IN_HAND = {HoldingState.ASKED: False, HoldingState.LEAVING: True}


def _administered(
    connection: Connection, row: ByAdministrator, held: Holding | None, words: Mapping[str, str]
) -> StateOfRow:
    """An administrator's doing: its mark, and what to do now if they are asked for something."""
    if held is None and row.implied and connection.tenant is not None and connection.stage <= Stage.RUN:
        return {"state": "under way", "asked": None}  # it came with the consent, and is recorded by the next run
    # What was asked for and never seen is asked for no more once access is revoked.
    given_up = held is not None and held.state is HoldingState.ASKED and connection.stage > Stage.RUN
    if held is None or held.state is HoldingState.GONE or given_up:
        return {"state": "absent", "asked": None}
    if held.state in IN_HAND:
        removal = IN_HAND[held.state]
        told = instruction(row, words, removal=removal)
        asked: AskedOfAdministrator = {
            "sentence": told.sentence,
            "link": told.link,
            "removal": removal,
            "values": [{"label": one.label, "value": one.value} for one in told.values],
        }
        return {**_known(held, "by administrator"), "asked": asked}
    if held.state in (HoldingState.MISSED, HoldingState.LEFT):
        return {**_known(held, "waiting" if held.state is HoldingState.MISSED else "borrowed"), "asked": None}
    return {**_known(held, "drifted" if held.drift else "present"), "asked": None}


def _known(held: Holding, mark: RowState) -> StateOfRow:
    known: StateOfRow = {
        "state": mark,
        "identity": held.identity,
        "since": held.since.isoformat(),
        "drift": held.drift,
    }
    return {**known, "effect": held.drift["effect"]} if held.drift and "effect" in held.drift else known


def _theirs(held: Holding) -> ChangeRow:
    """An object of the customer's that harms our mail."""
    return {
        "key": FOREIGN,
        "title": "Mail flow of the tenant",
        "why": str((held.drift or {})["told"]),
        "element": held.key.partition("/")[2],
        "kind": "by others",
        **_known(held, "drifted"),
    }


def _marked(
    app: App, connection: Connection, row: Change, holding: Holding, holdings: Mapping[str, Holding]
) -> StateOfRow:
    """One object's mark: present, absent, waiting until, drifted, borrowed, or under way."""
    if holding.state is HoldingState.GONE:
        return _known(holding, "absent")
    if holding.state in NOT_OURS:
        return _known(holding, "borrowed")
    if holding.state is not HoldingState.OURS:
        return _known(holding, "under way")
    if holding.missed_at is not None:  # the second look decides whether it is gone
        return {**_known(holding, "under way"), "since": holding.missed_at.isoformat()}
    now, drained = app.clock.now(), connection.drained_at
    want = wanted(row, connection.stage, now, lambda key: gone_since(key, holdings), drained)
    if connection.stage >= row.removed_in and want.wanted is Wanted.LEAVE:
        return {**_known(holding, "waiting"), "until": want.until.isoformat() if want.until else None}
    offered = row.offered and want.wanted is Wanted.ABSENT and connection.stage is not Stage.CLOSED
    return {**_known(holding, "drifted" if holding.drift else "present"), "offered": offered}


async def exit_record(app: App, connection: Connection) -> certificate.SignedCertificate:
    """The certificate of the present generation as it was signed, after a check of its signature."""
    try:
        found = await certificate.proven(app.database, app.seal, connection)
    except Permanent:
        raise Refused(
            409,
            "certificate_altered",
            "The stored certificate is not what this deployment signed. Restore the database from its backup.",
        ) from None
    if found is None:
        raise Refused(404, "no_certificate_yet", "The certificate is drawn up when clean-up has removed everything.")
    return found
