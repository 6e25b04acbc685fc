"""What the API and the console refuse because of how things stand: the sentence, and that nothing was changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import findings
from shared.flows.batch_plans import MAX_CONNECTIONS
from shared.flows.invitation import ADMINISTRATOR, MAX_CHECKS_AN_HOUR
from shared.flows.jobs import run
from shared.protection import policies
from shared.protection.policies import MAX_POLICIES, Policy
from shared.storage import tables as db
from tests.harness import quarantine
from tests.harness.client import ask
from tests.harness.invited import COOKIE
from tests.harness.pages import ADA, OLGA, VICTOR, press, see
from tests.harness.refusals import Told, is_told, nothing_changes
from tests.harness.world import World

HARMFUL = {"Name": "Theirs", "FromScope": "NotInOrganization", "DeleteMessage": True, "Priority": 0}
NEW = {"platform": "microsoft365", "site": "uk", "name": "Contoso", "policies": []}
SECRET = "a sealed secret"  # noqa: S105 - nobody's
GLASS = {"break_glass": hashlib.sha256(SECRET.encode()).hexdigest()}


async def refused(world: World, request: str, told: Told, body: Any = None, role: str = "operator") -> None:
    """The request is refused in these words, and everything is as before."""
    method, path = request.split()
    with nothing_changes(world):
        answer = await ask(world, method, path, token=world.sims.operator_token(role=role), body=body)
        is_told(answer, told)


async def copies(world: World, of: Connection, count: int) -> None:
    """There are so many more connections like this one."""
    table = db.connections
    async with world.app.database.write() as write:
        row = dict((await write.execute(sa.select(table).where(table.c.id == of.id))).one()._mapping)
        await write.execute(sa.insert(table), [{**row, "id": f"{number:032x}"} for number in range(count)])


async def test_a_finding_before_the_grant_can_only_be_accepted(world: World) -> None:
    world.cmdlet("New-TransportRule", **HARMFUL)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    connection = await world.until_true(connection, lambda now: now.reason == "preflight")
    found = await findings.listed(world.app, connection)
    key = next(one.key for one in found if one.found == "before")
    told = Told(409, "not_possible_yet", "What is found before a grant can only be accepted.")
    for way in ("repair", "report"):
        said = {"findings": [key], "reason": "agreed", "way": way}
        await refused(world, f"POST /api/connections/{connection.id}/findings", told, said)


async def test_an_object_of_the_customers_is_not_repaired(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("New-TransportRule", **HARMFUL)
    await run(world.app, Job(name="check", connection_id=connection.id))
    found = await findings.listed(world.app, await world.connection(connection.id))
    key = next(one.key for one in found if one.found == "running")
    said = {"findings": [key], "reason": "agreed", "way": "repair"}
    told = Told(409, "not_ours", "Only the customer's administrator changes this object.")
    await refused(world, f"POST /api/connections/{connection.id}/findings", told, said)


@pytest.mark.parametrize("item", ["7", "x", "9" * 40])
async def test_a_message_that_is_not_in_quarantine(world: World, item: str) -> None:
    connection = await quarantine.connect(world)
    told = Told(404, "no_such_item", "There is no such message in quarantine.")
    await refused(world, f"POST /api/connections/{connection.id}/quarantine/{item}/release", told, {})


async def test_a_site_that_is_served_elsewhere(world: World) -> None:
    connection = await world.create()
    here = await world.again(sites=["eu"])
    told = Told(400, "site_not_served", "This deployment does not serve the site uk.")
    await refused(here, "POST /api/connections", told, NEW)
    told = Told(400, "site_not_served", "site: this deployment does not serve the site uk.")
    await refused(here, f"PATCH /api/connections/{connection.id}", told, {"name": "Late", "site": "uk"})


async def test_one_policy_too_many(world: World) -> None:
    connection = await world.create(policies=[])
    async with world.app.database.write() as write:
        for number in range(MAX_POLICIES):
            await policies.put(write, connection.id, Policy(name=f"p{number}", users=["u"]))
    path = f"/api/connections/{connection.id}/policies/one-more"
    token = world.sims.operator_token()
    with nothing_changes(world):
        answer = await ask(
            world, "PUT", path, token=token, body={"name": "one-more", "users": ["u"]}, if_none_match="*"
        )
        is_told(answer, Told(409, "too_many_policies", f"A connection has at most {MAX_POLICIES} policies."))


async def test_a_batch_of_more_connections_than_one_takes(world: World) -> None:
    await copies(world, await world.create(), MAX_CONNECTIONS)
    told = Told(
        400, "too_many_connections", f"where: more than {MAX_CONNECTIONS} connections match. Narrow the filter."
    )
    wanted = {"operation": "sync", "where": {"q": "Contoso"}}
    await refused(world, "POST /api/batches/plan", told, wanted)
    await refused(world, "POST /api/batches", told, wanted | {"confirm": MAX_CONNECTIONS})


async def test_a_second_person_is_needed_and_only_that_is_noted(world: World) -> None:
    connection = await world.connect()
    two = await world.again(operators={"second_person": True})
    path, before = f"/api/connections/{connection.id}/sync", world.snapshot()
    jobs_before = await jobs(world)
    answer = await ask(two, "POST", path, token=world.sims.operator_token(role="admin"), body={"accept_loss": True})
    is_told(answer, Told(409, "second_person_needed", "Noted. Another administrator has to send the same"))
    assert (await jobs(world), world.snapshot()) == (jobs_before, before)
    (entry,) = [one async for one in chain.entries(world.app.database, connection.id) if "second" in (one.note or "")]
    assert entry.note is not None
    assert entry.note.startswith("asked for, needs a second administrator")
    home = await see(world, "/", VICTOR)
    assert "1 request waits for a second person" in home.text
    assert home.all("a", href=f"/connections/{connection.id}/ledger")
    assert "second person" not in (await see(world, "/", replace(VICTOR, customer="another"))).text
    world.clock.move(timedelta(hours=1))
    assert "second person" not in (await see(world, "/", VICTOR)).text


async def jobs(world: World) -> list[Mapping[str, Any]]:
    """What is in the queue."""
    async with world.app.database.read() as read:
        return [dict(one._mapping) for one in await read.execute(sa.select(db.jobs))]


async def test_the_holder_of_the_link_asks_often_enough(world: World) -> None:
    connection = await world.connect()
    world.clock.move(timedelta(minutes=1))
    held, origin = await world.opens(connection), world.app.settings.public_url
    async with world.app.database.write() as write:
        for _ in range(MAX_CHECKS_AN_HOUR):
            await chain.order(write, connection, world.clock.now(), ADMINISTRATOR, "looked")
    with nothing_changes(world):
        answer = await ask(world, "POST", "/connect", content=b"", cookie=f"{COOKIE}={held}", origin=origin)
    is_told(answer, Told(429, "looked_often_enough", "Too many checks for now."))
    assert answer.headers["Retry-After"] == "3600"


async def test_nobody_signs_in_here(world: World) -> None:
    plain = await world.again(operators={"client_id": "", "cli_client_id": ""})
    is_told(await ask(plain, "GET", "/sign-in"), Told(404, "no_sign_in", "This console has no issuer to sign in at."))
    told = Told(404, "no_sign_in", "This deployment's issuer knows no command line.")
    is_told(await ask(plain, "GET", "/api/sign-in"), told)


async def test_the_break_glass_account_is_not_to_be_had(world: World) -> None:
    glass, origin = await world.again(operators=GLASS), world.app.settings.public_url
    for there, secret, told in (
        (world, SECRET, Told(404, "no_break_glass", "This deployment has no break-glass account.")),
        (glass, "wrong", Told(403, "secret_not_valid", "This is not the deployment's break-glass secret.")),
        (glass, SECRET, Told(409, "issuer_answers", "The issuer answers: sign in there.")),
    ):
        with nothing_changes(world):
            content = f"secret={secret.replace(' ', '+')}".encode()
            is_told(await ask(there, "POST", "/sign-in/break-glass", content=content, origin=origin), told)


async def test_what_a_page_has_no_button_for(world: World) -> None:
    connection = await world.create()
    path = f"/connections/{connection.id}"
    for action, form, told in (
        ("frobnicate", {}, Told(404, "no_such_action", "This action does not exist.")),
        ("say", {"finding": "x"}, Told(400, "no_reason", "Say why, in 500 characters at most.")),
        ("say", {"finding": "x", "reason": "y" * 501}, Told(400, "no_reason", "Say why, in 500 characters at most.")),
        ("say", {"finding": "x", "reason": "y", "until": "soon"}, Told(400, "not_valid", "Choose a day for its end")),
        ("release", {"item": "x"}, Told(409, "not_running", "Only a running connection puts messages back.")),
        ("attest", {"key": "x"}, Told(404, "no_such_step", "There is no administrator's step “x”.")),
        (
            "withdraw",
            {"choice": "x"},
            Told(404, "no_such_choice", "No decision has this id, or the decision has ended."),
        ),
    ):
        is_told(await press(world, f"{path}/{action}", OLGA, **form), told)
    is_told(await press(world, f"{path}/export", OLGA), Told(403, "administrators_only", "This cannot be undone"))
    is_told(await press(world, f"{path}/export", ADA), Told(409, "not_running", "Only a running connection"))
    assert (await world.connection(connection.id)) == connection


async def test_a_form_of_another_site(world: World) -> None:
    connection = await world.create()
    cookie = f"{COOKIE}={await world.opens(connection)}"
    for origin in ("https://evil.example", "null", ""):
        with nothing_changes(world):
            answer = await ask(world, "POST", "/connect", content=b"", cookie=cookie, origin=origin)
        is_told(answer, Told(403, "another_origin", "This form was not sent from a page of this service."))
