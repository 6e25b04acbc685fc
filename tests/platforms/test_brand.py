"""A life of each platform under another vendor's names: no word of the published ones is anywhere to be seen."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.printed_tables import catalogue
from infra.local.simulators import Simulators
from shared.connections.record import Connection
from shared.engine.rows import Stage
from shared.flows import revoke
from shared.flows.reports import store
from shared.flows.reports.periods import Frequency
from shared.foundation.brand import PUBLISHED, Brand
from shared.protection.policies import EVERYONE, Policy
from shared.web.pages import SECTIONS
from shared.web.routes import ROUTES, Auth
from tests.cli.line import Line
from tests.flows.reports.mail_server import Post, mail_server
from tests.flows.reports.steps import monday, report, subscribe
from tests.harness import workspace as google
from tests.harness.client import ask, at
from tests.harness.clock import TestClock
from tests.harness.databases import Databases
from tests.harness.invited import COOKIE
from tests.harness.machine import OneMachine, one_machine
from tests.harness.pages import ADA, asked
from tests.harness.world import CONTOSO, FABRIKAM, ORCHARD, World, let_purge

NAMES = {
    "prefix": "Contoso Guard",
    "application": "Contoso Mail Guard",
    "service": "Contoso Mail Protection",
    "software": "Guardroom",
    "gmail_label": "Risky (by Contoso)",
    "loop_header": "X-Contoso-Guard-Loop",
}
OTHER = Brand(**NAMES)
# The published names and every part of them that tells whose they are.
PUBLISHED_WORDS = re.compile(
    r"(?i:TMCAS|Trend ?Micro|\bTM-|Cloud App Security|Cloud Email and Collaboration)|\bFootprint\b"
)


@pytest.fixture(scope="module")
def _named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulators, Any, Path]]:
    file = tmp_path_factory.mktemp("clock") / "offset"
    with Simulators.start(clock_file=file, brand=OTHER) as sims:
        yield sims, sims.cloud.save(), file


@pytest.fixture
async def named(
    _named: tuple[Simulators, Any, Path], databases: Databases, tmp_path: Path
) -> AsyncIterator[tuple[World, Post]]:
    """A world in which everything has the other vendor's names, and a mail server."""
    sims, clean, file = _named
    sims.cloud.restore(clean)
    file.write_text("0")
    let_purge(sims)
    async with mail_server(post := Post()) as smtp:
        world = await World.make(sims, TestClock(file), databases, tmp_path, brand=NAMES, smtp=smtp)
        yield world, post
        await world.close()


async def shown(world: World, connection: Connection) -> dict[str, str]:
    """Every page and every answer of the API that somebody may get about a connection, by address."""
    token = world.sims.operator_token(role="admin")
    reports, _ = await store.page(world.app.database, connection.id, most=9)
    found: dict[str, str] = {}
    for route in ROUTES:
        if route.method != "GET" or route.auth in (Auth.STATE, Auth.SIGNED) or route.name == "page_sign_in_once":
            continue
        for section in [name for name in SECTIONS if name] if "{section}" in route.path else [""]:
            for one in [each.name for each in reports] if "{report}" in route.path else [""]:
                parts = {"id": connection.id, "name": EVERYONE.name, "section": section}
                path = at(route, **parts, report=one)
                api = route.path.startswith("/api/")
                told = await (ask(world, "GET", path, token=token) if api else asked(world, "GET", path, ADA))
                if route.auth is Auth.INVITED and connection.stage is not Stage.CLOSED:
                    held = f"{COOKIE}={await world.opens(connection)}"
                    told = await asked(world, "GET", path, None, cookie=held)
                assert told.status not in (401, 403, 500), path
                found[path] = told.body.decode("utf-8", "replace")
    return found


async def nothing_published(world: World, connection: Connection, domain: str) -> dict[str, str]:
    """Hold everything that is seen of a connection, and its whole tenant, against the published words."""
    seen = await shown(world, await world.connection(connection.id))
    for place, text in {**seen, "the tenant": world.snapshot(domain)}.items():
        word = PUBLISHED_WORDS.search(text)
        assert word is None, f"{place}: {text[max(0, word.start() - 80) : word.end() + 80]}"
    return seen


def ours(snapshot: str) -> list[Any]:
    """What a customer may have of ours, beside mail and its labels."""
    state = json.loads(snapshot)
    return [state[name] for name in ("groups", "routes", "gateway", "policies", "installs", "delegations", "grants")]


def read(post: Post) -> str:
    """The mails that were sent, in words."""
    parts = [part for mail in post.messages for part in mail.walk() if part.get_content_maintype() == "text"]
    headers = [f"{name}: {value}" for mail in post.messages for name, value in mail.items()]
    return "\n".join([*headers, *(str(part.get_content()) for part in parts)])


async def test_a_life_of_a_microsoft_365_tenant(named: tuple[World, Post]) -> None:
    world, post = named
    before = world.snapshot()
    user = world.graph("GET", "/users?$filter=startswith(mail,'amber.oak')")["value"][0]["id"]
    made = await world.create(policies=[EVERYONE, Policy(name="board", users=[user])])
    await nothing_published(world, made, CONTOSO)
    await world.consent(made)
    world.admin("assign-role")
    connection = await world.until(made, Stage.RUN)
    seen = await nothing_published(world, connection, CONTOSO)
    tenant = world.snapshot()
    for name in (*OTHER.in_exchange, "group_incoming", "group_outgoing", "application"):
        assert f'"{getattr(OTHER, name)}"' in tenant, name
        assert getattr(OTHER, name) in seen[f"/api/connections/{connection.id}/changes"], name
    for header in (OTHER.return_header, OTHER.loop_header, OTHER.verdict_header, OTHER.mark(connection.id)):
        assert header in tenant
    assert "Guardroom" in seen[f"/connections/{connection.id}"]
    await subscribe(world, connection, "anna@example.com", kinds=(Frequency.WEEKLY,))
    await monday(world)
    await report(world, connection)
    await report(world, connection)
    assert "From: Guardroom <reports@example.com>" in read(post)
    assert PUBLISHED_WORDS.search(read(post)) is None
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    await nothing_published(world, connection, CONTOSO)
    await world.leave(connection)
    await nothing_published(world, connection, CONTOSO)
    assert world.snapshot() == before


async def test_a_life_of_a_google_workspace_customer(named: tuple[World, Post]) -> None:
    world, _ = named
    before = world.snapshot(ORCHARD)
    made = await google.create(world)
    await nothing_published(world, made, ORCHARD)
    connection = await google.connect(world)
    (risky,) = google.mail(world, google.ADMIN)
    await google.deliver_all(world)
    assert OTHER.gmail_label in google.labels(world, google.ADMIN, risky)
    seen = await nothing_published(world, connection, ORCHARD)
    customer = world.snapshot(ORCHARD)
    assert f'"{OTHER.gmail_rule}"' in customer
    assert f'"{OTHER.gmail_route} {connection.label[:8]}"' in customer
    assert f'"contoso-guard-inline-incoming-gmail-{connection.label[:12]}@orchard.example"' in customer
    for name in ("gmail_group", "gmail_rule", "gmail_label", "application", "service"):
        assert getattr(OTHER, name) in seen[f"/api/connections/{connection.id}/changes"], name
    await revoke.revoke(world.app, connection, "operator@msp.example")
    asked_for = await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    seen = await nothing_published(world, asked_for, ORCHARD)
    assert f"delete the rule {OTHER.gmail_rule}" in seen[f"/api/connections/{connection.id}/changes"]
    closed = await google.leave(world, asked_for)
    await nothing_published(world, closed, ORCHARD)
    world.admin("delete-label", ORCHARD, user=google.ADMIN, name=OTHER.gmail_label)
    assert ours(world.snapshot(ORCHARD)) == ours(before)


def test_the_catalogue_is_printed_under_another_name_as_well() -> None:
    assert PUBLISHED_WORDS.search(catalogue())
    assert PUBLISHED_WORDS.search(catalogue(OTHER)) is None


@pytest.fixture(scope="module")
def machine() -> Iterator[OneMachine]:
    """The whole local machine, named by its environment."""
    with one_machine(**{f"FOOTPRINT_BRAND__{name.upper()}": text for name, text in NAMES.items()}) as found:
        yield found


def test_the_command_line_on_one_machine(
    machine: OneMachine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    line = Line(machine=machine, captured=capsys, folder=tmp_path)
    identifier, link = line.connect("Life", CONTOSO)
    machine.consent(link, "Contoso")
    machine.administrator(CONTOSO, "assign-role")
    line.until(lambda now: now["tenant"] is not None, "connections", "show", identifier)
    for words in (
        "connections show",
        "connections plan",
        "connections plan --for grant",
        "connections plan --for revoke",
        "connections changes",
        "steps list",
        "ledger list",
        "policies list",
    ):
        noun, verb, *more = words.split()
        ran = line(noun, verb, identifier, *more)
        assert ran.code == 0, ran.told
        assert PUBLISHED_WORDS.search(ran.out + ran.told) is None, ran.out
    assert OTHER.application in machine.snapshot(CONTOSO)
    assert OTHER.rule_incoming_domain in line("connections", "changes", identifier).out


async def test_a_connection_keeps_the_names_that_it_was_made_with(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    there = world.snapshot()
    renamed = await world.again(brand=NAMES)
    await google.sync(renamed, connection)
    assert world.snapshot() == there
    names = {row["title"] for row in (await shown_rows(renamed, connection))}
    assert PUBLISHED.rule_junk in names
    assert OTHER.rule_junk not in names
    other = await renamed.create(FABRIKAM)
    assert other.brand == OTHER
    closed = await renamed.leave(connection)
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before


async def shown_rows(world: World, connection: Connection) -> list[Any]:
    """The connection's rows, as the API has them."""
    from shared.web.views import changes

    return list((await changes.changes(world.app, await world.connection(connection.id)))["rows"])


async def test_what_an_interrupted_run_made_is_found_by_a_process_with_other_names(world: World) -> None:
    before = world.snapshot()
    connection = await world.create()
    await world.consent(connection)
    world.fault({"cmdlet": "New-InboundConnector"}, {"kind": "drop_after"})
    world.admin("assign-role")
    await world.until_true(connection, lambda now: now.status != "ok")
    assert PUBLISHED.inbound_incoming in world.snapshot()
    renamed = await world.again(brand=NAMES)
    running = await renamed.until(connection, Stage.RUN)
    assert OTHER.prefix not in world.snapshot()
    await renamed.leave(running)
    assert world.snapshot() == before


async def test_what_the_administrator_has_typed_stays_right(world: World) -> None:
    before = world.snapshot(ORCHARD)
    connection = await google.connect(world)
    typed = [await google.asked_values(world, connection, key) for key in ("route", "rule")]
    there = world.snapshot(ORCHARD)
    renamed = await world.again(brand=NAMES)
    await google.look(renamed, connection)
    assert world.snapshot(ORCHARD) == there
    assert [await google.asked_values(renamed, connection, key) for key in ("route", "rule")] == typed
    (risky,) = google.mail(renamed, google.ADMIN)
    await google.deliver_all(renamed)
    assert PUBLISHED.gmail_label in google.labels(renamed, google.ADMIN, risky)
    await google.leave(renamed, connection)
    assert ours(world.snapshot(ORCHARD)) == ours(before)
