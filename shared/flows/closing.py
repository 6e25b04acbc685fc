"""The end of a connection: its certificate, and what is left to do when consent has gone before the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from shared.connections import record as connections
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine import certificate
from shared.engine.certificate import Leftover, Result
from shared.engine.ledger import NOT_OURS, HoldingState, Ledger
from shared.engine.reconcile import reconcile
from shared.engine.rows import ByAdministrator, Change, Row
from shared.engine.steps import Step, Verb, known
from shared.flows.app import App
from shared.flows.reports import store
from shared.foundation.errors import ConsentMissing
from shared.platforms.contract import OpenTenant, Platform
from shared.platforms.rows import rows_of
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId

# A consent that was withdrawn may come back; after this long the rest is left to the administrator's checklist.
CONSENT_GRACE = timedelta(hours=24)
# How often the whole tenant is looked over for residue while the administrator's steps are awaited.
RESCAN = timedelta(days=1)
AWAITED = "waits for the administrator"


async def certify(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> None:
    """Draw up the certificate once everything that we can remove is gone, and anew when more is known.

    With a last look at the tenant while we can still look, without it once our own way in is gone.
    """
    if any(isinstance(step.row, Change) and step.verb is Verb.WAIT for step in steps):
        return
    asked = [step for step in steps if isinstance(step.row, ByAdministrator)]
    open_now = sorted({step.key for step in asked})
    before = await certificate.latest(app.database, connection)
    fresh = before is not None and app.clock.now() < datetime.fromisoformat(before["drawn_up_at"]) + RESCAN
    if before is not None and fresh and open_now == sorted(before["open"]):
        return
    rows = rows_of(platform, connection)
    if _can_look(rows, tenant.ledger):
        left, unknown = await certificate.residue(rows, tenant)
        left += cast("list[Leftover]", await platform.residue(tenant))
    elif before is not None:
        left, unknown = before["residue"], before["could_not_check"]
    else:
        left, unknown = [], _unseen(connection, platform, tenant)
    left = [entry for entry in left if entry.get("why") != AWAITED]
    left += [{"key": step.key, "title": step.row.title, "why": AWAITED} for step in asked]
    result: Result = (
        "degraded" if unknown else "waiting for the administrator" if asked else "residue" if left else "clean"
    )
    await certificate.draw_up(
        app.database,
        connection,
        rows,
        now=app.clock.now(),
        words=await platform.words(connection),
        result=result,
        left=left,
        unknown=unknown,
        still_open=open_now,
    )


async def forget_people(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """A closed connection does not know any more who consented, nor who was sent its reports."""
    await connections.forget_administrator(write, connection_id)
    await store.forget_recipients(write, connection_id)


def _can_look(rows: Sequence[Row], ledger: Ledger) -> bool:
    """Whether our own way into the tenant is still there, as far as anybody has seen."""
    ways = [row.key for row in rows if isinstance(row, ByAdministrator) and row.implied]
    held = [ledger.holdings[key].state for key in ways if key in ledger.holdings]
    return bool(held) and all(state in (HoldingState.OURS, HoldingState.LEAVING) for state in held)


def _unseen(connection: Connection, platform: Platform, tenant: OpenTenant) -> list[Leftover]:
    return [
        {
            "key": item.key,
            "title": item.row.title,
            "identity": tenant.ledger.holdings[item.key].identity,
            "why": "the application was removed before a last look",
        }
        for item in known(rows_of(platform, connection), tenant.ledger)
        if isinstance(item.row, Change) and not item.row.local
    ]


async def without_consent(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, error: ConsentMissing
) -> bool:
    """The application went before the rest. Wait for it to come back a while, then end with a complete checklist.

    True once the connection has come to its end.
    """
    now, rows = app.clock.now(), rows_of(platform, connection)
    since = connection.reason_since if connection.reason == error.code and connection.reason_since else now
    if now < since + CONSENT_GRACE:
        sentence = (
            "The tenant's consent is gone, so what is left there cannot be removed by us. Open the consent link again "
            f"before {since + CONSENT_GRACE:%Y-%m-%d %H:%M} UTC, or remove it by hand: the certificate will list it."
        )
        await connections.report(
            app.database,
            connection,
            now,
            Status.ATTENTION,
            reason=error.code,
            sentence=sentence,
            not_before=min(now + timedelta(hours=1), since + CONSENT_GRACE),
        )
        return False
    own = [replace(row, serves=(), kept_for=timedelta(0)) for row in rows if isinstance(row, Change) and row.local]
    await reconcile(own, tenant, Stage.CLEANUP, repair=False)
    unknown: list[Leftover] = [
        {"key": item.key, "title": item.row.title, "identity": held.identity, "why": "could not check: consent is gone"}
        for item in known(rows, tenant.ledger)
        if (held := tenant.ledger.holdings[item.key]).state is not HoldingState.GONE and held.state not in NOT_OURS
    ]
    await certificate.draw_up(
        app.database,
        connection,
        rows,
        now=now,
        words=await platform.words(connection),
        result="degraded",
        left=[],
        unknown=unknown,
        still_open=[],
    )
    return True
