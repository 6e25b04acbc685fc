"""What happens in the lives of Google Workspace connections."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from infra.local.simulators.google import application
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.certificate import Certificate
from shared.flows import policies as flow
from shared.flows import quarantine
from shared.flows import revoke as revokes
from shared.flows.unanswered import ANSWER_WITHIN
from shared.protection.inspection.conditions import Conditions
from shared.protection.policies import Action, Policy
from shared.storage import tables as db
from tests.harness import workspace
from tests.harness.world import ORCHARD
from tests.lives import happenings
from tests.lives.google import tenancy
from tests.lives.judge import Thing
from tests.lives.life import ENDS_WITHIN, OPERATOR, Life, Side

RISKY = "risky.example"
HOSTS = ("admin", "gmail", "cloudidentity", "appsmarket", "oauth2", "www")
PLACES: tuple[dict[str, Any], ...] = (
    *({"host": host} for host in HOSTS),
    {"host": "admin", "method": "POST", "path": "/groups$"},
    {"host": "admin", "path": "/members"},
    {"host": "admin", "method": "DELETE"},
    {"host": "gmail", "path": "/(watch|stop)$"},
    {"host": "gmail", "path": "/labels"},
    {"host": "gmail", "path": "/modify$"},
)
KINDS: tuple[dict[str, Any], ...] = (*happenings.KINDS, {"kind": "page_cut"}, {"kind": "empty_page_with_next_token"})
GONE = {"error": {"code": 404, "message": "Resource Not Found: groupKey", "errors": [{"reason": "notFound"}]}}
STALE: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (
        {"host": "admin", "method": "GET", "path": r"/directory/v1/groups/[^/]+$"},
        {"kind": "status", "status": 404, "body": GONE},
    ),
    ({"host": "admin", "method": "GET", "path": "/members$"}, {"kind": "empty_listing"}),
    ({"host": "admin", "method": "GET", "path": "/members$"}, {"kind": "half_listing"}),
    ({"host": "cloudidentity"}, {"kind": "empty_listing"}),
)


def _customer(life: Life) -> Any:
    return life.world.sims.google.customers[life.world.tenant_id(ORCHARD)]


def _group(life: Life) -> str | None:
    ours = life.judge.find("group", "us")
    return ours[0] if ours else None


async def _begin(life: Life, random: Random) -> Connection:
    """A running connection of both kinds of protection, or one that has just been consented to."""
    world = life.world
    users = workspace.some_users(world, 4)
    policies = [_policy(users, random)]
    repairs = random.random() < 0.5
    if random.random() < 0.6:
        life.judge.end()  # a beginning that was lived before is not watched, so none is
        life.connection = await workspace.connect(world, policies=policies, repair_drift=repairs)
        life.judge.watch()
        customer = _customer(life)
        life.judge.theirs()
        mark = life.connection.brand.mark(life.connection.id)
        for key, one in customer.groups.items():
            if one.get("description") == mark:
                life.judge.made["group", key] = "us"
        return life.connection
    life.connection = await workspace.create(world, policies=policies, repair_drift=repairs)
    world.admin("install-app", ORCHARD)
    await workspace.consent(world, life.connection)
    await workspace.route_mail(world, await life.now())
    life.judge.theirs()
    return life.connection


def _policy(users: list[str], random: Random) -> Policy:
    """One that acts on some of the mail that comes in a life."""
    chosen: list[list[Action]] = [["label"], ["quarantine"], ["label", "quarantine"], ["trash"], ["spam"]]
    return Policy(name="some", users=users, conditions=Conditions(senders=[RISKY]), actions=random.choice(chosen))


def _directory(life: Life, method: str, path: str, body: Any = None) -> None:
    where = f"/tenants/{life.world.tenant_id(ORCHARD)}/directory"
    life.world.control("POST", where, method=method, path=path, body=body)


async def _delete_group(life: Life, random: Random) -> None:
    if group := _group(life):
        _directory(life, "DELETE", f"/groups/{group}")


async def _rename_group(life: Life, random: Random) -> None:
    if group := _group(life):
        body = random.choice(({"name": "Renamed"}, {"description": "Ours"}))
        _directory(life, "PATCH", f"/groups/{group}", body)


async def _member(life: Life, random: Random) -> None:
    group = _group(life)
    if group is None:
        return
    inside = sorted(_customer(life).members.get(group, ()))
    if inside and random.random() < 0.5:
        _directory(life, "DELETE", f"/groups/{group}/members/{random.choice(inside)}")
    else:
        user = random.choice(workspace.some_users(life.world, 20))
        _directory(life, "POST", f"/groups/{group}/members", {"id": user, "role": "MEMBER"})


async def _their_group(life: Life, random: Random) -> None:
    number = random.randrange(10**6)
    _directory(life, "POST", "/groups", {"email": f"theirs{number}@{ORCHARD}", "name": f"Theirs {number}"})


def _admin(*actions: str) -> Callable[[Life, Random], Awaitable[None]]:
    """The administrator does one of some things."""

    async def act(life: Life, random: Random) -> None:
        life.world.admin(random.choice(actions), ORCHARD)

    return act


async def _rule(life: Life, random: Random) -> None:
    rule = await workspace.asked_values(life.world, await life.now(), "rule")
    life.world.admin(
        random.choice(("add-rule", "delete-rule", "disable-rule", "enable-rule")), ORCHARD, name=rule["Name"]
    )


async def _withdraw(life: Life, random: Random) -> None:
    match random.randrange(3):
        case 0:
            life.world.admin("revoke-grant", ORCHARD, user=workspace.ADMIN)
        case 1:
            life.world.admin("uninstall-app", ORCHARD)
        case _:
            life.world.admin("remove-delegation", ORCHARD)


async def _consent(life: Life, random: Random) -> None:
    life.world.admin("install-app", ORCHARD)
    if random.random() < 0.6:
        await happenings.at_a_browser(workspace.consent(life.world, await life.now()))


async def _mail(life: Life, random: Random) -> None:
    """Mail comes in; its pushes come late, doubled, or never."""
    customer = _customer(life)
    user = customer.users[random.choice(workspace.some_users(life.world, 4))]
    sender = random.choice((workspace.SENDER, f"somebody@{RISKY}"))
    workspace.mail(life.world, user["primaryEmail"], sender, count=random.randrange(1, 3))
    life.judge.theirs()
    for push in workspace.pushes(life.world):
        for _ in range(random.choice((0, 1, 2))):
            await workspace.deliver(life.world, push)


async def _label(life: Life, random: Random) -> None:
    """Somebody renames or deletes our label in a mailbox, or makes one of its name."""
    customer = _customer(life)
    user = random.choice(workspace.some_users(life.world, 4))
    if user not in customer.mailboxes:
        return
    ours = [key.partition(" ")[2] for key in life.judge.find("label", "us") if key.startswith(f"{user} ")]
    names = [one["name"] for key, one in customer.mailboxes[user].labels.items() if key in ours]
    if names:
        what = random.choice(("rename-label", "delete-label"))
        life.world.admin(
            what, ORCHARD, user=user, name=names[0], **({"to": "Careful"} if what == "rename-label" else {})
        )


async def _put(life: Life, random: Random) -> None:
    """An operator changes what happens to mail."""
    policy = _policy(random.sample(workspace.some_users(life.world, 6), 3), random)
    await flow.put(life.world.app, await life.now(), policy, lambda _before: None, OPERATOR)


async def _release(life: Life, random: Random) -> None:
    """An operator releases a message that is in quarantine."""
    async with life.world.app.database.read() as read:
        numbers = (await read.execute(sa.select(db.quarantine.c.number))).scalars().all()
    if numbers:
        await quarantine.release(life.world.app, await life.now(), str(random.choice(numbers)), OPERATOR)


async def _person(life: Life, random: Random) -> None:
    user = random.choice(workspace.some_users(life.world, 6)[1:])
    life.world.admin(random.choice(("suspend-user", "restore-user", "mail-off", "mail-on")), ORCHARD, user=user)


async def _stale(life: Life, random: Random) -> None:
    now = life.world.clock.now()
    if life.stale_at is not None and now < life.stale_at + timedelta(hours=2):
        return
    life.stale_at = now
    match, do = random.choice(STALE)
    life.fault(match, do)


async def _leave(life: Life, random: Random) -> None:
    world, customer = life.world, _customer(life)
    if application.SERVICE_CLIENT_ID not in customer.delegations and random.random() < 0.7:
        world.admin("install-app", ORCHARD)
    life.judge.theirs()
    if (await life.now()).stage not in (Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED):
        await revokes.revoke(world.app, await life.now(), OPERATOR, acknowledged=True)
    takes, answers = random.random() < 0.5, random.random() < 0.85
    end = world.clock.now() + ENDS_WITHIN + (timedelta(0) if answers else ANSWER_WITHIN)
    while (now := await life.now()).stage is not Stage.CLOSED and world.clock.now() < end:
        if now.reason == "waiting_for_administrator":
            marks = await world.marks(now)
            for key in [key for key, mark in marks.items() if mark == "by administrator"]:
                await _undo(life, key, now)
                # What no API shows, or we can look at no more, is done when somebody says so.
                if answers:
                    await revokes.attest(world.app, now, key, OPERATOR)
            if takes and now.stage is Stage.CLEANUP and marks.get("group") in ("present", "drifted"):
                await revokes.attest(world.app, now, "group", OPERATOR)
        await life.passes(timedelta(hours=2 if answers else 20))


async def _undo(life: Life, key: str, connection: Connection) -> None:
    try:
        await workspace.remove(life.world, key, ORCHARD, connection)
    except AssertionError as gone:
        if '"error"' not in str(gone):
            raise


def _listed(thing: Thing, record: Certificate) -> bool:
    kind, key = thing
    if kind == "label":
        return any("Label" in str(one.get("title")) for one in record["not_checkable"])
    named = (record["residue"], record["could_not_check"], record["bears_our_mark"], record["kept_as_published"])
    return any(one.get("identity") == key for entries in named for one in entries)


def _secrets(life: Life) -> list[str]:
    google = life.world.app.settings.google
    assert google.client_secret is not None
    return [google.client_secret.get_secret_value(), *life.world.sims.google.tokens]


GOOGLE = Side(
    name="google",
    domain=ORCHARD,
    begin=_begin,
    actions={
        **happenings.COMMON,
        "fault": (30, happenings.faulty(PLACES, KINDS)),
        "stale": (6, _stale),
        "delete group": (2, _delete_group),
        "rename group": (2, _rename_group),
        "member": (4, _member),
        "their group": (2, _their_group),
        "rule": (3, _rule),
        "route": (1, _admin("remove-gateway")),
        "withdraw": (2, _withdraw),
        "consent": (3, _consent),
        "mail": (5, _mail),
        "person": (3, _person),
        "label": (3, _label),
        "policy": (3, _put),
        "release": (3, _release),
    },
    tenancy=tenancy,
    leave=_leave,
    secrets=_secrets,
    listed=_listed,
)
