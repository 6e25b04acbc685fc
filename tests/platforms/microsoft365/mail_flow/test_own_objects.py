"""What edits of the service's own rules, connectors, list entries and groups do to the mail."""

from datetime import timedelta
from typing import Any

import pytest

from shared.engine.effects import Effect
from shared.platforms.microsoft365.mail_flow.message import Direction
from tests.platforms.microsoft365.mail_flow.flow import (
    BACK_IN,
    BACK_OUT,
    IN_DOMAIN,
    IN_USER,
    JUNK,
    OUT_DOMAIN,
    SKIP,
    TO_SCANNER_IN,
    TO_SCANNER_OUT,
    Flow,
    effects,
    findings,
)

UNSCANNED, BOUNCED, TWICE = Effect.UNSCANNED, Effect.BOUNCED_OR_DELAYED, Effect.SCANNED_TWICE_OR_LOOP
FILTERED, TRUSTED, MISJUDGED = Effect.FILTERED_TWICE, Effect.TRUSTED_WITHOUT_US, Effect.RETURNED_MISJUDGED
UNKNOWN = Effect.UNKNOWN

RULES: list[tuple[str, dict[str, Any], set[Effect]]] = [
    (IN_DOMAIN, {"Mode": "AuditAndNotify"}, {UNSCANNED}),
    (IN_DOMAIN, {"ExceptIfFrom": ["ann@supplier.example.org"]}, {UNSCANNED}),
    (IN_DOMAIN, {"ExceptIfSenderIpRanges": ["192.0.2.0/24"]}, {UNSCANNED}),
    (IN_DOMAIN, {"HasNoClassification": True}, {UNSCANNED}),
    (IN_DOMAIN, {"RecipientDomainIs": ["sub.contoso.com"]}, {UNSCANNED}),
    (IN_DOMAIN, {"FromScope": "InOrganization"}, {UNSCANNED}),
    (IN_DOMAIN, {"RouteMessageOutboundConnector": None}, {UNSCANNED}),
    (IN_DOMAIN, {"RouteMessageOutboundConnector": "To the archive"}, {UNSCANNED}),
    (IN_DOMAIN, {"Quarantine": True}, {BOUNCED}),
    (IN_DOMAIN, {"ExceptIfHeaderContainsMessageHeader": None, "ExceptIfHeaderContainsWords": None}, {TWICE}),
    (
        IN_DOMAIN,
        {"ExceptIfHeaderContainsMessageHeader": "Received", "ExceptIfHeaderContainsWords": ["by"]},
        {UNSCANNED},
    ),
    (IN_DOMAIN, {"StopRuleProcessing": False}, {UNKNOWN}),
    (IN_DOMAIN, {"RuleErrorAction": "Defer"}, {UNKNOWN}),
    (OUT_DOMAIN, {"ExceptIfSentTo": ["ann@supplier.example.org"]}, {UNSCANNED}),
    (OUT_DOMAIN, {"SetHeaderName": None, "SetHeaderValue": None}, {TWICE}),
    (OUT_DOMAIN, {"SenderAddressLocation": "HeaderOrEnvelope"}, set()),
    (OUT_DOMAIN, {"SenderAddressLocation": "Envelope"}, {UNKNOWN}),
    (SKIP, {"SenderIpRanges": None}, {TRUSTED}),
    (SKIP, {"SetSCL": 7}, {MISJUDGED}),
    (SKIP, {"RemoveHeader": None}, {TRUSTED}),
    (JUNK, {"SetSCL": -1}, {TRUSTED}),
    (JUNK, {"Mode": "Audit"}, {FILTERED, TRUSTED}),
    (IN_DOMAIN, {"Comments": "theirs", "SetAuditSeverity": "Low"}, set()),
    (OUT_DOMAIN, {"Name": "Scanner", "Priority": 0}, set()),
    (IN_DOMAIN, {"RecipientDomainIs": ["CONTOSO.COM", "contoso.onmicrosoft.com"]}, set()),
    (JUNK, {"SenderIpRanges": ["198.51.100.32-198.51.100.39", "203.0.113.16/29", "203.0.113.24/29"]}, set()),
]  # fmt: skip


def _named(part: object) -> str:
    # A set's own order differs between the processes that share the tests.
    return "+".join(sorted(part)) if isinstance(part, set) else str(part)[:60]


@pytest.mark.parametrize(("rule", "given", "wanted"), RULES, ids=_named)
def test_an_edit_of_our_rule(whole: Flow, rule: str, given: dict[str, Any], wanted: set[Effect]) -> None:
    after = whole.copy()
    after.run("Set-TransportRule", Identity=rule, **given)
    assert effects(whole, after) == wanted


def test_our_rule_off_gone_or_ending_soon(whole: Flow) -> None:
    soon = (whole.now + timedelta(hours=20)).isoformat()
    for cmdlet, more in (
        ("Disable-TransportRule", {}),
        ("Remove-TransportRule", {}),
        ("Set-TransportRule", {"ExpiryDate": soon}),
    ):
        after = whole.copy()
        after.run(cmdlet, Identity=OUT_DOMAIN, **more)
        (found,) = findings(whole, after)
        assert (found.effect, found.direction, found.share) == (UNSCANNED, Direction.OUTGOING, "all")


def test_an_exception_by_content_touches_some(whole: Flow) -> None:
    after = whole.copy()
    after.run("Set-TransportRule", Identity=IN_DOMAIN, ExceptIfSubjectContainsWords=["urgent"])
    assert [(one.effect, one.share) for one in findings(whole, after)] == [(UNSCANNED, "some")]


def test_our_rule_below_the_one_that_takes_our_header_off(whole: Flow) -> None:
    after = whole.copy()
    after.run("Set-TransportRule", Identity=IN_DOMAIN, Priority=len(after.tenant.rules) - 1)
    assert effects(whole, after) == {TWICE}


OUTBOUND: list[tuple[str, dict[str, Any], set[Effect]]] = [
    (TO_SCANNER_IN, {"Enabled": False}, {BOUNCED}),
    (TO_SCANNER_OUT, {"TestMode": True}, {BOUNCED}),
    (TO_SCANNER_OUT, {"UseMXRecord": True, "SmartHosts": None}, {UNSCANNED}),
    (TO_SCANNER_IN, {"UseMXRecord": True, "SmartHosts": None}, {TWICE}),
    (TO_SCANNER_IN, {"SmartHosts": ["mx.elsewhere.example.org"]}, {UNSCANNED}),
    (TO_SCANNER_IN, {"TlsSettings": "DomainValidation", "TlsDomain": "elsewhere.example.org"}, {BOUNCED}),
    (TO_SCANNER_OUT, {"IsTransportRuleScoped": False, "RecipientDomains": ["*"]}, {TWICE}),
    (TO_SCANNER_IN, {"CloudServicesMailEnabled": True}, {UNKNOWN}),
    (TO_SCANNER_IN, {"SmtpDaneMode": "Mandatory"}, {UNKNOWN}),
    (TO_SCANNER_OUT, {"ConnectorType": "OnPremises"}, {UNKNOWN}),
    (TO_SCANNER_OUT, {"Name": "Scanner", "Comment": "x", "IsValidated": False}, set()),
]


@pytest.mark.parametrize(("connector", "given", "wanted"), OUTBOUND, ids=_named)
def test_an_edit_of_our_outbound_connector(
    whole: Flow, connector: str, given: dict[str, Any], wanted: set[Effect]
) -> None:
    after = whole.copy()
    after.run("Set-OutboundConnector", Identity=connector, **given)
    assert effects(whole, after) == wanted


INBOUND: list[tuple[str, dict[str, Any], set[Effect]]] = [
    (BACK_IN, {"Enabled": False}, {MISJUDGED}),
    (BACK_IN, {"EFSkipLastIP": False}, {MISJUDGED}),
    (BACK_IN, {"EFSkipLastIP": False, "EFSkipIPs": ["198.51.100.32/29", "203.0.113.16/28"]}, set()),
    (BACK_IN, {"EFUsers": ["amber.alder@contoso.com"]}, {MISJUDGED}),
    (BACK_IN, {"EFTestMode": True}, {UNKNOWN}),
    (BACK_IN, {"SenderIPAddresses": ["203.0.113.16/28"]}, {MISJUDGED}),
    (BACK_IN, {"RestrictDomainsToIPAddresses": True}, {BOUNCED}),
    (BACK_OUT, {"Enabled": False}, {BOUNCED}),
    (BACK_OUT, {"ConnectorType": "Partner"}, {BOUNCED}),
    (BACK_OUT, {"AssociatedAcceptedDomains": ["sub.contoso.com"]}, {BOUNCED}),
    (BACK_OUT, {"SenderDomains": ["sub.contoso.com"]}, {BOUNCED}),
    (BACK_OUT, {"TreatMessagesAsInternal": True}, {TRUSTED}),
    (BACK_OUT, {"CloudServicesMailEnabled": True}, {UNKNOWN}),
    (BACK_OUT, {"SenderIPAddresses": ["198.51.100.32/29", "203.0.113.16/28", "192.0.2.99"]}, {TRUSTED}),
    (BACK_IN, {"SenderIPAddresses": ["203.0.113.16/29", "203.0.113.24/29", "198.51.100.32/29"]}, set()),
    (BACK_IN, {"RequireTls": False, "Comment": "x"}, set()),
]


@pytest.mark.parametrize(("connector", "given", "wanted"), INBOUND, ids=_named)
def test_an_edit_of_our_inbound_connector(
    whole: Flow, connector: str, given: dict[str, Any], wanted: set[Effect]
) -> None:
    after = whole.copy()
    after.run("Set-InboundConnector", Identity=connector, **given)
    assert effects(whole, after) == wanted


def test_members_of_our_group_that_are_gone(some: Flow) -> None:
    after = some.copy()
    group = after.group("incoming")
    after.tenant.members[group] = frozenset(sorted(after.tenant.members[group])[1:])
    (found,) = findings(some, after)
    assert (found.effect, found.share, found.people) == (UNSCANNED, "some", 1)


def test_a_deleted_group_makes_its_rule_idle(some: Flow) -> None:
    after = some.copy()
    del after.tenant.groups[after.group("outgoing")]
    (found,) = findings(some, after)
    assert (found.effect, found.direction, found.share, found.people) == (UNSCANNED, Direction.OUTGOING, "all", 3)


def test_another_group_in_our_rule(some: Flow) -> None:
    after = some.copy()
    after.run("Set-TransportRule", Identity=IN_USER, SentToMemberOf=["everyone-sales@contoso.com"])
    assert UNSCANNED in effects(some, after)
