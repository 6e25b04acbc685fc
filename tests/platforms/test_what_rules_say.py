"""What our rules and allow entries say in the tenant, and how ours is told from the customer's own."""

from datetime import timedelta
from typing import Any, cast

import pytest

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from shared.flows.plans import onlooking
from shared.foundation.errors import Permanent
from shared.platforms.microsoft365.catalogue import SKIP
from shared.platforms.microsoft365.rule_settings import RuleSettings
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.platforms.microsoft365.transport_rules import TransportRule
from shared.protection.policies import EVERYONE, Policy
from tests.harness.leftovers import exit_record
from tests.harness.world import World

ROUTING = ("Incoming Domain", "Incoming User", "Outgoing Domain", "Outgoing User")
PAIR = {"SpoofedUser": "*", "SendingInfrastructure": "outbound.example.net", "SpoofType": "External"}


def ours(world: World, words: str) -> dict[str, Any]:
    """One of our rules, as an administrator sees it."""
    listed = world.cmdlet("Get-TransportRule")["value"]
    return next(dict(one) for one in listed if one["Name"].startswith("TMCAS") and words in one["Name"])


async def connected(world: World) -> Connection:
    """A connection that routes mail of everyone, and of two by name."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    two = sorted(one["id"] for one in users if one.get("mail") and one["userType"] == "Member")[:2]
    return await world.connect(policies=[EVERYONE, Policy(name="two", users=two)])


async def test_mail_that_is_routed_meets_no_later_rule_and_is_routed_once(world: World) -> None:
    connection = await connected(world)
    brand = connection.brand
    for words in ROUTING:
        rule = ours(world, words)
        assert rule["StopRuleProcessing"] is True, words
        assert rule["RouteMessageOutboundConnector"], words
        incoming = words.startswith("Incoming")
        header = brand.return_header if incoming else brand.loop_header
        assert rule["ExceptIfHeaderContainsMessageHeader"] == header, words
        assert len(rule["ExceptIfHeaderContainsWords"]) == 1, words
        assert rule["FromScope"] == ("NotInOrganization" if incoming else "InOrganization"), words
        # Mail between colleagues never leaves the organisation.
        assert rule.get("SentToScope") == (None if incoming else "NotInOrganization"), words


async def test_the_junk_filter_is_skipped_for_clean_mail_alone(world: World) -> None:
    connection = await connected(world)
    brand, verdict = connection.brand, world.app.settings.mail.junk_verdict
    skip, junk = ours(world, "Skip Spam"), ours(world, "Junk")
    assert (int(skip["SetSCL"]), int(junk["SetSCL"])) == (-1, 6)
    assert skip["ExceptIfHeaderContainsMessageHeader"] == junk["HeaderMatchesMessageHeader"] == brand.verdict_header
    assert skip["ExceptIfHeaderContainsWords"] == [verdict]
    assert junk["HeaderMatchesPatterns"] == [f"^{verdict}$"]


async def test_a_pair_that_the_customer_made_in_place_of_ours_is_theirs(world: World) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(minutes=20))
    first = (await holdings_of(world.app.database, connection.id))["spoof"].identity
    world.cmdlet("Remove-TenantAllowBlockListSpoofItems", Identity="outbound.example.net\\Default", Ids=[first])
    world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", Action="Allow", **PAIR)
    (theirs,) = pairs(world)
    for _ in range(3):
        await run(world.app, Job(name="sync-now", connection_id=connection.id))
        await world.pass_time(timedelta(minutes=5))
    closed = await world.leave(connection)
    assert pairs(world) == [theirs]
    record = await exit_record(world, closed)
    assert (record["result"], record["cannot_tell_whose"]) == ("clean", [])


def pairs(world: World) -> list[str]:
    """The identities of the entries that say what ours says."""
    listed = world.cmdlet("Get-TenantAllowBlockListSpoofItems")["value"]
    return [one["Identity"] for one in listed if one["SendingInfrastructure"] == PAIR["SendingInfrastructure"]]


@pytest.mark.hazard(21)
async def test_a_rule_whose_condition_came_to_nothing_is_refused_before_it_is_planned(world: World) -> None:
    connection = await world.connect()
    settings: dict[str, Any] = {"FromScope": "NotInOrganization", "RecipientDomainIs": []}

    async def values(_tenant: object) -> dict[str, Any]:
        return settings

    said = RuleSettings(names=frozenset(settings), values=values)
    rule = TransportRule(key=SKIP, title="A rule", settings=said, routes=False)
    async with onlooking(world.app, connection) as tenant:
        with pytest.raises(Permanent, match="rule_without_condition: A rule would apply to all mail"):
            await rule.desired(cast(MicrosoftTenant, tenant), "")
