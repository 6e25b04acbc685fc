"""A plan names what will happen and when, and then it happens so."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import entries
from shared.engine.forecast import Forecast, Timing
from shared.engine.steps import Verb
from shared.flows import plans
from shared.flows.app import App
from shared.flows.plans import Purpose, foreseen
from shared.protection.policies import EVERYONE, Policy
from tests.harness import workspace as google
from tests.harness.world import World

# How much later than its time something may be done: a job's round, and how long the run before it took.
LATE = timedelta(minutes=10)
SAME = timedelta(seconds=1)
RULE = "TMCAS Content Compliance Rule for Incoming Messages"


async def planned(app: App, connection: Connection, purpose: Purpose = "now") -> list[Forecast]:
    """What is planned, line by line."""
    return (await plans.planned(app, connection, purpose)).lines


async def _lived(world: World, connection: Connection) -> dict[str, datetime]:
    """By key, when each object was removed, went with another one, or its removal was asked for; in order."""
    found: dict[str, datetime] = {}
    async for entry in entries(world.app.database, connection.id):
        removed = entry.act == "remove" and entry.state == "done"
        asked = entry.act == "ask" and (entry.after or {}).get("wanted") == "absent"
        if removed or asked or entry.act == "forget":
            found.setdefault(entry.key, entry.at)
    return found


def _timed(lines: Sequence[Forecast], *timings: Timing) -> list[Forecast]:
    return [line for line in lines if line.timing in timings]


def _at(line: Forecast) -> datetime:
    assert line.at is not None
    return line.at


def _held(lines: Sequence[Forecast], lived: dict[str, datetime], start: datetime) -> None:
    """What is foreseen at a time of its own is what was done, in that order and at those times."""
    whens = {line.key: line.when for line in _timed(lines, Timing.NOW, Timing.LATER)}
    assert list(dict.fromkeys(whens.values())) == list(dict.fromkeys(whens[key] for key in lived if key in whens))
    for line in lines:
        served = [lived[key] for key in getattr(line.row, "serves", ()) if key in lived]
        assert line.key not in lived or all(moment <= lived[line.key] for moment in served), line.key
    for line in lines:
        if line.timing is Timing.STAYS:
            assert line.key not in lived
        elif not line.condition:
            moment = line.at or start + (line.delay or timedelta(0))
            assert moment <= lived[line.key] < moment + LATE, line.key
    assert set(lived) == {line.key for line in lines if line.timing is not Timing.STAYS}


async def test_a_tenant_is_left_as_it_was_foreseen(world: World) -> None:
    user = google_free_user(world)
    connection = await world.connect(policies=[EVERYONE, Policy(name="one", users=[user])])
    lines = await planned(world.app, connection, "revoke")
    assert {line.key: line.when for line in lines}.items() >= {
        "rule-incoming-domain": "at once",
        "outbound-incoming": "after 1 hour",
        "spoof": "after 24 hours",
        "application": "by the administrator, after 24 hours",
        "ip-allow/203.0.113.16/28": "stays",
    }.items()
    assert Verb.WAIT not in {line.verb for line in lines}
    start = world.clock.now()
    await world.leave(connection)
    _held(lines, await _lived(world, connection), start)


def google_free_user(world: World) -> str:
    """Somebody with a mailbox, so that rules and groups of users are made as well."""
    users = world.graph("GET", "/users?$select=id,mail&$top=50")["value"]
    return next(str(one["id"]) for one in users if one["mail"])


async def test_a_workspace_is_left_as_it_was_foreseen(world: World) -> None:
    connection = await google.connect(world)
    lines = await planned(world.app, connection, "revoke")
    assert {line.key: line.when for line in lines}.items() >= {
        "watches": "at once",
        "rule": "by the administrator",
        "route": f"by the administrator, after {RULE} is gone",
        "gateway": f"by the administrator, 24 hours after {RULE} is gone",
        "group": "stays",
    }.items()
    start = world.clock.now()
    await google.leave(world, connection, group=False)
    lived = await _lived(world, connection)
    _held(lines, lived, start)
    by_hand = [line.key for line in _timed(lines, Timing.ADMINISTRATOR)]
    assert by_hand[:3] == ["rule", "route", "gateway"] == [key for key in lived if key in by_hand[:3]]
    assert lived["gateway"] - lived["rule"] >= timedelta(hours=24)


async def test_the_ledger_alone_foresees_the_same(world: World) -> None:
    for connection in (await world.connect(), await google.connect(world)):
        looked, known = [
            [(line.key, line.verb, line.timing, line.when) for line in told]
            for told in (
                await planned(world.app, connection, "revoke"),
                await foreseen(world.app, connection, "revoke"),
            )
        ]
        assert looked == known


async def test_what_has_begun_has_a_time(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.work()
    ending = await world.connection(connection.id)
    assert ending.stage is Stage.REVOKE
    lines = {line.key: line for line in await planned(world.app, ending)}
    lived = await _lived(world, connection)
    routing = max(lived["rule-incoming-domain"], lived["rule-outgoing-domain"])
    # A holding and its entry are dated one after the other.
    assert abs(_at(lines["outbound-incoming"]) - lived["rule-incoming-domain"] - timedelta(hours=1)) < SAME
    assert abs(_at(lines["spoof"]) - routing - timedelta(hours=24)) < SAME
    assert lines["application"].at == lines["directory"].at == lines["spoof"].at
    assert lines["ip-allow/203.0.113.16/28"].timing is Timing.STAYS
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    gone = await _lived(world, connection)
    at = _at(lines["spoof"])
    assert at - SAME <= gone["spoof"] <= gone["directory"] < at + LATE
    last = _timed(await planned(world.app, await world.connection(connection.id)), Timing.ADMINISTRATOR)
    assert [(line.key, line.when) for line in last] == [
        ("exchange-role", "by the administrator"),
        ("application", "by the administrator"),
    ]


async def test_setting_up_says_what_comes_first_and_what_is_the_administrators(world: World) -> None:
    connection = await google.create(world)
    lines = await planned(world.app, connection, "grant")
    assert {line.verb for line in lines} == {Verb.CREATE, Verb.ASK}
    assert [line.key for line in _timed(lines, Timing.ADMINISTRATOR)] == [
        "application",
        "delegation",
        "route",
        "gateway",
        "rule",
    ]
    assert await planned(world.app, connection, "revoke") == []


async def test_what_we_left_half_made_is_nobody_elses_doing(world: World) -> None:
    connection = await world.create()
    # No request to make a connector arrives: all that is known is that it was intended.
    world.fault({"cmdlet": "New-InboundConnector"}, {"kind": "drop_before"}, times=1000)
    await world.consent(connection)
    world.admin("assign-role")
    await world.until_true(connection, lambda now: now.reason == "platform_unreachable")
    world.control("DELETE", "/faults")
    await world.revoke(connection)
    world.clock.move(timedelta(minutes=15))
    lines = {line.key: line for line in await planned(world.app, await world.connection(connection.id))}
    # It may still appear, so it is looked for until the time for its removal has come.
    assert lines["inbound-incoming"].verb is Verb.REMOVE
    assert not [line for line in lines.values() if "someone else" in line.why]
    await world.leave(connection)
    notes = {entry.note async for entry in entries(world.app.database, connection.id)}
    assert "was not made after all" in notes
    assert not [note for note in notes if note and "someone else" in note]
