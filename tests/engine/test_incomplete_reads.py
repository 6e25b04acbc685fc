"""Hazards of reading: what a failed, cut or foreign answer must never be taken for."""

import json
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import Holding, holdings_of
from shared.flows.jobs import run
from shared.protection import directory
from tests.harness.world import World

Match = dict[str, Any]

RULES: Match = {"cmdlet": "Get-TransportRule"}
INBOUND: Match = {"cmdlet": "Get-InboundConnector"}
OUTBOUND: Match = {"cmdlet": "Get-OutboundConnector"}
FILTER: Match = {"cmdlet": "Get-HostedConnectionFilterPolicy"}
SPOOF: Match = {"cmdlet": "Get-TenantAllowBlockListSpoofItems"}
ACCEPTED: Match = {"cmdlet": "Get-AcceptedDomain"}
GROUP: Match = {"host": "graph", "method": "GET", "path": r"^/v1\.0/groups/[0-9a-f-]{36}$"}
GROUPS: Match = {"host": "graph", "method": "GET", "path": r"^/v1\.0/groups$"}
MEMBERS: Match = {"host": "graph", "method": "GET", "path": "/members$"}
USERS: Match = {"host": "graph", "method": "GET", "path": "^/v1.0/users"}
GROUPS_DELTA: Match = {"host": "graph", "method": "GET", "path": "^/v1.0/groups/delta"}
DOMAINS: Match = {"host": "graph", "method": "GET", "path": "^/v1.0/domains$"}
READS: dict[str, Match] = {
    "rules": RULES,
    "inbound": INBOUND,
    "outbound": OUTBOUND,
    "filter": FILTER,
    "spoof": SPOOF,
    "accepted": ACCEPTED,
    "group": GROUP,
    "members": MEMBERS,
    "users": USERS,
    "groups-delta": GROUPS_DELTA,
    "domains": DOMAINS,
}

FAULTS: dict[str, dict[str, Any]] = {
    "401": {"kind": "status", "status": 401, "body": None},
    "nul403": {"kind": "nul403"},
    "empty403": {"kind": "empty403"},
    "404-of-another-kind": {
        "kind": "status",
        "status": 404,
        "body": {"error": {"code": "UnknownError", "message": ""}},
    },
    "404-without-body": {"kind": "status", "status": 404, "body": None},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "throttle": {"kind": "throttle", "retry_after": "120"},
    "truncated_json": {"kind": "truncated_json"},
    "html": {"kind": "html"},
    "drop_before": {"kind": "drop_before"},
    "endless_empty_pages": {"kind": "empty_page_with_next_link"},
}
ALWAYS = 1000


def state(world: World) -> dict[str, Any]:
    """The tenant's whole state."""
    found: dict[str, Any] = json.loads(world.snapshot())
    return found


def ours(world: World) -> dict[str, list[str]]:
    """The names of everything in the tenant that is the service's, each as often as it is there."""
    now = state(world)
    return {
        kind: sorted(one["Name"] for one in now[kind] if one["Name"].startswith("TMCAS"))
        for kind in ("transportRules", "inboundConnectors", "outboundConnectors")
    } | {
        "groups": sorted(g["displayName"] for g in now["groups"] if g["mailNickname"].startswith("tmcas-inline-")),
        "spoof": sorted(one["SendingInfrastructure"] for one in now["spoofItems"]),
        "allowed": list(now["connectionFilter"]["IPAllowList"]),
    }


async def known(world: World, connection: Connection) -> dict[str, Holding]:
    """What the ledger knows to be there."""
    return await holdings_of(world.app.database, connection.id)


async def written(world: World, connection: Connection) -> int:
    """How many entries the ledger has."""
    return len([entry async for entry in entries(world.app.database, connection.id)])


async def look(world: World, connection: Connection, job: str = "sync-now") -> Connection:
    """Run one job to its end and return the connection as it is then."""
    await run(world.app, Job(name=job, connection_id=connection.id))
    return await world.connection(connection.id)


def heal(world: World) -> None:
    """The platform behaves again."""
    world.control("DELETE", "/faults")


@pytest.mark.hazard(1)
@pytest.mark.parametrize("kind", FAULTS)
async def test_a_failed_read_while_running_is_not_absent(world: World, kind: str) -> None:
    connection = await world.connect()
    await look(world, connection)
    before, holdings = world.snapshot(), await known(world, connection)
    count, copy = await written(world, connection), await directory.count(world.app.database, connection.id)
    for name, match in READS.items():
        if kind == "endless_empty_pages" and match is GROUP:
            continue  # one object is no listing
        world.fault(match, FAULTS[kind], times=ALWAYS)
        troubled = await look(world, connection)
        assert troubled.status is not Status.OK, f"{kind} of {name} went unnoticed"
        assert troubled.reason
        assert troubled.sentence
        assert world.snapshot() == before, f"{kind} of {name} changed the tenant"
        assert await known(world, connection) == holdings, f"{kind} of {name} changed what the ledger knows"
        assert await written(world, connection) == count, f"{kind} of {name} was written down as something"
        assert await directory.count(world.app.database, connection.id) == copy, f"{kind} of {name} changed our copy"
        heal(world)
        healed = await look(world, connection)
        assert (healed.status, healed.reason) == (Status.OK, None), f"{kind} of {name} is not got over"
    assert world.snapshot() == before


@pytest.mark.hazard(1)
@pytest.mark.parametrize("turn", range(4))
async def test_failed_reads_during_grant_make_nothing_twice(world: World, turn: int) -> None:
    """Each read fails in another way, and in yet another at the next turn; while running, each fails in every way."""
    before, kinds = world.snapshot(), list(FAULTS.values())
    reads = (RULES, INBOUND, SPOOF, FILTER, GROUP, GROUPS, MEMBERS, USERS, GROUPS_DELTA, DOMAINS)
    for number, match in enumerate(reads):
        # Longer than the short tries at the wire, and not at the first look.
        world.fault(match, kinds[(number + 3 * turn) % len(kinds)], times=4, skip=2)
    connection = await world.connect()
    heal(world)
    after_look = await look(world, connection)
    assert after_look.status is Status.OK
    found = ours(world)
    assert {kind: len(names) for kind, names in found.items()} == {
        "transportRules": 4,
        "inboundConnectors": 2,
        "outboundConnectors": 2,
        "groups": 2,
        "spoof": 3,
        "allowed": 4,
    }
    assert all(len(names) == len(set(names)) for names in found.values())
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(1)
@pytest.mark.parametrize("kind", ["401", "nul403", "404-of-another-kind", "500", "truncated_json", "html"])
async def test_failed_reads_while_leaving_mark_nothing_gone(world: World, kind: str) -> None:
    before = world.snapshot()
    connection = await world.connect()
    there, holdings = ours(world), await known(world, connection)
    for match in (RULES, INBOUND, OUTBOUND, GROUP, SPOOF, FILTER):
        world.fault(match, FAULTS[kind], times=ALWAYS)
    await world.revoke(connection)
    await world.work()
    now = await world.connection(connection.id)
    assert now.stage is Stage.REVOKE
    assert now.status is not Status.OK
    assert ours(world) == there
    assert {key: held.state for key, held in (await known(world, connection)).items()} == {
        key: held.state for key, held in holdings.items()
    }
    heal(world)
    await world.until_true(connection, lambda one: one.reason == "waiting_for_administrator")
    world.admin("remove-application")
    await world.until(connection, Stage.CLOSED)
    assert world.snapshot() == before


@pytest.mark.hazard(1)
@pytest.mark.parametrize("name", ["rules", "inbound", "members"])
async def test_a_listing_cut_in_half_removes_and_makes_nothing(world: World, name: str) -> None:
    connection = await world.connect()
    before = world.snapshot()
    world.fault(READS[name], {"kind": "half_listing"}, times=ALWAYS)
    await look(world, connection)
    assert world.snapshot() == before
    heal(world)
    assert (await look(world, connection)).status is Status.OK
    assert world.snapshot() == before


@pytest.mark.hazard(1)
@pytest.mark.parametrize("name", ["rules", "inbound", "outbound", "spoof", "accepted", "users", "groups-delta"])
async def test_a_listing_in_small_pages_is_read_to_its_end(world: World, name: str) -> None:
    connection = await world.connect()
    before, holdings = world.snapshot(), await known(world, connection)
    world.fault(READS[name], {"kind": "page_cut"}, times=ALWAYS)
    # One empty page with a link to the rest is no end either.
    world.fault(READS[name], {"kind": "empty_page_with_next_link"}, times=1)
    assert (await look(world, connection)).status is Status.OK
    assert world.snapshot() == before
    assert await known(world, connection) == holdings


@pytest.mark.hazard(1)
async def test_a_404_of_another_kind_inside_a_batch_leaves_no_user_out(world: World) -> None:
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    chosen = sorted(one["id"] for one in tenant.users.values() if one["mail"] and one["userType"] == "Member")[:3]
    from shared.protection.policies import Policy

    # The router's own 404, which says nothing of the user.
    world.fault({"host": "graph", "method": "POST", "path": r"/members/\$ref$"}, FAULTS["404-of-another-kind"], times=9)
    connection = await world.connect(policies=[Policy(name="some", users=chosen)])
    group = next(g for g in state(world)["groups"] if g["mailNickname"].startswith("tmcas-inline-incoming"))
    assert group["members"] == chosen
    assert (await look(world, connection)).status is Status.OK


@pytest.mark.hazard(23)
@pytest.mark.parametrize("name", ["rules", "inbound", "members", "users", "groups-delta", "domains"])
async def test_a_next_link_to_another_host_is_not_followed(world: World, name: str) -> None:
    connection = await world.connect()
    before, copy = world.snapshot(), await directory.count(world.app.database, connection.id)
    world.fault(READS[name], {"kind": "foreign_next_link"}, times=ALWAYS)
    refused = await look(world, connection)
    # Had it been followed, the reason would be a host that does not answer.
    assert (refused.status, refused.reason) == (Status.ATTENTION, "foreign_link")
    assert "graph.example.net" not in str(refused.sentence)
    assert world.snapshot() == before
    assert await directory.count(world.app.database, connection.id) == copy


@pytest.mark.hazard(23)
@pytest.mark.parametrize("path", ["^/v1.0/users/delta", "^/v1.0/groups/delta"])
async def test_a_location_on_another_host_is_not_followed(world: World, path: str) -> None:
    connection = await world.connect()
    copy = await directory.count(world.app.database, connection.id)
    elsewhere = {"Location": "https://graph.example.net/v1.0/users/delta?$deltatoken="}
    gone = {"kind": "status", "status": 410, "headers": elsewhere}
    world.fault({"host": "graph", "path": path}, gone, times=ALWAYS)
    refused = await look(world, connection)
    assert (refused.status, refused.reason) == (Status.ATTENTION, "foreign_link")
    assert await directory.count(world.app.database, connection.id) == copy
