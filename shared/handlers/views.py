"""What is true of a connection, as JSON: for the API, the pages and the local commands alike."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared import certificate, chain, operations
from shared import ledger as ledgers
from shared.app import App
from shared.connections import Connection, Lease
from shared.errors import Refused
from shared.handlers.advance import open_ledger
from shared.ledger import NOT_OURS, Holding, State
from shared.lifecycle import Activity, ByAdministrator, Change, OnDemand, Row, Stage, Wanted, wanted
from shared.plan import plan
from shared.platform import instruction, rows_of
from shared.steps import gone_since


async def changes(app: App, connection: Connection) -> dict[str, Any]:
    """The published table, with what the ledger knows to be true of each row now."""
    platform = app.platforms[connection.platform]
    holdings = await ledgers.holdings_of(app.database, connection.id)
    mine = rows_of(platform, connection)
    in_hand = any(isinstance(row, ByAdministrator) and _state(holdings.get(row.key)) in IN_HAND for row in mine)
    words = await platform.words(app, connection) if in_hand else {}
    rows = [line for row in mine for line in _lines(app, connection, row, holdings, words)]
    published = [
        {
            "stage": line.stage.name.lower(), "area": str(line.area), "text": line.text,
            "rows": [row.key for row in mine if line.id in row.claims],
            "elsewhere": not any(line.id in row.claims for row in mine),
        }
        for line in platform.published
    ]  # fmt: skip
    return {"rows": rows, "published": published}


def _state(held: Holding | None) -> State | None:
    return held.state if held else None


def _lines(
    app: App, connection: Connection, row: Row, holdings: Mapping[str, Holding], words: Mapping[str, str]
) -> list[dict[str, Any]]:
    line: dict[str, Any] = {"key": row.key, "title": row.title, "why": row.why, "element": None, "kind": _kind(row)}
    match row:
        case Activity():
            return [line | {"mark": "running" if connection.stage in row.stages else "stopped", "when": row.when}]
        case ByAdministrator():
            return [line | _administered(row, holdings.get(row.key), words)]
        case Change():
            held = {k: h for k, h in holdings.items() if k == row.key or k.startswith(row.key + "/")}
            if not held:
                return [line | {"mark": "absent"}]
            return [
                line | {"element": key.partition("/")[2] or None, **_marked(app, connection, row, holding, holdings)}
                for key, holding in sorted(held.items())
            ]
    return [line | {"mark": "on demand"}]


# What the administrator has in hand now, and whether it is to be undone.
IN_HAND = {State.ASKED: False, State.LEAVING: True}


def _administered(row: ByAdministrator, held: Holding | None, words: Mapping[str, str]) -> dict[str, Any]:
    """An administrator's doing: its mark, and what to do now if they are asked for something."""
    if held is None or held.state is State.GONE:
        return {"mark": "absent", "asked": None}
    known = {"identity": held.identity, "since": held.since.isoformat(), "drift": held.drift}
    if held.state in IN_HAND:
        removal = IN_HAND[held.state]
        asked = {"removal": removal, **instruction(row, words, removal=removal)}
        return known | {"mark": "by administrator", "asked": asked}
    if held.state in (State.MISSED, State.LEFT):
        return known | {"mark": "waiting" if held.state is State.MISSED else "borrowed", "asked": None}
    return known | {"mark": "drifted" if held.drift else "present", "asked": None}


def _kind(row: Row) -> str:
    kinds = {Change: "change", Activity: "activity", ByAdministrator: "by administrator", OnDemand: "on demand"}
    return kinds[type(row)]


def _marked(
    app: App, connection: Connection, row: Change, holding: Holding, holdings: Mapping[str, Holding]
) -> dict[str, Any]:
    """One object's mark: present, absent, waiting until, drifted, borrowed, or under way."""
    more = {"identity": holding.identity, "since": holding.since.isoformat(), "drift": holding.drift}
    if holding.state is State.GONE:
        return more | {"mark": "absent"}
    if holding.state in NOT_OURS:
        return more | {"mark": "borrowed"}
    if holding.state is not State.OURS:
        return more | {"mark": "under way"}
    want = wanted(row, connection.stage, app.clock.now(), lambda key: gone_since(key, holdings))
    if connection.stage >= row.removed_in and want.wanted is Wanted.LEAVE:
        return more | {"mark": "waiting", "until": want.until.isoformat() if want.until else None}
    offered = row.offered and want.wanted is Wanted.ABSENT and connection.stage is not Stage.CLOSED
    return more | {"mark": "drifted" if holding.drift else "present", "offered": offered}


async def planned(app: App, connection: Connection) -> list[dict[str, Any]]:
    """What would be done now, by a fresh look at the tenant. Changes nothing."""
    if connection.stage is Stage.CLOSED:
        return []
    platform = app.platforms[connection.platform]
    async with platform.open(app, connection, await _onlooker(app, connection)) as tenant:
        steps = await plan(rows_of(platform, connection), tenant, connection.stage, repair=connection.repairs_drift)
        return [step.printed() for step in steps]


async def entries(app: App, connection: Connection) -> list[dict[str, Any]]:
    """The connection's ledger, in order."""
    return [entry async for entry in chain.entries(app.database, connection.id)]


async def exit_record(app: App, connection: Connection) -> dict[str, Any]:
    """The signed certificate of the present generation."""
    content = await certificate.latest(app.database, connection)
    if content is None:
        raise Refused(404, "no_certificate_yet", "The certificate is drawn up when clean-up has removed everything.")
    return await certificate.signed(app.seal, content)


async def operations_of(app: App, connection: Connection, after: int, most: int) -> list[dict[str, Any]]:
    """The calls made with the service's own account, in order, behind a number."""
    return await operations.listed(app.database, connection.id, after=after, most=most)


async def matched(app: App, connection: Connection, span: timedelta) -> dict[str, Any]:
    """Our log of calls beside the platform's own log of the same time: how often each method was called."""
    # Whole seconds, for that is how finely two logs can be held against each other.
    platform, now = app.platforms[connection.platform], app.clock.now().replace(microsecond=0)
    if platform.recorded is None:
        raise Refused(404, "no_platform_log", f"{platform.title} keeps no log of calls that we could read.")
    begin = now - span
    ours = await operations.counted(app.database, connection.id, begin, now)
    async with platform.open(app, connection, await _onlooker(app, connection)) as tenant:
        theirs = await platform.recorded(tenant, begin, now)
    methods = [
        {"method": name, "ours": ours.get(name, 0), "theirs": theirs.get(name, 0)} for name in sorted({*ours, *theirs})
    ]
    return {"from": begin.isoformat(), "to": now.isoformat(), "methods": methods}


async def _onlooker(app: App, connection: Connection) -> ledgers.Ledger:
    # Without a lease the ledger cannot be written, so a tenant can only be looked at.
    lease = Lease(connection=connection.id, token="", generation=connection.generation)
    ledger = await open_ledger(app, connection, lease)
    await ledger.load()
    return ledger
