"""Whatever may be left, before the last look or after it, is found or named as what nobody can look at. `-s` prints it.

All kinds of a platform are planted in one life, at one of two moments: while the administrator's last steps are
awaited, and after our way into the tenant has gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections import grants
from shared.connections.grants import Grant
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.certificate import Certificate
from shared.engine.chain import entries
from shared.flows import revoke
from shared.protection import policies
from shared.protection.policies import EVERYONE
from shared.storage import tables as db
from tests.harness import workspace
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World

Record = Mapping[str, Any]
AFTER = "after the last look"


@dataclass
class Ours:
    """What we made, as it was while the connection ran, and the tenant that it was in."""

    tenant: Any
    connection: Connection
    rules: dict[str, Record]
    inbound: dict[str, Record]
    outbound: dict[str, Record]
    groups: dict[str, Record]
    pairs: dict[str, Record]

    @property
    def mark(self) -> str:
        """What our objects bear."""
        return self.connection.brand.mark(self.connection.id)


def _of(world: World, connection: Connection) -> Ours:
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    mark = connection.brand.mark(connection.id)
    return Ours(
        tenant=tenant,
        connection=connection,
        rules={rule["Guid"]: rule for rule in tenant.rules if rule["Comments"] == mark},
        inbound={key: one for key, one in tenant.inbound_connectors.items() if one["Comment"] == mark},
        outbound={key: one for key, one in tenant.outbound_connectors.items() if one["Comment"] == mark},
        groups={key: one for key, one in tenant.groups.items() if one["description"] == mark},
        pairs={
            key: one
            for key, one in tenant.spoof_items.items()
            if one["SendingInfrastructure"] == "outbound.example.net"
        },
    )


def _rule(ours: Ours, **changes: Any) -> str:
    rule = {**next(iter(ours.rules.values())), **changes}
    ours.tenant.rules.append(rule)
    return str(rule["Guid"])


def _connector(ours: Ours, kind: str, **changes: Any) -> str:
    record = {**next(iter(getattr(ours, kind).values())), **changes}
    getattr(ours.tenant, f"{kind}_connectors")[record["Guid"]] = record
    return str(record["Guid"])


def _group(ours: Ours, number: int, *, deleted: bool = False, **changes: Any) -> str:
    group = {**list(ours.groups.values())[number], **changes}
    key = str(group["id"])
    if deleted:
        kept = {"@odata.type": "#microsoft.graph.group", "@members": [], "@owners": []}
        ours.tenant.deleted[key] = {**kept, **group, "deletedDateTime": "2999-01-01T00:00:00Z"}
    else:
        ours.tenant.groups[key], ours.tenant.members[key], ours.tenant.owners[key] = group, frozenset(), frozenset()
    return key


def _pair(ours: Ours, **changes: Any) -> str:
    pair = {**next(iter(ours.pairs.values())), **changes}
    ours.tenant.spoof_items[pair["Identity"]] = pair
    return str(pair["Identity"])


def _allowed(ours: Ours, entry: str) -> str:
    kept = ours.tenant.connection_filter
    ours.tenant.connection_filter = {**kept, "IPAllowList": (*kept["IPAllowList"], entry)}
    return entry


THEIRS = {"Comments": "theirs", "Name": "Theirs"}
# By what it is: how it is planted, giving the id that a certificate would have of it.
MICROSOFT: dict[str, Callable[[Ours], str]] = {
    "rule, the very one": _rule,
    "rule with our comment": lambda ours: _rule(ours, Guid="copy-rule", Name="Copy"),
    "rule with our name": lambda ours: _rule(
        ours, Guid="named-rule", Comments="theirs", Name=ours.connection.brand.rule_incoming_user
    ),
    "rule with our addresses": lambda ours: _rule(ours, Guid="ip-rule", **THEIRS, SenderIpRanges=("203.0.113.16/28",)),
    "inbound connector, the very one": lambda ours: _connector(ours, "inbound"),
    "inbound connector with our comment": lambda ours: _connector(ours, "inbound", Guid="copy-in", Name="Copy in"),
    "inbound connector with our addresses": lambda ours: _connector(
        ours, "inbound", Guid="ip-in", Comment="", Name="In"
    ),
    "outbound connector, the very one": lambda ours: _connector(ours, "outbound"),
    "outbound connector with our comment": lambda ours: _connector(ours, "outbound", Guid="copy-out", Name="Copy out"),
    "outbound connector to our host": lambda ours: _connector(
        ours, "outbound", Guid="host-out", Comment="", Name="Out"
    ),
    "group, the very one": lambda ours: _group(ours, 0),
    "group with our nickname": lambda ours: _group(ours, 0, id="nick-group", description="", displayName="Nick"),
    "group with our description": lambda ours: _group(ours, 0, id="mark-group", mailNickname="m", displayName="Mark"),
    "group with our name": lambda ours: _group(ours, 0, id="named-group", mailNickname="n", description=""),
    "group in the bin, the very one": lambda ours: _group(ours, 1, deleted=True),
    "group in the bin with our description": lambda ours: _group(
        ours, 1, deleted=True, id="mark-bin", displayName="Bin"
    ),
    "spoofed sender, the very one": _pair,
    "spoofed sender under another id": lambda ours: _pair(ours, Identity="another-pair"),
    "allowed address, the very one": lambda ours: _allowed(ours, "198.51.100.32/29"),
    "allowed address, a part of it": lambda ours: _allowed(ours, "203.0.113.18"),
}
GROUPS: dict[str, Record] = {
    "Google group, the very one": {},
    "Google group with our description": {"id": "mark", "email": f"mark@{ORCHARD}", "name": "Mark"},
    "Google group with our name": {"id": "named", "email": f"named@{ORCHARD}", "description": ""},
}
BY_HAND = {
    "route": "A mail route or an inbound gateway made again",
    "gateway": "A mail route or an inbound gateway made again",
    "label in a mailbox": "Labels in mailboxes",
    "message in the bin": "Messages in the bin",
}


async def verdict(world: World, connection: Connection, record: Certificate, identity: str, *, stands: bool) -> str:
    """How a thing of this id is told of; fails if it is not."""
    told = {
        "found: still there": [one for one in record["residue"] if one.get("identity") == identity],
        "found: bears our mark, name or addresses": [
            one for one in record["bears_our_mark"] if one.get("identity") == identity
        ],
        "found: could not be removed": [one for one in record["could_not_check"] if one.get("identity") == identity],
    }
    for what, found in told.items():
        if found and stands:
            return what
    if not stands:
        acts = [e.act async for e in entries(world.app.database, connection.id) if e.identity == identity]
        assert {"adopt", "remove", "purge"} & set(acts), identity
        return "found and removed again"
    titles = [str(one.get("title")) for one in record["not_checkable"]]
    assert "What was created in the tenant after the last check" in titles, identity
    return "named: nobody looks after our way in has gone"


def _stands(tenant: Any, identity: str) -> bool:
    places = (
        tenant.inbound_connectors,
        tenant.outbound_connectors,
        tenant.groups,
        tenant.deleted,
        tenant.spoof_items,
        tenant.connection_filter["IPAllowList"],
        [rule["Guid"] for rule in tenant.rules],
    )
    return any(identity in place for place in places)


def show(moment: str, table: Mapping[str, str]) -> None:
    """The table, for who looks at it."""
    assert not [kind for kind, told in table.items() if not told]
    print(f"\n{moment}")  # noqa: T201 - what this test is for, beside its asserts
    for kind, told in table.items():
        print(f"  {kind:45} {told}")  # noqa: T201 - the same


@pytest.mark.hazard(33)
@pytest.mark.parametrize("moment", ["before the last look", AFTER])
async def test_whatever_is_left_in_a_tenant_of_microsoft_365_is_told(world: World, moment: str) -> None:
    users = [one["id"] for one in world.graph("GET", "/users?$top=8")["value"] if one.get("mail")][:2]
    connection = await world.connect(policies=[EVERYONE, policies.Policy(name="two", users=users)])
    await world.pass_time(timedelta(minutes=20))
    ours = _of(world, connection)
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    if moment == AFTER:
        world.admin("remove-application", purge=False)
    planted = {kind: plant(ours) for kind, plant in MICROSOFT.items()}
    # A copied rule routes to our connector, which then cannot go: the connection ends without that.
    closed = await world.until(connection, Stage.CLOSED, limit=timedelta(days=6))
    record = await exit_record(world, closed)
    table = {
        kind: await verdict(world, closed, record, identity, stands=_stands(ours.tenant, identity))
        for kind, identity in planted.items()
    }
    assert (moment == AFTER) == any(told.startswith("named") for told in table.values())
    table["application in the bin"] = record["not_checkable"][-1]["why"][:40]
    assert "recycle bin" in str(record["not_checkable"][-1]["title"])
    assert record["result"] in (("clean",) if moment == AFTER else ("degraded",))
    show(f"Microsoft 365, {moment}", table)


@pytest.mark.hazard(33)
@pytest.mark.parametrize("moment", ["before the last look", AFTER])
async def test_whatever_is_left_at_a_google_customer_is_told(world: World, moment: str) -> None:
    connection = await workspace.connect(world)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    mark = connection.brand.mark(connection.id)
    group = next(one for one in customer.groups.values() if one.get("description") == mark)

    def plant() -> None:
        for changes in GROUPS.values():
            made = {**group, **changes}
            customer.groups[str(made["id"])], customer.members[str(made["id"])] = made, {}

    await revoke.revoke(world.app, await world.connection(connection.id), "operator@msp.example", acknowledged=True)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    if moment != AFTER:
        plant()
    closed = await workspace.leave(world, connection)
    if moment == AFTER:
        plant()
    record = await exit_record(world, closed)
    table = {}
    for kind, changes in GROUPS.items():
        identity = str({**group, **changes}["id"])
        table[kind] = await verdict(world, closed, record, identity, stands=identity in customer.groups)
    titles = [str(one.get("title")) for one in record["not_checkable"]]
    for kind, title in BY_HAND.items():
        assert title in titles
        table[kind] = f"named: {title}"
    show(f"Google Workspace, {moment}", table)


@pytest.mark.parametrize("moment", ["while cleaning up", "after the close"])
async def test_whatever_is_left_in_our_own_house_is_swept(world: World, moment: str) -> None:
    connection = await workspace.connect(world)

    async def store() -> None:
        now, box = world.clock.now(), await world.app.seal.credentials(connection.id)
        row = {"connection": connection.id, "resource": "late", "sealed": b"x", "obtained_at": now, "expires_at": now}
        late = Grant(account="7", address=f"late@{ORCHARD}", secret="late", granted_at=now)  # noqa: S106 - no secret
        async with world.app.database.write() as write:
            await write.execute(sa.insert(db.tokens).values(row))
            await policies.put(write, connection.id, EVERYONE)
            await grants.keep(write, box, connection.id, late)

    if moment == "while cleaning up":
        await revoke.revoke(world.app, connection, "operator@msp.example", acknowledged=True)
        await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
        await store()
    closed = await workspace.leave(world, connection)
    if moment == "after the close":
        await store()
        await world.pass_time(timedelta(hours=2))
    table = {}
    async with world.app.database.read() as read:
        for name, kept in (("token", db.tokens), ("policy", db.policies), ("grant", db.grants)):
            count = sa.select(sa.func.count()).where(kept.c.connection == closed.id)
            table[f"stored {name}"] = "swept" if (await read.execute(count)).scalar_one() == 0 else ""
    show(f"Our own house, {moment}", table)
