"""What tests do in a simulated Google Workspace customer: its administrator, its mail, its life from end to end."""

import base64
import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urljoin

import httpx

from infra.local.simulators.google.gmail.settings import REROUTES
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows import consent as flow
from shared.flows import grant, revoke
from shared.flows.jobs import run
from shared.foundation.schedule import Site
from shared.platforms.instructions import instruction
from shared.protection.policies import EVERYONE, Policy
from shared.web.dispatch import answer
from shared.web.http import Request, Response
from tests.harness.world import ORCHARD, World

ADMIN = "admin@orchard.example"
LABEL = "Risky (by Trend Micro)"
SENDER = "someone@risky.example"
RISKY = Policy(name="risky senders", everyone=True, conditions={"senders": ["risky.example"]}, actions=["label"])


async def create(
    world: World, *, modes: list[str] | None = None, domain: str | None = ORCHARD, **more: Any
) -> Connection:
    """An operator makes a connection."""
    new = grant.NewConnection(
        platform="google",
        site=more.pop("site", Site.EU),
        name=more.pop("name", "Orchard"),
        tenant=domain,
        modes=modes,
        policies=more.pop("policies", [EVERYONE, RISKY]),
        **more,
    )
    made = await grant.create(world.app, new, "operator@msp.example")
    return await world.connection(made.connection_id)


def decide(
    url: str, *, user: str = ADMIN, decision: str = "accept", scopes: Callable[[str], bool] = lambda _: True
) -> httpx.URL:
    """What the administrator's browser does at Google's page; returns where it is sent back to."""
    with httpx.Client(trust_env=False, verify=False) as browser:  # noqa: S501 - plain HTTP on loopback
        page = browser.get(url)
        assert page.status_code == 200, page.text
        form: dict[str, Any] = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        options = re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)<', page.text)
        form["user"] = next(value for value, text in options if user in (value, text) or user in text)
        form["scope"] = [s for s in re.findall(r'type="checkbox" name="scope" value="([^"]+)"', page.text) if scopes(s)]
        form = {name: html.unescape(value) if isinstance(value, str) else value for name, value in form.items()}
        action = re.search(r'action="([^"]+)"', page.text)
        assert action is not None
        back = browser.post(urljoin(str(page.url), action[1]), data={**form, "decision": decision})
        assert back.status_code in (302, 303), back.text
        return httpx.URL(back.headers["location"])


async def consent(world: World, connection: Connection, **more: Any) -> Connection:
    """The administrator consents at Google's page and comes back."""
    browser = await world.opens(connection)
    back = decide(await flow.platform_url(world.app, connection, browser), **more)
    assert await flow.callback(world.app, "google", dict(back.params), browser) is None
    return await world.connection(connection.id)


async def connect(world: World, *, modes: list[str] | None = None, domain: str = ORCHARD, **more: Any) -> Connection:
    """From nothing to a running connection, with everything that its administrator has to do."""

    async def live() -> Connection:
        connection = await create(world, modes=modes, domain=domain, **more)
        if not any(one["action"] == "installed" for one in _installed(world, domain)):
            world.admin("install-app", domain)
        await consent(world, connection, user=f"admin@{domain}")
        running = await world.until(connection, Stage.RUN)
        if "inline" in running.modes:
            await route_mail(world, running, domain)
        return await world.until_true(running, lambda now: now.status == "ok" and now.synced_at is not None)

    return await world.once(("google", domain, repr(modes), repr(more)), live)


def _installed(world: World, domain: str) -> list[dict[str, str]]:
    found = world.sims.google.customer(domain)
    assert found is not None
    return [{"action": "installed"} for _ in found.installs]


async def asked_values(world: World, connection: Connection, key: str) -> dict[str, str]:
    """What the administrator is told to type."""
    platform = world.app.platforms["google"]
    row: Any = next(row for row in platform.rows(connection.brand) if row.key == key)
    told = instruction(row, await platform.words(connection), removal=False)
    return {one.label: one.value for one in told.values}


async def route_mail(world: World, connection: Connection, domain: str = ORCHARD) -> None:
    """The administrator sets route, gateway and rule up, with the values they were told."""
    route = await asked_values(world, connection, "route")
    gateway = await asked_values(world, connection, "gateway")
    rule = await asked_values(world, connection, "rule")
    world.admin("add-route", domain, name=route["Name"], host=route["Single host"])
    world.admin("add-gateway", domain, ips=gateway["Gateway IPs"].split(", "))
    routed = {"consequence": {"primaryDelivery": REROUTES}}
    world.admin("add-rule", domain, name=rule["Name"], content=routed)
    world.admin("promote-user", domain, user=f"admin@{domain}")  # as they were; the log has one more line


async def look(world: World, connection: Connection) -> Connection:
    """An operator has the tenant looked at."""
    await run(world.app, Job(name="advance", connection_id=connection.id))
    return await world.connection(connection.id)


async def sync(world: World, connection: Connection) -> Connection:
    """An operator has the tenant synchronised."""
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    return await world.connection(connection.id)


async def leave(world: World, connection: Connection, domain: str = ORCHARD, *, group: bool = True) -> Connection:
    """From running to closed, with every step of the administrator's when it is asked for."""
    await revoke.revoke(world.app, await world.connection(connection.id), "operator@msp.example")
    done: set[str] = set()
    now = await world.connection(connection.id)
    for _ in range(200):
        if now.stage is Stage.CLOSED:
            return now
        now = await world.until_true(now, lambda c: c.stage is Stage.CLOSED or c.reason == "waiting_for_administrator")
        if now.stage is Stage.CLOSED:
            return now
        marks = await world.marks(now)
        asked = [key for key, mark in marks.items() if mark == "by administrator" and key not in done]
        if (
            group
            and "group" not in done
            and marks.get("group") in ("present", "drifted")
            and now.stage is Stage.CLEANUP
        ):
            await revoke.attest(world.app, now, "group", "operator@msp.example")
            done.add("group")
        for key in asked:
            await remove(world, key, domain, connection)
            done.add(key)
        if not asked:
            await world.pass_time(timedelta(minutes=61))
        now = await look(world, now)
    raise AssertionError(f"stays in {now.stage.name}: {now.reason} {now.sentence}")


async def remove(world: World, key: str, domain: str, connection: Connection) -> None:
    """The administrator does what they are asked to."""
    customer = world.sims.google.customer(domain)
    assert customer is not None
    match key:
        case "rule":
            world.admin("delete-rule", domain)
        case "route":
            world.admin("remove-route", domain, name=(await asked_values(world, connection, "route"))["Name"])
        case "gateway":
            world.admin("remove-gateway", domain)
        case "application":
            world.admin("uninstall-app", domain)
        case "delegation":
            if customer.delegations:
                world.admin("remove-delegation", domain)


def mail(
    world: World, to: str, sender: str = SENDER, subject: str = "Hello", domain: str = ORCHARD, **more: Any
) -> list[str]:
    """Mail comes in."""
    path = f"/tenants/{world.tenant_id(domain)}/mail"
    body = {"to": to, "from": sender, "subject": subject, **more}
    return list(world.control("POST", path, **body).json()["ids"])


def whole_mail(world: World, to: str, message: EmailMessage, domain: str = ORCHARD) -> str:
    """A message comes in as it was sent, byte for byte."""
    (made,) = mail(world, to, domain=domain, raw=base64.urlsafe_b64encode(message.as_bytes()).decode())
    return made


def letter(
    text: str = "Good morning.", *, html: str | None = None, sender: str = SENDER, **headers: str
) -> EmailMessage:
    """A message; headers are named as they are written, with _ for -."""
    message = EmailMessage()
    message["From"] = sender
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def labels(world: World, address: str, message: str, domain: str = ORCHARD) -> set[str]:
    """The labels of a message by their names."""
    box = mailbox(world, address, domain)
    return {box.labels[key]["name"] if key in box.labels else key for key in box.messages[message]["labelIds"]}


def touched(world: World) -> list[tuple[str, str]]:
    """(message, what was done to it) for every call that changes one, in order."""
    found = [re.search(r"/messages/([0-9a-f]+)/(modify|trash|untrash)$", call.path) for call in world.sims.cloud.calls]
    return [(one[1], one[2]) for one in found if one]


def pushes(world: World) -> list[dict[str, Any]]:
    """The pushes that are on their way."""
    return list(world.control("GET", "/pushes").json()["pushes"])


async def deliver(world: World, push: dict[str, Any]) -> Response:
    """One push arrives."""
    headers = {name.lower(): value for name, value in push["headers"].items()}
    request = Request(
        method="POST", path="/api/notifications/gmail", query={}, headers=headers, body=push["body"].encode()
    )
    return await answer(world.app, request)


async def deliver_all(world: World) -> int:
    """Every push arrives, and what it leads to is done."""
    waiting = pushes(world)
    for push in waiting:
        assert (await deliver(world, push)).status == 204
    await world.work()
    return len(waiting)


def mailbox(world: World, address: str, domain: str = ORCHARD) -> Any:
    """A simulated mailbox."""
    customer = world.sims.google.customer(domain)
    assert customer is not None
    user = customer.user(address)
    assert user is not None
    return customer.mailboxes[user["id"]]


def some_users(world: World, most: int = 3, domain: str = ORCHARD) -> list[str]:
    """The ids of some users with a mailbox, the first administrator among them."""
    customer = world.sims.google.customer(domain)
    assert customer is not None
    users = [user for user in customer.users.values() if user["isMailboxSetup"] and not user["suspended"]]
    users.sort(key=lambda user: (not user["isAdmin"], user["primaryEmail"]))
    return [user["id"] for user in users[:most]]


def state(world: World, domain: str = ORCHARD) -> dict[str, Any]:
    """The customer's whole state."""
    found: dict[str, Any] = json.loads(world.snapshot(domain))
    return found


def group_of(world: World, domain: str = ORCHARD) -> dict[str, object]:
    """Our group in the customer's own listing."""
    return next(g for g in state(world, domain)["groups"] if str(g["email"]).startswith("tmcas-inline-incoming-"))


def customer_members(world: World) -> dict[str, object]:
    """The members of our group."""
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    return dict(customer.members[str(group_of(world)["id"])])
