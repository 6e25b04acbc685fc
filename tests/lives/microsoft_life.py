"""What happens in the lives of Microsoft 365 connections."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from infra.local.simulators.microsoft import applications
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.certificate import Certificate
from shared.flows import policies as flow
from shared.flows.unanswered import ANSWER_WITHIN
from shared.protection.policies import EVERYONE, Policy
from tests.harness.world import CONTOSO
from tests.lives import happenings
from tests.lives.judge import Thing
from tests.lives.life import ENDS_WITHIN, OPERATOR, Life, Side
from tests.lives.microsoft import tenancy
from tests.lives.microsoft_faults import PLACES, STALE

TABLE = "#Exchange.GenericHashTable"
LIST = "Set-HostedConnectionFilterPolicy"
KINDS: tuple[dict[str, Any], ...] = (
    *happenings.KINDS,
    {"kind": "page_cut"},
    {"kind": "empty_page_with_next_link"},
    {"kind": "foreign_next_link"},
)


def _tenant(life: Life) -> Any:
    return life.world.sims.microsoft.tenants[life.world.tenant_id(CONTOSO)]


async def _begin(life: Life, random: Random) -> Connection:
    """A running connection, or one that has just been consented to and meets its faults while it is set up."""
    world, users = life.world, _people(life)
    settings: dict[str, Any] = {
        "repair_drift": random.random() < 0.5,
        "policies": [EVERYONE, Policy(name="some", users=users[:3])],
    }
    if random.random() < 0.6:
        life.judge.end()  # a beginning that was lived before is not watched, so none is
        connection = await world.connect(CONTOSO, **settings)
        life.judge.ours()
        life.judge.watch()
        life.connection = connection
        await life.passes(timedelta(minutes=20))
        return connection
    life.connection = await world.create(CONTOSO, **settings)
    await world.consent(life.connection)
    world.admin("assign-role")
    life.judge.theirs()
    return life.connection


def _people(life: Life) -> list[str]:
    return sorted(u["id"] for u in _tenant(life).users.values() if u.get("mail") and u["userType"] == "Member")


def _cmdlet(name: str, kind: str, **parameters: Any) -> Callable[[Life, Random], Awaitable[None]]:
    """The customer does something to one object of ours."""

    async def act(life: Life, random: Random) -> None:
        if ours := life.judge.find(kind, "us"):
            life.world.cmdlet(name, CONTOSO, Identity=random.choice(ours), **parameters)

    return act


async def _delete_group(life: Life, random: Random) -> None:
    if ours := [key for key in life.judge.find("group", "us") if key in _tenant(life).groups]:
        life.world.graph("DELETE", f"/groups/{random.choice(ours)}")


async def _restore_group(life: Life, random: Random) -> None:
    if ours := [key for key in life.judge.find("group", "us") if key in _tenant(life).deleted]:
        life.world.graph("POST", f"/directory/deletedItems/{random.choice(ours)}/restore")


async def _rename_group(life: Life, random: Random) -> None:
    if ours := [key for key in life.judge.find("group", "us") if key in _tenant(life).groups]:
        life.world.graph("PATCH", f"/groups/{random.choice(ours)}", body={"displayName": "Renamed"})


async def _member(life: Life, random: Random) -> None:
    tenant = _tenant(life)
    ours = [key for key in life.judge.find("group", "us") if key in tenant.groups]
    if not ours:
        return
    group = random.choice(ours)
    if random.random() < 0.5 and tenant.members.get(group):
        life.world.graph("DELETE", f"/groups/{group}/members/{random.choice(sorted(tenant.members[group]))}/$ref")
    else:
        new = random.choice(_people(life))
        link = f"{life.world.app.settings.microsoft.graph_url}/v1.0/directoryObjects/{new}"
        life.world.graph("POST", f"/groups/{group}/members/$ref", body={"@odata.id": link})


async def _remove_pair(life: Life, random: Random) -> None:
    if ours := life.judge.find("pair", "us"):
        domain = life.judge.content(("pair", ours[0]))["SendingInfrastructure"]
        life.world.cmdlet("Remove-TenantAllowBlockListSpoofItems", CONTOSO, Identity=f"{domain}\\Default", Ids=ours[:1])


async def _pair(life: Life, random: Random) -> None:
    domain = life.world.app.settings.mail.at(life.connection.site).sending_domain
    pair = {"SpoofedUser": "*", "SendingInfrastructure": domain, "SpoofType": "External", "Action": "Allow"}
    life.world.cmdlet("New-TenantAllowBlockListSpoofItems", CONTOSO, Identity="Default", **pair)


def _change(life: Life, verb: str, element: str) -> None:
    life.world.cmdlet(LIST, CONTOSO, Identity="Default", IPAllowList={"@odata.type": TABLE, verb: element})


async def _address_anew(life: Life, random: Random) -> None:
    """The customer takes an element of ours out and puts it in again; it is theirs if we have looked meanwhile."""
    ours = life.judge.find("address", "us")
    if not ours:
        return
    element = random.choice(ours)
    _change(life, "remove", element)
    life.judge.theirs()
    looked = _looks(life)
    life.world.control("DELETE", "/faults")
    if random.random() < 0.7:
        await life.job("sync-now")
        await life.passes(timedelta(minutes=random.choice((0, 2, 30))))
    if element in _tenant(life).connection_filter["IPAllowList"]:
        return  # we were quicker
    seen = _looks(life) > looked
    _change(life, "add", element)
    life.judge.theirs()
    if not seen:
        life.judge.made["address", element] = "nobody knows"


def _looks(life: Life) -> int:
    calls = life.world.sims.cloud.calls
    return sum(call.cmdlet == "Get-HostedConnectionFilterPolicy" and call.status == 200 for call in calls)


async def _their_address(life: Life, random: Random) -> None:
    theirs = life.judge.find("address", "them")
    if theirs and random.random() < 0.3:
        _change(life, "remove", random.choice(theirs))
        return
    mail = life.world.app.settings.mail.at(life.connection.site)
    egress = [str(one) for one in mail.egress]
    new = random.choice([f"192.0.2.{random.randrange(1, 255)}", *egress])
    _change(life, "add", new)


async def _their_rule(life: Life, random: Random) -> None:
    name = f"Theirs {random.randrange(10**6)}"
    more: dict[str, Any] = {"Priority": 0} if random.random() < 0.5 else {"Comments": "theirs"}
    life.world.cmdlet(
        "New-TransportRule", CONTOSO, Name=name, FromScope="NotInOrganization", PrependSubject="-", **more
    )


async def _copy(life: Life, random: Random) -> None:
    """Somebody copies a rule of ours, comment and all."""
    mark = life.connection.brand.mark(life.connection.id)
    name = f"Copy {random.randrange(10**6)}"
    life.world.cmdlet(
        "New-TransportRule", CONTOSO, Name=name, Comments=mark, FromScope="NotInOrganization", PrependSubject="-"
    )
    made = next(rule["Guid"] for rule in _tenant(life).rules if rule["Name"] == name)
    life.planted.append(("rule", made))


async def _withdraw(life: Life, random: Random) -> None:
    life.world.behave(CONTOSO, tokens_outlive_application=random.random() < 0.5)
    life.world.admin("remove-application", CONTOSO, purge=random.random() < 0.5)


async def _consent(life: Life, random: Random) -> None:
    await happenings.at_a_browser(life.world.consent(await life.now()))
    life.world.admin("assign-role")


async def _role(life: Life, random: Random) -> None:
    life.world.admin(random.choice(("assign-role", "unassign-role")))


async def _policy(life: Life, random: Random) -> None:
    users = random.sample(_people(life), random.randrange(1, 5))
    policy = Policy(name="some", users=users)
    await flow.put(life.world.app, await life.now(), policy, _unchecked, OPERATOR)


def _unchecked(_before: Any) -> None:
    """Whatever was there before."""


async def _stale(life: Life, random: Random) -> None:
    now = life.world.clock.now()
    if life.stale_at is not None and now < life.stale_at + timedelta(hours=2):
        return
    life.stale_at = now
    match, do = random.choice(STALE)
    life.fault(match, do)


async def _leave(life: Life, random: Random) -> None:
    world, tenant = life.world, _tenant(life)
    world.behave(CONTOSO, tokens_outlive_application=True)
    gone = tenant.service_principal_of(applications.CLIENT_ID) is None
    if gone and random.random() < 0.7:
        world.admin("consent")
    if tenant.service_principal_of(applications.CLIENT_ID):
        world.admin("assign-role")
    life.judge.theirs()
    if (await life.now()).stage not in (Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED):
        await world.revoke(life.connection)
    answers = random.random() < 0.85
    end = world.clock.now() + ENDS_WITHIN + (timedelta(0) if answers else ANSWER_WITHIN)
    while (now := await life.now()).stage is not Stage.CLOSED and world.clock.now() < end:
        asked = now.reason == "waiting_for_administrator" and answers
        if asked and tenant.service_principal_of(applications.CLIENT_ID):
            if random.random() < 0.7:
                world.admin("delete-groups-for-good")
                await life.passes(timedelta(hours=random.choice((0, 2))))
            world.admin("remove-application", purge=random.random() < 0.5)
        await life.passes(timedelta(hours=2 if answers else 20))


def _listed(thing: Thing, record: Certificate) -> bool:
    kind, key = thing
    if kind == "address" and f"ip-allow/{key}" in record["cannot_tell_whose"]:
        return True
    named = (record["residue"], record["could_not_check"], record["bears_our_mark"], record["kept_as_published"])
    return any(one.get("identity") == key for entries in named for one in entries)


ACTIONS: dict[str, tuple[int, Callable[[Life, Random], Awaitable[None]]]] = {
    **happenings.COMMON,
    "fault": (30, happenings.faulty(PLACES, KINDS)),
    "stale": (6, _stale),
    "disable rule": (2, _cmdlet("Disable-TransportRule", "rule", Confirm=False)),
    "remove rule": (3, _cmdlet("Remove-TransportRule", "rule", Confirm=False)),
    "edit rule": (3, _cmdlet("Set-TransportRule", "rule", ExceptIfFromScope="InOrganization")),
    "reorder rule": (3, _cmdlet("Set-TransportRule", "rule", Priority=0)),
    "remove inbound": (2, _cmdlet("Remove-InboundConnector", "inbound", Confirm=False)),
    "edit inbound": (1, _cmdlet("Set-InboundConnector", "inbound", Enabled=False)),
    "remove outbound": (2, _cmdlet("Remove-OutboundConnector", "outbound", Confirm=False)),
    "delete group": (3, _delete_group),
    "restore group": (3, _restore_group),
    "rename group": (1, _rename_group),
    "member": (3, _member),
    "remove pair": (2, _remove_pair),
    "pair": (2, _pair),
    "address anew": (3, _address_anew),
    "their address": (4, _their_address),
    "their rule": (3, _their_rule),
    "copy": (1, _copy),
    "withdraw": (2, _withdraw),
    "consent": (3, _consent),
    "role": (2, _role),
    "policy": (3, _policy),
}
MICROSOFT = Side(
    name="microsoft365",
    domain=CONTOSO,
    begin=_begin,
    actions=ACTIONS,
    tenancy=tenancy,
    leave=_leave,
    secrets=lambda _life: [applications.CLIENT_SECRET],
    listed=_listed,
)
