"""What lists, domains, MX records and other connectors do to the mail, and that the verdict is whole and quick."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from shared.engine.effects import Effect
from shared.platforms.microsoft365.mail_flow.classes import classes_of
from shared.platforms.microsoft365.mail_flow.grading import grade
from shared.platforms.microsoft365.mail_flow.journey import Journey
from shared.platforms.microsoft365.mail_flow.passage import Passage
from shared.platforms.microsoft365.mail_flow.rulebook import Rulebook, tracked_headers
from shared.platforms.microsoft365.mail_flow.verdict import difference, faults
from tests.platforms.microsoft365.mail_flow import random_flows
from tests.platforms.microsoft365.mail_flow.agreement import message_of
from tests.platforms.microsoft365.mail_flow.flow import IN_DOMAIN, OUT_DOMAIN, Flow, effects, findings

BOUNCED, MISJUDGED, TRUSTED = Effect.BOUNCED_OR_DELAYED, Effect.RETURNED_MISJUDGED, Effect.TRUSTED_WITHOUT_US
ADD, REMOVE = ({"@odata.type": "#Exchange.GenericHashTable", how: ["198.51.100.32/29"]} for how in ("Add", "Remove"))
POLICY = "Set-HostedConnectionFilterPolicy"
SPOOF = "New-TenantAllowBlockListSpoofItems"
OURS = {"SpoofedUser": "*", "SendingInfrastructure": "outbound.example.net"}
EDITS: list[tuple[str, dict[str, Any], set[Effect]]] = [
    (POLICY, {"Identity": "Default", "IPBlockList": ADD}, {BOUNCED}),
    (POLICY, {"Identity": "Default", "IPAllowList": REMOVE}, {MISJUDGED}),
    (POLICY, {"Identity": "Default", "IPAllowList": None}, {MISJUDGED}),
    (POLICY, {"Identity": "Default", "IPAllowList": ["198.51.100.0/24", "203.0.113.0/24"]}, set()),
    (POLICY, {"Identity": "Default", "IPBlockList": ["192.0.2.1"], "EnableSafeList": True}, set()),
    (SPOOF, {"Identity": "Default", "Action": "Block", "SpoofType": "Internal"} | OURS, {MISJUDGED}),
    (SPOOF, {"Identity": "Default", "Action": "Allow", "SpoofType": "Internal"} | OURS, set()),
    (
        "New-InboundConnector",
        {"Name": "Gateway", "SenderDomains": ["*"], "SenderIPAddresses": ["192.0.2.0/28"],
         "RestrictDomainsToIPAddresses": True},
        {BOUNCED},
    ),
    (
        "New-InboundConnector",
        {"Name": "Bank", "SenderDomains": ["bank.example.org"], "SenderIPAddresses": ["192.0.2.0/28"],
         "RestrictDomainsToIPAddresses": True},
        set(),
    ),
    (
        "New-InboundConnector",
        {"Name": "Ours too", "ConnectorType": "OnPremises", "SenderDomains": ["*"], "TreatMessagesAsInternal": True,
         "SenderIPAddresses": ["198.51.100.32/29", "203.0.113.16/28"]},
        {TRUSTED},
    ),
    (
        "New-InboundConnector",
        {"Name": "Printers", "ConnectorType": "OnPremises", "SenderDomains": ["*"],
         "SenderIPAddresses": ["192.0.2.77"]},
        set(),
    ),
    (
        "New-OutboundConnector",
        {"Name": "Hybrid", "ConnectorType": "OnPremises", "RecipientDomains": ["*"], "UseMXRecord": False,
         "SmartHosts": ["mail.contoso.com"], "RouteAllMessagesViaOnPremises": True},
        {Effect.UNKNOWN},
    ),
    (
        "New-OutboundConnector",
        {"Name": "Fax", "UseMXRecord": False, "SmartHosts": ["fax.example.org"],
         "RecipientDomains": ["fax.example.org"]},
        set(),
    ),
    ("Set-AcceptedDomain", {"Identity": "contoso.com", "DomainType": "InternalRelay"}, {Effect.UNKNOWN}),
    ("Set-AcceptedDomain", {"Identity": "contoso.com", "SendingToDomainDisabled": True}, {BOUNCED}),
    ("Set-AcceptedDomain", {"Identity": "contoso.com", "SendingFromDomainDisabled": True}, {BOUNCED}),
]  # fmt: skip


@pytest.mark.parametrize(("cmdlet", "given", "wanted"), EDITS, ids=lambda part: str(part)[:50])
def test_an_edit_of_lists_domains_and_other_connectors(
    whole: Flow, cmdlet: str, given: dict[str, Any], wanted: set[Effect]
) -> None:
    after = whole.copy()
    after.run(cmdlet, **given)
    assert effects(whole, after) == wanted


def test_a_domain_whose_mail_another_gateway_takes(whole: Flow) -> None:
    after = whole.copy()
    after.tenant.behaviour = after.tenant.behaviour.changed({"mx": {"contoso.com": [[1, "mx.gateway.example.org"]]}})
    (found,) = findings(whole, after)
    assert (found.effect, found.share) == (Effect.UNSCANNED, "some")


def test_dns_that_does_not_answer_is_unknown(whole: Flow) -> None:
    listing = whole.listing()
    silent = replace(listing, mx={**listing.mx, "contoso.com": None})
    (found,) = difference(listing, silent, whole.service, whole.protected, whole.now)
    assert found.effect is Effect.UNKNOWN
    assert "contoso.com" in found.reasons[0]


def test_what_the_model_has_never_heard_of_is_unknown(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="New kind", FromScope="NotInOrganization", DeleteMessage=True, Priority=0)
    listing = after.listing()
    strange = replace(listing.rules[0], strange=frozenset({"MoonPhase"}))
    listing = replace(listing, rules=(strange, *listing.rules[1:]))
    found = difference(whole.listing(), listing, whole.service, whole.protected, whole.now)
    assert {one.effect for one in found} == {Effect.UNKNOWN}


def test_a_rule_that_asks_for_what_another_writes_is_unknown(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", SubjectContainsWords=["external"], Quarantine=True)
    assert effects(whole, after) == {Effect.UNKNOWN}  # “Mark mail from outside” writes it


def test_a_tenant_in_order_has_nothing_wrong_but_its_own_gateway(some: Flow) -> None:
    assert faults(some.listing(), some.service, some.protected, some.now) == []


def classes(flow: Flow) -> int:
    return len(classes_of([Rulebook(flow.listing(), flow.now)], flow.service, flow.protected).messages)


def test_four_hundred_domains_that_nothing_tells_apart_are_one_class(whole: Flow) -> None:
    one, many = with_domains(whole, 1), with_domains(whole, 400)
    assert classes(one) == classes(many)
    assert effects(one, many) == set()


def test_one_of_many_domains_that_mail_is_turned_away_from_is_found(whole: Flow) -> None:
    before, after = with_domains(whole, 40), with_domains(whole, 40)
    after.run("Set-AcceptedDomain", Identity="d7.example.org", SendingToDomainDisabled=True)
    assert effects(before, after) == {Effect.BOUNCED_OR_DELAYED}


def with_domains(flow: Flow, number: int) -> Flow:
    """The tenant with more domains, all of them protected and in our rules."""
    names, after = [f"d{one}.example.org" for one in range(number)], flow.copy()
    like = next(iter(after.tenant.accepted_domains.values()))
    more = {one: {**like, "DomainName": one, "Name": one, "Identity": one, "Guid": one} for one in names}
    after.tenant.accepted_domains = {**after.tenant.accepted_domains, **more}
    for rule, condition in ((IN_DOMAIN, "RecipientDomainIs"), (OUT_DOMAIN, "SenderDomainIs")):
        (found,) = (one for one in after.run("Get-TransportRule") if one["Name"] == rule)
        after.run("Set-TransportRule", Identity=rule, **{condition: [*found[condition], *names]})
    after.protected = {
        way: replace(one, domains=one.domains | frozenset(names)) for way, one in after.protected.items()
    }
    return after


def test_three_hundred_rules_make_few_classes(whole: Flow) -> None:
    after, random = whole.copy(), Random(7)  # noqa: S311 - a test has to be repeatable
    for number in range(300 - len(after.tenant.rules)):
        given = random_flows.predicates(random, after)
        given |= {"SenderDomainIs": [f"p{number}.example.org"]} if number % 2 else {}
        after.run("New-TransportRule", Name=f"R{number}", Priority=0, SetSCL=5, StopRuleProcessing=True, **given)
    assert faults(after.listing(), after.service, after.protected, after.now)
    assert classes(after) < 6_000


@pytest.mark.parametrize("seed", range(60))
def test_the_classes_leave_no_harm_out(whole: Flow, seed: int) -> None:
    after, random = whole.copy(), Random(seed)  # noqa: S311 - a test has to be repeatable
    random_flows.edit(random, after)
    book = Rulebook(after.listing(), after.now)
    service = after.service
    headers = tracked_headers([book], (service.return_header, service.loop_header, service.verdict_header))
    scanner = {name for name, one in book.listing.outbound.items() if service.hosts.intersection(one.hosts)}
    classes = classes_of([book], service, after.protected)
    journey = Journey(Passage(book, headers, scanner), service, classes.returns_from)
    known = {
        (wrong[0], message.direction)
        for message in classes.messages
        for wrong in grade(journey, message, service, after.protected)
    }
    for _ in range(20):
        message = message_of(after, random_flows.mail(random, after))
        # All that random rules name is singled out.
        sender, recipient = (replace(one, named=True) for one in (message.sender, message.recipient))
        message = replace(message, sender=sender, recipient=recipient, source_named=True, forged=False)
        for wrong in grade(journey, message, service, after.protected):
            assert (wrong[0], message.direction) in known, (message, wrong)
