"""The end of a connection: its certificate, and what is left to do when consent has gone before the rest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

from shared.connections import clocks, record
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.signing import signing_key
from shared.engine import certificate
from shared.engine import ledger as ledgers
from shared.engine.certificate import Certificate, Draft, LastLook, Leftover, Looked, Result
from shared.engine.incarnations import row_key
from shared.engine.last_look import BEARS, Search, look, search
from shared.engine.ledger import NOT_OURS, HoldingState, Ledger
from shared.engine.plan import CANNOT_TELL
from shared.engine.reconcile import reconcile
from shared.engine.rows import ByAdministrator, Change, Row
from shared.engine.steps import Step, Verb, known
from shared.flows.app import App
from shared.foundation.errors import ConsentMissing, Unfinished
from shared.platforms.contract import OpenTenant, Platform
from shared.platforms.rows import rows_of

# A consent that was withdrawn may come back; after this long the rest is left to the administrator's checklist.
CONSENT_GRACE = timedelta(hours=24)
# How often the whole tenant is looked over for residue while the administrator's steps are awaited.
RESCAN = timedelta(hours=1)
# What cannot be looked at or removed for so long no longer holds up the rest of the clean-up, nor at last the end.
GO_ON_WITHOUT = timedelta(days=1)
END_WITHOUT = timedelta(days=3)
AWAITED = "waits for the administrator"
Seen = TypeVar("Seen", Leftover, Looked)


async def certify(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> None:
    """Draw up what the certificate says so far, once everything that we can remove is gone; anew when more is known.

    It is replaced by the one that `last` drafts, so its look is never older than RESCAN when our way in goes.
    """
    if any(isinstance(step.row, Change) and step.verb is Verb.WAIT for step in steps):
        return
    asked = [step for step in steps if isinstance(step.row, ByAdministrator)]
    before = await certificate.latest(app.database, connection)
    fresh = before is not None and app.clock.now() < datetime.fromisoformat(before["drawn_up_at"]) + RESCAN
    if before is not None and fresh and sorted({step.key for step in asked}) == sorted(before["open"]):
        return
    draft = await _drafted(app, connection, platform, tenant, asked, before)
    async with app.database.write() as write:
        await certificate.draw_up(write, draft)


async def last(app: App, connection: Connection, platform: Platform, tenant: OpenTenant) -> Draft:
    """The certificate of the end: from a look that is taken now, or, once our way in is gone, from the last one."""
    before = await certificate.latest(app.database, connection)
    return await _drafted(app, connection, platform, tenant, [], before)


async def _drafted(
    app: App,
    connection: Connection,
    platform: Platform,
    tenant: OpenTenant,
    asked: Sequence[Step],
    before: Certificate | None,
) -> Draft:
    rows = rows_of(platform, connection)
    seen = await last_seen(rows, platform, tenant, before)
    left = [entry for entry in seen.left if entry.get("why") not in (AWAITED, CANNOT_TELL)]
    left += [{"key": step.key, "title": step.row.title, "why": AWAITED} for step in asked]
    left += _unsure(rows, tenant.ledger)
    # A name or an address alone may be the customer's own.
    ours_left = left or any(one["why"] == BEARS["mark"] for one in seen.unrecorded)
    result: Result = "residue" if ours_left else "clean"
    if asked or seen.unknown:
        result = "degraded" if seen.unknown else "waiting for the administrator"
    still_open = sorted({step.key for step in asked})
    return await _draft(app, connection, platform, replace(seen, left=left), result, still_open)


async def last_seen(
    rows: Sequence[Row], platform: Platform, tenant: OpenTenant, before: Certificate | None
) -> LastLook:
    """What a look shows now, or, once our way in is gone, what the certificate before had seen."""
    not_checkable = cast("list[Leftover]", await platform.not_checkable(tenant))
    if _can_look(rows, tenant.ledger):
        found = await look(rows, platform.searches, tenant)
        kept = cast("list[Leftover]", await platform.residue(tenant))
        named = {one["identity"] for one in kept}
        others = [one for one in found.left if one["identity"] not in named]
        return replace(found, left=[*others, *kept], not_checkable=not_checkable)
    return _not_seen(rows, platform.searches, tenant, before, not_checkable)


def _not_seen(
    rows: Sequence[Row],
    searches: Sequence[Search],
    tenant: OpenTenant,
    before: Certificate | None,
    not_checkable: Sequence[Leftover],
) -> LastLook:
    """What the certificate before had seen, that nobody has looked since, and what was never searched for our signs."""
    looked = before["looked"] if before else []
    since = max((one["at"] for one in looked), default=before["drawn_up_at"] if before else "the revoke")
    why = f"our access has ended, so nothing has been checked since {since}"
    searched = {one["key"] for one in looked}
    unsearched: list[Leftover] = [
        {"key": one.key, "title": one.title, "why": "our access ended before they were searched for our mark"}
        for one in searches
        if one.key not in searched
    ]
    return LastLook(
        left=before["residue"] if before else [],
        unknown=[*(before["could_not_check"] if before else _unseen(rows, tenant)), *unsearched],
        looked=looked,
        unrecorded=before["bears_our_mark"] if before else [],
        not_checkable=[{"title": "What was created in the tenant after the last check", "why": why}, *not_checkable],
    )


async def _draft(
    app: App,
    connection: Connection,
    platform: Platform,
    last_look: LastLook,
    result: Result,
    still_open: Sequence[str] = (),
) -> Draft:
    return Draft(
        connection=connection,
        rows=rows_of(platform, connection),
        holdings=await ledgers.holdings_of(app.database, connection.id),
        now=app.clock.now(),
        words=await platform.words(connection),
        result=result,
        look=last_look,
        still_open=still_open,
        key=await signing_key(app.database, app.seal, app.clock.now()),
    )


async def note_unrecorded(connection: Connection, platform: Platform, tenant: OpenTenant) -> None:
    """At the revoke, write down what bears our mark and was never recorded; the certificate tells it at the end."""
    if connection.stage is not Stage.REVOKE:
        return
    for one in (await search(platform.searches, tenant, tenant.now)).unrecorded:
        if one["why"] == BEARS["mark"]:
            identity = str(one["identity"])
            await tenant.ledger.come_upon(f"{one['key']}/{identity}", identity, f"{one['title']} {one['why']}")


def _can_look(rows: Sequence[Row], ledger: Ledger) -> bool:
    """Whether our own way into the tenant is still there, as far as anybody has seen."""
    ways = [row.key for row in rows if isinstance(row, ByAdministrator) and (row.implied or row.lets_us_see)]
    held = [ledger.holdings[key].state for key in ways if key in ledger.holdings]
    return bool(held) and all(state in (HoldingState.OURS, HoldingState.LEAVING) for state in held)


def _unsure(rows: Sequence[Row], ledger: Ledger) -> list[Leftover]:
    return [
        {"key": item.key, "title": item.row.title, "identity": held.identity, "why": CANNOT_TELL}
        for item in known(rows, ledger)
        if (held := ledger.holdings[item.key]).state is HoldingState.UNSURE
    ]


def _unseen(rows: Sequence[Row], tenant: OpenTenant) -> list[Leftover]:
    """Each object of ours that a look would have asked for: a deleted one may lie in a recycle bin."""
    return [
        {
            "key": item.key,
            "title": item.row.title,
            "identity": held.identity,
            "why": "our access ended before a last check",
        }
        for item in known(rows, tenant.ledger)
        if isinstance(item.row, Change) and not item.row.local
        if (held := tenant.ledger.holdings[item.key]).state not in NOT_OURS
        if held.identity is not None or held.state is not HoldingState.GONE
    ]


async def without_consent(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, error: ConsentMissing
) -> Draft | None:
    """The application went before the rest. Wait for it to come back a while, then end with a complete checklist.

    Returns the last certificate once the connection has come to its end.
    """
    now = app.clock.now()
    since = await clocks.since(app.database, connection.id, error.code, now)
    if now < since + CONSENT_GRACE:
        sentence = (
            "The tenant's consent is gone, so what is left there cannot be removed by us. Open the invitation again "
            f"before {since + CONSENT_GRACE:%Y-%m-%d %H:%M} UTC, or remove it by hand: the certificate will list it."
        )
        await record.report(
            app.database,
            connection,
            now,
            Status.ATTENTION,
            reason=error.code,
            sentence=sentence,
            not_before=min(now + timedelta(hours=1), since + CONSENT_GRACE),
        )
        return None
    not_checkable = cast("list[Leftover]", await platform.not_checkable(tenant))
    before = await certificate.latest(app.database, connection)
    seen = _not_seen(rows_of(platform, connection), platform.searches, tenant, before, not_checkable)
    return await degraded(app, connection, platform, tenant, seen, "could not check: consent is gone", {})


async def held_up(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> tuple[Stage, Draft | None] | None:
    """What comes of an ending connection's objects that are blocked: the next stage, or None to try them again.

    A failure holds nothing up but what depends on it. After GO_ON_WITHOUT the clean-up begins without them, and after
    END_WITHOUT the connection ends with a complete list for the administrator.
    """
    blocked = {step.key: step for step in steps if step.verb is Verb.BLOCKED}
    # What is only too much for one run is getting on.
    failing = any(not isinstance(step.error, Unfinished) for step in blocked.values())
    now = app.clock.now()
    since = (connection.failing_since or now) if failing else None
    if since != connection.failing_since:
        async with app.database.write() as write:
            await record.update(write, connection.id, failing_since=since)
    if since is None:
        return None
    if connection.stage is Stage.REVOKE and now >= since + GO_ON_WITHOUT:
        return Stage.CLEANUP, None
    if connection.stage is Stage.CLEANUP and now >= since + END_WITHOUT:
        why = {key: f"could not be removed: {step.why}" for key, step in blocked.items()}
        otherwise = "stays with what could not be removed"
        before = await certificate.latest(app.database, connection)
        seen = await last_seen(rows_of(platform, connection), platform, tenant, before)
        return Stage.CLOSED, await degraded(app, connection, platform, tenant, seen, otherwise, why)
    return None


def _with(seen: LastLook, later: LastLook, keys: Collection[str]) -> LastLook:
    """What was seen, and of the rows of some keys what a later look has shown instead."""

    def others(entries: Sequence[Seen]) -> list[Seen]:
        return [one for one in entries if row_key(str(one.get("key", ""))) not in keys]

    return replace(
        seen,
        left=[*others(seen.left), *later.left],
        unknown=[*others(seen.unknown), *later.unknown],
        looked=[*others(seen.looked), *later.looked],
    )


async def degraded(
    app: App,
    connection: Connection,
    platform: Platform,
    tenant: OpenTenant,
    seen: LastLook,
    otherwise: str,
    why: Mapping[str, str],
) -> Draft:
    """Delete what we keep ourselves, and certify the rest by name: `why` by key, or `otherwise`, and what was seen."""
    rows = rows_of(platform, connection)
    own = [replace(row, serves=(), kept_for=timedelta(0)) for row in rows if isinstance(row, Change) and row.local]
    await reconcile(own, tenant, Stage.CLEANUP, repair=False)
    seen = _with(seen, await look(own, (), tenant), {row.key for row in own})
    unknown: list[Leftover] = [
        {"key": item.key, "title": item.row.title, "identity": held.identity, "why": why.get(item.key, otherwise)}
        for item in known(rows, tenant.ledger)
        if (held := tenant.ledger.holdings[item.key]).state is not HoldingState.GONE and held.state not in NOT_OURS
    ]
    named = {one["key"] for one in unknown}
    unknown += [one for one in seen.unknown if one.get("key") not in named]
    left = [one for one in seen.left if one.get("key") not in named and one["why"] not in (AWAITED, CANNOT_TELL)]
    left += _unsure(rows, tenant.ledger)
    return await _draft(app, connection, platform, replace(seen, left=left, unknown=unknown), "degraded")
