"""The application's role in Exchange: a row like any other, and no larger than what is used."""

import ast
import re
from pathlib import Path

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.engine.rows import Change
from shared.flows import findings
from shared.flows.closing import RESCAN
from shared.flows.jobs import run
from shared.foundation.brand import PUBLISHED
from shared.platforms.microsoft365.catalogue import rows
from shared.platforms.microsoft365.connectors import Connector
from shared.platforms.microsoft365.exchange_role import CMDLETS, commands
from shared.platforms.microsoft365.mail_reading import LISTINGS, OPTIONAL
from tests.harness.leftovers import exit_record
from tests.harness.world import World

CODE = Path(__file__).parents[2] / "shared" / "platforms" / "microsoft365"
CALLS = ("invoke", "listing")
ROLE = "exchange-role"


def named(tree: ast.Module) -> dict[str, str]:
    """A module's own names for texts."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = (
                zip(target.elts, node.value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                else [(target, node.value)]
            )
            found |= {
                one.id: text.value
                for one, text in pairs
                if isinstance(one, ast.Name) and isinstance(text, ast.Constant)
            }
    return found


def run_by_the_code() -> set[str]:
    """The cmdlets that are called by name in a module, those of connectors with each noun, and the mail flow's."""
    resources = [row.resource for row in rows(PUBLISHED, None) if isinstance(row, Change)]
    nouns = {one.noun for one in resources if isinstance(one, Connector)}
    found = {*LISTINGS, *(cmdlet for cmdlet, _ in OPTIONAL.values())}
    for path in CODE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = named(tree)
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            if call.func.attr not in CALLS:
                continue
            match call.args[0]:
                case ast.Constant(value=str(name)):
                    found.add(name)
                case ast.Name(id=name) if name in names:
                    found.add(names[name])
                case ast.JoinedStr(values=[ast.Constant(value=verb), ast.FormattedValue()]):
                    found |= {f"{verb}{noun}" for noun in nouns}
    return {name for name in found if re.fullmatch(r"[A-Z][a-z]+-\w+", name)}


def from_the_commands() -> list[str]:
    """The cmdlets that an administrator lets a role group hold who types what is documented."""
    making, _ = commands("Footprint")
    (listed,) = re.findall(r"\$cmdlets = @\((.*?)\)", making, re.DOTALL)
    return re.findall(r'"([\w-]+)"', listed)


def test_the_role_group_holds_what_the_code_runs_and_nothing_else() -> None:
    assert set(CMDLETS) == run_by_the_code()
    assert tuple(from_the_commands()) == CMDLETS == tuple(sorted(CMDLETS))


async def state(world: World, connection: Connection) -> HoldingState | None:
    """How the ledger holds the role."""
    held = (await holdings_of(world.app.database, connection.id)).get(ROLE)
    return held.state if held else None


async def test_a_role_group_of_just_those_cmdlets_carries_a_whole_life(world: World) -> None:
    before = world.snapshot()
    connection = await world.create()
    await world.consent(connection)
    world.admin("make-role-group", cmdlets=from_the_commands())
    running = await world.until(connection, Stage.RUN)
    assert await state(world, running) is HoldingState.OURS
    await world.revoke(running)
    waiting = await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    assert await state(world, waiting) is HoldingState.LEAVING
    world.admin("remove-role-group")
    world.admin("remove-application")
    closed = await world.until(connection, Stage.CLOSED)
    assert world.snapshot() == before
    assert await state(world, closed) is HoldingState.GONE


async def test_a_cmdlet_that_the_role_group_lacks_is_named(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    # A role group of before holds nothing about journal rules and remote domains, which is said and holds nothing up.
    before = [one for one in CMDLETS if one not in ("Get-JournalRule", "Get-RemoteDomain")]
    world.admin("make-role-group", cmdlets=[one for one in before if one != "New-InboundConnector"])
    waiting = await world.until_true(connection, lambda now: "New-InboundConnector" in (now.sentence or ""))
    assert (waiting.status, waiting.reason) == (Status.WAITING, "exchange_role_missing")
    world.admin("make-role-group", cmdlets=before)
    connection = await world.until(connection, Stage.RUN)
    told = {one.key for one in await findings.listed(world.app, connection)}
    assert told >= {"mail-flow/journal/unread", "mail-flow/remote/unread"}


async def test_the_role_is_asked_back_and_seen_to_be_gone_while_the_application_is_still_there(world: World) -> None:
    connection = await world.connect()
    seen = [one.note async for one in entries(world.app.database, connection.id) if one.key == ROLE]
    assert seen == ["Exchange lets the application in, by the role Exchange Administrator"]
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    record = await exit_record(world, connection)
    assert {one["key"] for one in record["residue"]} == {"application", ROLE}
    world.admin("unassign-role")
    world.clock.move(RESCAN)
    await run(world.app, Job(name="advance", connection_id=connection.id))
    # Nothing in Exchange can be looked at any more, which holds nothing up.
    assert (await world.connection(connection.id)).reason == "waiting_for_administrator"
    assert await state(world, connection) is HoldingState.GONE
    world.admin("remove-application")
    record = await exit_record(world, await world.until(connection, Stage.CLOSED))
    assert (record["result"], record["residue"]) == ("clean", [])
    assert ROLE in {one["key"] for one in record["by_administrator"]}
