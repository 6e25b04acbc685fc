"""What Exchange takes at most is known to the plan: it is spread over several, or told before anything is sent."""

import json
from typing import Any

import pytest

from infra.local.simulators.microsoft.tenant import Tenant
from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.platforms.microsoft365 import limits
from tests.harness.orders import order
from tests.harness.world import CONTOSO, World

MANY_DOMAINS = [f"brand-{number:03}.contoso-holding.example" for number in range(400)]


def tenant_of(world: World) -> Tenant:
    return world.sims.microsoft.tenants[world.tenant_id()]


def with_domains(world: World, names: list[str]) -> None:
    tenant = tenant_of(world)
    tenant.domains = {
        **tenant.domains,
        **{name: {**tenant.domains[CONTOSO], "id": name, "isDefault": False, "isInitial": False} for name in names},
    }
    like = tenant.accepted_domains[CONTOSO]
    more = {"Default": False}
    tenant.accepted_domains = {
        **tenant.accepted_domains,
        **{one: {**like, "DomainName": one, "Name": one, "Identity": one, "Guid": one, **more} for one in names},
    }


def rules(world: World, condition: str) -> list[dict[str, Any]]:
    return [dict(one) for one in json.loads(world.snapshot())["transportRules"] if condition in one]


@pytest.mark.hazard(41)
async def test_four_hundred_domains_are_spread_over_several_rules(world: World) -> None:
    with_domains(world, MANY_DOMAINS)
    before = world.snapshot()
    connection = await world.connect()
    for condition in ("RecipientDomainIs", "SenderDomainIs"):
        made = rules(world, condition)
        assert len(made) > 1
        named = [domain for one in made for domain in one[condition]]
        assert len(named) == len(set(named))
        assert {*MANY_DOMAINS, CONTOSO} <= set(named)
        assert len({one["Name"] for one in made}) == len(made)
    # One domain fewer, and most of them gone.
    tenant = tenant_of(world)
    tenant.domains = {name: one for name, one in tenant.domains.items() if name not in MANY_DOMAINS[10:]}
    await order(world, connection, "sync-accepting-loss")
    now = await world.until_true(connection, lambda one: one.status is Status.OK)
    assert now.status is Status.OK
    (left,) = rules(world, "RecipientDomainIs")
    assert not set(left["RecipientDomainIs"]) & set(MANY_DOMAINS[10:])
    with_domains(world, MANY_DOMAINS)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.until_true(connection, lambda one: one.status is Status.OK)
    assert len(rules(world, "RecipientDomainIs")) > 1
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(41)
async def test_a_tenant_with_no_room_for_our_rules_is_told_before_anything_is_made(world: World) -> None:
    for number in range(limits.MAX_RULES - 2 - len(rules(world, "Name"))):
        world.cmdlet("New-TransportRule", Name=f"theirs {number}", FromScope="NotInOrganization", SetSCL=1)
    before = rules(world, "Name")
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "preflight"
    assert "298 transport rules" in str(told.sentence)
    assert "300" in str(told.sentence)
    assert rules(world, "Name") == before


@pytest.mark.hazard(41)
@pytest.mark.parametrize("what", ["addresses", "spoof"])
async def test_a_full_list_is_told_with_its_figure(world: World, what: str) -> None:
    if what == "addresses":
        full = [f"10.{n // 250}.{n % 250}.1" for n in range(limits.MAX_ADDRESSES)]
        world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=full)
        figure = str(limits.MAX_ADDRESSES)
    else:
        # More than Exchange lists at once, so that it is listed in parts.
        pair = {"SpoofType": "External", "SpoofedUser": "*"}
        for n in range(limits.MAX_SPOOF_PAIRS - len(tenant_of(world).spoof_items)):
            sender = {"SendingInfrastructure": f"sender-{n}.example", "Action": "Block" if n % 2 else "Allow"}
            world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", **pair, **sender)
        figure = str(limits.MAX_SPOOF_PAIRS)
    before = world.snapshot()
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "preflight"
    assert figure in str(told.sentence)
    lists = ("connectionFilter", "spoofItems", "transportRules")
    assert [json.loads(world.snapshot()).get(one) for one in lists] == [json.loads(before).get(one) for one in lists]


@pytest.mark.hazard(41)
def test_a_rule_that_cannot_be_spread_is_refused_with_both_figures() -> None:
    with pytest.raises(Exception, match=r"9\d{3} characters, and Exchange takes 8192"):
        limits.refuse_too_large("Rule", {"SenderIpRanges": ["203.0.113.0/24"] * 310})
    with pytest.raises(Exception, match=r"65 characters in its name; Exchange takes 64"):
        limits.refuse_too_large("Rule", {"Name": "n" * 65})
    with pytest.raises(Exception, match=r"1025 characters in its comments; Exchange takes 1024"):
        limits.refuse_too_large("Rule", {"Comments": "n" * 1025})


def test_parts_hold_every_value_once_and_fit() -> None:
    settings = {"Name": "n" * 64, "Comments": "c" * 500, "RecipientDomainIs": sorted(MANY_DOMAINS * 2)}
    parts = limits.spread(settings, "RecipientDomainIs")
    assert [one for part in parts for one in part] == settings["RecipientDomainIs"]
    assert all(limits.size({**settings, "RecipientDomainIs": part}) <= limits.MAX_RULE_CHARS for part in parts)
    too_many = {**settings, "RecipientDomainIs": MANY_DOMAINS * 9}
    last = limits.spread(too_many, "RecipientDomainIs")[-1]
    with pytest.raises(Exception, match="rule_too_large"):
        limits.refuse_too_large("Rule", {**too_many, "RecipientDomainIs": last})
