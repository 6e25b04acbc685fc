"""One connection: where it stands, what it waits for, what can be done, and the published table as it is now."""

from collections.abc import Mapping
from typing import Any

from shared.connections import halts
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import certificate, chain
from shared.engine.ledger import holdings_of
from shared.engine.rows import Change
from shared.flows import findings, invitation
from shared.flows.app import App
from shared.foundation.errors import ConsentMissing
from shared.platforms.instructions import Instruction, StepValue
from shared.platforms.rows import rows_of
from shared.web.http import Request, Response
from shared.web.pages import REFRESH_SECONDS, SLOW_REFRESH_SECONDS, drift, framed, table
from shared.web.views import changes, connections, fleet

RECENT = 5
# What a button of this page has asked for, told to the person who has just pressed it.
ASKED: Mapping[str, str] = {
    "sync": "Sync requested.",
    "resync": "Full sync requested.",
    "sync-accepting-loss": "Sync requested; the loss is accepted.",
    "look": "Check requested.",
    "repair": "Repair requested.",
    "revoke": "Revoke requested.",
    "grant": "Reconnect requested.",
    "renew-invitation": "New invitation created. Earlier links no longer work.",
    "pause": "Pause requested. Routing is switched off now.",
    "resume": "Resume requested. Routing is switched on now.",
    "say": "Recorded in the ledger with your name.",
    "withdraw": "Withdrawn. The finding alarms again while it lasts.",
    "attest": "Recorded in the ledger with your name.",
}


async def page(app: App, request: Request) -> Response:
    """One connection."""
    connection = request.connection
    view = await changes.changes(app, connection)
    platform = app.platforms[connection.platform]
    mine = rows_of(platform, connection)
    may_act = request.actor.acts
    detail = await connections.detail(app, connection)
    found = await findings.listed(app, connection)
    kind = fleet.KINDS.get(connection.reason or "")
    return framed(
        app,
        request,
        "",
        c=detail,
        again=again(app, connection),
        link=await invitation.live(app, connection.id) if may_act and needs_consent(app, connection) else None,
        asks=needs_consent(app, connection),
        progress=table.progress(connection, mine, view["rows"]),
        pausable=any(isinstance(row, Change) and row.routes for row in mine),
        steps=await administrators(app, connection, view),
        published=table.published(view),
        drifted=drift.drifted(view["rows"], await holdings_of(app.database, connection.id), found),
        theirs=drift.of_the_customer(found),
        effects=drift.effects(found),
        next_step=kind.step if kind else None,
        more=await after_consent(app, connection) if connection.reason == platform.after_consent.reason else None,
        recent=await _recent(app, connection),
        titles={row.key: row.title for row in mine},
        offered=[row for row in view["rows"] if row.get("offered")],
        halt=await halts.of(app.database, connection),
        ended=await certificate.latest(app.database, connection),
        asked=ASKED.get(request.query.get("asked", "")),
    )


async def _recent(app: App, connection: Connection) -> list[chain.LedgerEntry]:
    """The last entries of the ledger but intents; none where it cannot be read, which its own section tells."""
    try:
        found = await chain.page(app.database, connection.id, after=0, most=2 * RECENT, newest=True)
        return [entry for entry in found if entry.state != "intended"][:RECENT]
    except chain.Unreadable:
        return []


async def administrators(app: App, connection: Connection, view: Any) -> list[dict[str, Any]]:
    """The administrator's steps, each with what the ledger says last of it."""
    keys = [row["key"] for row in view["rows"] if row["kind"] == "by administrator"]
    told = await chain.last_of(app.database, connection.id, keys)
    return table.steps(connection, view["rows"], told)


async def after_consent(app: App, connection: Connection) -> Instruction:
    """What the administrator must still do after consenting, with what to copy."""
    platform = app.platforms[connection.platform]
    words = await platform.words(connection)
    asked = platform.after_consent
    values = tuple(StepValue(label=label, value=text.format(**words)) for label, text in asked.values)
    return Instruction(sentence=asked.sentence, link=asked.link.format(**words), values=values)


def needs_consent(app: App, connection: Connection) -> bool:
    """Whether the administrator is asked to open the link."""
    never_given = connection.stage is Stage.NEW and connection.claimed_tenant is None
    # While a run is under way, consent may have just been given again: nobody is asked for it twice.
    return never_given or (connection.reason == ConsentMissing.CODE and not connections.is_working(app, connection))


def again(app: App, connection: Connection) -> int | None:
    """After how many seconds the page looks again by itself; None where nothing will happen any more."""
    proving = connection.stage is Stage.NEW and connection.claimed_tenant is not None
    if connections.is_working(app, connection) or connection.stage is Stage.GRANT or proving:
        return REFRESH_SECONDS
    return None if connection.stage is Stage.CLOSED else SLOW_REFRESH_SECONDS
