"""The console's forms: what they change, what they say is wrong, and in whose name it is done."""

import re
from datetime import timedelta
from typing import Any

from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows import invitation
from shared.flows import requests as orders
from shared.foundation.schedule import Site
from shared.protection import policies
from shared.protection.policies import EVERYONE, Policy
from tests.harness import workspace as google
from tests.harness.invited import COOKIE
from tests.harness.pages import ADA, OLGA, Page, asked, press, pressed, see
from tests.harness.world import ORCHARD, World


async def test_a_new_connection_is_made_by_a_form_that_says_what_is_wrong(world: World) -> None:
    await see(world, "/connections/new")
    wrong = await press(world, "/connections", platform="google", site="eu", name="<Grove>", tenant="..", modes=[])
    page = Page(wrong)
    assert wrong.status == 400
    assert page.all("input", name="name")[0]["value"] == "<Grove>"
    assert page.all("input", name="tenant")[0]["aria-invalid"] == "true"
    assert page.all("p", id="fault-tenant")
    nothing = Page(await press(world, "/connections"))
    assert nothing.all("p", id="fault-name")
    modes = await press(world, "/connections", platform="google", site="eu", name="Grove", tenant="grove.example")
    assert Page(modes).all("p", id="fault-modes")
    assert "Nothing" in (await see(world, "/")).text or "no connection yet" in (await see(world, "/")).text
    where = await pressed(
        world,
        "/connections",
        platform="google",
        site="uk",
        name="Grove",
        tenant="Grove.example",
        modes=["api"],
        repair_drift="yes",
        customer="grove",
    )
    made = await world.connection(where.rpartition("/")[2])
    assert (made.expected_tenant, made.modes, made.repairs_drift) == ("grove.example", frozenset({"api"}), True)
    assert (made.customer, made.site) == ("grove", Site.UK)
    assert "Grove" in (await see(world, where)).text


async def test_a_form_leaves_out_what_its_platform_can_do_without(world: World) -> None:
    form = {"platform": "microsoft365", "site": "eu", "name": "Contoso", "tenant": "contoso.com"}
    where = await pressed(world, "/connections", **form, leave_out_of_microsoft365="ip-allow")
    assert (await world.connection(where.rpartition("/")[2])).left_out == {"ip-allow"}
    assert "Made without" in (await see(world, where)).text


async def test_a_policy_is_made_changed_and_deleted_and_nobody_undoes_anothers(world: World) -> None:
    running = await google.connect(world, modes=["api"], policies=[EVERYONE])
    base = f"/connections/{running.id}"
    form: dict[str, Any] = {
        "name": "risky",
        "order": "7",
        "direction": "incoming",
        "enabled": "1",
        "whose": "some",
        "domains": ["orchard.example"],
        "senders": "a@risky.example\r\n\r\nnot a domain !\r\n",
        "words": "free money",
        "attachments": ["macro", "disguised"],
        "impersonation": "1",
        "match": "all",
        "actions": ["label", "trash"],
    }
    wrong = await press(world, f"{base}/put-policy", **form)
    page = Page(wrong)
    assert (wrong.status, "Line 2 is not a domain." in page.text) == (400, True)
    assert page.all("input", name="attachments", value="macro")[0].keys() >= {"checked"}
    form["senders"] = "a@risky.example"
    unknown = Page(await press(world, f"{base}/put-policy", **form, users="nobody"))
    assert unknown.all("p", id="fault-users")
    both = Page(await press(world, f"{base}/put-policy", **{**form, "actions": ["spam", "trash"]}))
    assert both.all("p", id="fault-actions")
    assert await pressed(world, f"{base}/put-policy", **form) == f"{base}/policies?saved=1"
    kept = await policies.find(world.app.database, running.id, "risky")
    assert kept is not None
    assert (kept.order, kept.domains, kept.everyone, kept.actions) == (7, [ORCHARD], False, ["label", "trash"])
    assert kept.conditions.kinds == {"senders", "words", "attachments", "impersonation"}
    assert kept.conditions.match == "all"
    taken = await press(world, f"{base}/put-policy", **form)
    assert taken.status == 412
    # As it is shown, so it is saved.
    shown = await see(world, f"{base}/policies?name=risky")
    tag = shown.all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "8"})
    late = await press(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "9"})
    again = Page(late)
    assert (late.status, "Another user saved" in again.text) == (412, True)
    assert "was 8" in again.text
    assert again.all("input", name="order")[0]["value"] == "9"
    refused = await press(world, f"{base}/delete-policy", name="risky", etag=tag)
    assert refused.status == 412
    tag = again.all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "9"})
    tag = (await see(world, f"{base}/policies?name=risky")).all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/delete-policy", name="risky", etag=tag)
    assert await policies.find(world.app.database, running.id, "risky") is None
    entries = await chain.page(world.app.database, running.id, after=0, most=4, newest=True)
    assert {(entry.actor, entry.act) for entry in entries} == {(OLGA.name, "order")}


async def test_a_policy_is_sent_as_it_was_shown(world: World) -> None:
    connection = await google.create(world)
    base = f"/connections/{connection.id}"
    full = Policy(
        name="full",
        order=3,
        enabled=False,
        direction="outgoing",
        domains=["a.example"],
        users=["u1", "u2"],
        groups=["g1"],
        except_users=["u3"],
        actions=["spam"],
        conditions={"match": "all", "senders": ["x.example"], "expressions": ["a+"], "authentication": ["spf-fail"]},
    )
    for policy in (EVERYONE, full):
        async with world.app.database.write() as write:
            await policies.put(write, connection.id, policy)
        page = await see(world, f"{base}/policies?name={policy.name}")
        assert await pressed(world, f"{base}/put-policy", **_filled(page)) == f"{base}/policies?saved=1"
        assert await policies.find(world.app.database, connection.id, policy.name) == policy


def _filled(page: Page) -> dict[str, Any]:
    """What a browser would send of the form of a policy that nobody has touched."""
    inside = re.search(r'<form class="fields".*?</form>', page.body, re.DOTALL)
    assert inside is not None
    form: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", inside[0]):
        given = {one[0]: one[1] for one in re.findall(r'(\w+)="([^"]*)"', tag)}
        if given.get("type") not in ("checkbox", "radio") or tag.endswith(" checked>"):
            form.setdefault(given["name"], []).append(given.get("value", "").replace("&#34;", '"'))
    for name, text in re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>\n(.*?)</textarea>', inside[0], re.DOTALL):
        form[name] = [text]
    for name, options in re.findall(r'<select id="\w+" name="(\w+)">(.*?)</select>', inside[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        assert chosen is not None
        form[name] = [chosen[1]]
    return form


async def test_reports_are_asked_for_by_a_form(world: World) -> None:
    connection = await world.create()
    base = f"/connections/{connection.id}"
    tag = (await see(world, f"{base}/reports")).all("input", name="etag")[0]["value"]
    wrong = await press(world, f"{base}/put-reports", kinds=["daily"], recipients="a@b", etag=tag)
    assert (wrong.status, bool(Page(wrong).all("p", id="fault-recipients"))) == (400, True)
    nobody = await press(world, f"{base}/put-reports", kinds=["daily"], recipients="a@example.com", etag=tag)
    assert "no mail server" in Page(nobody).text
    assert await pressed(world, f"{base}/put-reports", kinds=["daily"], etag=tag) == f"{base}/reports?saved=1"
    late = await press(world, f"{base}/put-reports", kinds=["monthly"], etag=tag)
    assert (late.status, "Saved settings: daily" in Page(late).text) == (412, True)
    assert "checked" in (await see(world, f"{base}/reports")).all("input", name="kinds", value="daily")[0]


async def test_what_is_ordered_is_done_in_the_name_of_who_ordered_it(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    for action in ("sync", "look", "repair"):
        assert await pressed(world, f"{base}/{action}") == f"{base}?asked={action}"
    assert (await press(world, f"{base}/sync-accepting-loss")).status == 403
    assert await pressed(world, f"{base}/sync-accepting-loss", ADA) == f"{base}?asked=sync-accepting-loss"
    page = await see(world, base)
    assert "Run in progress" in page.text
    assert page.all("main")[0]["data-again"] == "3"
    ledger = await see(world, f"{base}/ledger")
    assert ledger.text.count(OLGA.name) == 4  # three orders, and who looks at them
    assert ledger.text.count(ADA.name) == 1
    await world.work()
    assert await pressed(world, f"{base}/revoke") == f"{base}?asked=revoke"
    assert await pressed(world, f"{base}/attest", key="application") == f"{base}?asked=attest"
    assert (await press(world, f"{base}/attest", key="nothing")).status == 404
    assert (await press(world, f"{base}/release", item="9" * 5000)).status == 409
    assert (await press(world, f"{base}/sync")).status == 409
    assert await pressed(world, f"{base}/grant") == f"{base}?asked=grant"
    assert (await world.connection(running.id)).stage is Stage.GRANT


async def test_an_administrator_has_their_step_looked_at_and_no_more_often_than_need_be(world: World) -> None:
    running = await world.connect()
    await world.revoke(running)
    await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    held = {"cookie": f"{COOKIE}={await world.opens(running)}"}
    assert "Check again" in (await see(world, "/connect", None, **held)).text

    async def asked_for() -> list[str | None]:
        found = [one async for one in chain.entries(world.app.database, running.id)]
        return [one.actor for one in found if one.note == orders.JOBS["advance"]]

    world.admin("remove-application")
    world.clock.move(timedelta(minutes=1))
    for _ in range(3):
        response = await asked(world, "POST", "/connect", None, **held)
        assert (response.status, response.headers["Location"]) == (303, "/connect")
    assert await asked_for() == [invitation.ADMINISTRATOR]
    await world.work()
    assert (await world.connection(running.id)).stage is Stage.CLOSED
    assert "This connection is closed" in (await see(world, "/connect", None, 410, **held)).text
    await asked(world, "POST", "/connect", None, **held)
    assert len(await asked_for()) == 1
