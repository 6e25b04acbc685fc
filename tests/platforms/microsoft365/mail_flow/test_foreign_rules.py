"""What rules of the customer's own do to the mail that the service is to scan."""

from datetime import timedelta
from typing import Any

import pytest

from infra.local.simulators.microsoft.exchange.mail.message import Mail
from shared.engine.effects import Effect
from shared.platforms.microsoft365.mail_flow.grading import Leg
from shared.platforms.microsoft365.mail_flow.message import Direction
from tests.platforms.microsoft365.mail_flow.flow import JUNK, OUT_DOMAIN, Flow, effects, findings

FROM_OUTSIDE: dict[str, Any] = {"FromScope": "NotInOrganization"}
GOING_OUT: dict[str, Any] = {"FromScope": "InOrganization", "SentToScope": "NotInOrganization"}
TAG = {"SetHeaderName": "X-Tag", "SetHeaderValue": "yes"}
ENDS = {"StopRuleProcessing": True}
LEGAL: dict[str, Any] = {"BlindCopyTo": ["legal@contoso.com"]}
IN, OUT = Direction.INCOMING, Direction.OUTGOING

STOPS: list[tuple[str, dict[str, Any], Direction, str, int | None]] = [
    ("all from outside", FROM_OUTSIDE | TAG | ENDS, IN, "all", None),
    ("all to outside", GOING_OUT | TAG | ENDS, OUT, "all", None),
    ("one sender", {"From": ["ann@supplier.example.org"]} | TAG | ENDS, IN, "some", None),
    ("one sending domain", {"SenderDomainIs": ["supplier.example.org"], "SetSCL": -1} | ENDS, IN, "some", None),
    ("one server", {"SenderIpRanges": ["192.0.2.55"]} | TAG | ENDS, IN, "some", None),
    ("one recipient", {"SentTo": ["coral.birch@contoso.com"]} | FROM_OUTSIDE | TAG | ENDS, IN, "some", 1),
    ("members of a group", {"SentToMemberOf": ["management@contoso.com"]} | TAG | ENDS, IN, "some", 4),
    ("what a group sends", {"FromMemberOf": ["management@contoso.com"]} | TAG | ENDS, OUT, "some", 4),
    ("to a partner", {"RecipientDomainIs": ["supplier.example.org"]} | TAG | ENDS, OUT, "some", None),
    ("some content", {"SubjectContainsWords": ["newsletter"]} | FROM_OUTSIDE | TAG | ENDS, IN, "some", None),
    ("another gateway", FROM_OUTSIDE | {"RouteMessageOutboundConnector": "To the archive"} | ENDS, IN, "all", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "direction", "share", "people"), [one[1:] for one in STOPS], ids=[s[0] for s in STOPS]
)
def test_a_rule_that_stops_before_ours_leaves_mail_unscanned(
    whole: Flow, given: dict[str, Any], direction: Direction, share: str, people: int | None
) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=0, **given)
    found = [one for one in findings(whole, after) if one.direction is direction]
    assert [(one.effect, one.leg, one.share, one.people) for one in found] == [
        (Effect.UNSCANNED, Leg.FIRST, share, people)
    ]


def test_a_rule_for_a_domain_elsewhere_stops_what_is_sent_there_and_nothing_that_comes_in(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Guests", RecipientDomainIs=["guests.example.org"], Priority=0, **TAG, **ENDS)
    assert [(one.effect, one.direction, one.share) for one in findings(whole, after)] == [
        (Effect.UNSCANNED, OUT, "some")
    ]
    author = "coral.birch@contoso.com"
    for recipient, scans in (("ann@guests.example.org", 0), ("ann@supplier.example.org", 1)):
        sent = Mail(author=author, envelope_sender=author, recipient=recipient)
        assert after.carry(sent, address="198.51.100.10").scans == scans


def test_a_rule_between_ours_stops_only_what_comes_after_it(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=after.place(OUT_DOMAIN), **TAG, **ENDS)
    assert {(one.effect, one.direction) for one in findings(whole, after)} >= {(Effect.UNSCANNED, OUT)}
    assert (Effect.UNSCANNED, IN) not in {(one.effect, one.direction) for one in findings(whole, after)}


def test_returned_mail_that_never_reaches_our_last_rules_is_filtered_again(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=after.place(JUNK), **FROM_OUTSIDE, **TAG, **ENDS)
    assert effects(whole, after) == {Effect.FILTERED_TWICE, Effect.TRUSTED_WITHOUT_US}


@pytest.mark.parametrize(
    "ending",
    [
        {"DeleteMessage": True},
        {"Quarantine": True},
        {"RejectMessageReasonText": "no"},
        {"RedirectMessageTo": ["amber.alder@contoso.com"]},
        {"ModerateMessageByUser": ["amber.alder@contoso.com"]},
    ],
    ids=lambda ending: next(iter(ending)),
)
def test_a_rule_that_ends_all_mail_from_outside_bounces_or_delays_it(whole: Flow, ending: dict[str, Any]) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=0, **FROM_OUTSIDE, **ending)
    assert effects(whole, after) == {Effect.BOUNCED_OR_DELAYED}


def test_a_rule_against_our_addresses_hits_returned_mail(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Relay", Priority=0, SenderIpRanges=["198.51.100.0/24"], DeleteMessage=True)
    found = findings(whole, after)
    assert {one.effect for one in found} == {Effect.BOUNCED_OR_DELAYED}
    assert {(one.leg, one.share) for one in found} == {(Leg.RETURNED, "some")}  # the other range is still let in


def test_rules_that_play_with_our_headers(whole: Flow) -> None:
    service = whole.service
    returned = {"SetHeaderName": service.return_header, "SetHeaderValue": service.return_secret}
    junk = {"SetHeaderName": service.verdict_header, "SetHeaderValue": service.junk_verdict}
    wanted = [
        ({"RemoveHeader": service.return_header} | FROM_OUTSIDE, Effect.SCANNED_TWICE_OR_LOOP),
        ({"RemoveHeader": service.loop_header} | GOING_OUT, Effect.SCANNED_TWICE_OR_LOOP),
        ({"SetHeaderName": service.loop_header, "SetHeaderValue": service.loop_secret} | GOING_OUT, Effect.UNSCANNED),
        (returned | FROM_OUTSIDE, Effect.UNSCANNED),
        ({"RemoveHeader": service.verdict_header} | FROM_OUTSIDE, Effect.TRUSTED_WITHOUT_US),
        (junk | FROM_OUTSIDE, Effect.RETURNED_MISJUDGED),
    ]  # fmt: skip
    for given, effect in wanted:
        after = whole.copy()
        after.run("New-TransportRule", Name="Theirs", Priority=0, **given)
        assert effects(whole, after) == {effect}, given


@pytest.mark.parametrize(
    ("scl", "effect"), [(-1, Effect.TRUSTED_WITHOUT_US), (9, Effect.RETURNED_MISJUDGED), (0, Effect.FILTERED_TWICE)]
)
def test_the_last_scl_counts(whole: Flow, scl: int, effect: Effect) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", SetSCL=scl, **FROM_OUTSIDE)
    assert effects(whole, after) == {effect}


@pytest.mark.parametrize(
    "given",
    [
        {"PrependSubject": "[out] "} | FROM_OUTSIDE,
        {"SetAuditSeverity": "Low"} | FROM_OUTSIDE,
        {"ApplyClassification": "internal"} | GOING_OUT,
        TAG | FROM_OUTSIDE,
        {"RouteMessageOutboundRequireTls": True} | GOING_OUT,
    ],
    ids=lambda given: next(iter(given)),
)
@pytest.mark.parametrize("first", [True, False], ids=["before ours", "after ours"])
def test_what_goes_on_and_leaves_our_headers_alone_is_harmless(whole: Flow, given: dict[str, Any], first: bool) -> None:  # noqa: FBT001 - pytest gives it
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", **given, **({"Priority": 0} if first else {}))
    assert effects(whole, after) == set()


def test_what_is_not_in_force_is_harmless(whole: Flow) -> None:
    later = (whole.now + timedelta(days=200)).isoformat()
    earlier = (whole.now - timedelta(days=200)).isoformat()
    for given in ({"Enabled": False}, {"Mode": "Audit"}, {"ActivationDate": later}, {"ExpiryDate": earlier}):
        after = whole.copy()
        after.run("New-TransportRule", Name="Theirs", Priority=0, **FROM_OUTSIDE, DeleteMessage=True, **given)
        assert effects(whole, after) == set(), given


def test_what_begins_tonight_is_told_today(whole: Flow) -> None:
    after = whole.copy()
    tonight = (whole.now + timedelta(hours=9)).isoformat()
    after.run(
        "New-TransportRule", Name="Theirs", Priority=0, ActivationDate=tonight, DeleteMessage=True, **FROM_OUTSIDE
    )
    assert effects(whole, after) == {Effect.BOUNCED_OR_DELAYED}


@pytest.mark.parametrize(
    "given",
    [
        {"SenderDomainIs": ["nuisance.example.org"], "DeleteMessage": True},
        {"SubjectMatchesPatterns": ["^prize"], "Quarantine": True},
        {"AttachmentHasExecutableContent": True, "RejectMessageReasonText": "no"},
        {"MessageTypeMatches": "AutoForward", "RejectMessageReasonText": "no"} | GOING_OUT,
        {"SubjectContainsWords": ["contract"]} | GOING_OUT | LEGAL,
        {"FromScope": "InOrganization", "SentToScope": "InOrganization", "StopRuleProcessing": True} | TAG,
    ],
    ids=["a sender", "a subject", "programs", "forwarded mail", "copies by content", "mail within"],
)
def test_what_the_customer_wishes_for_single_mail_is_harmless(whole: Flow, given: dict[str, Any]) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=0, **given)
    assert effects(whole, after) == set()


@pytest.mark.parametrize(
    "given", [LEGAL | FROM_OUTSIDE, {"ApplyOME": True} | GOING_OUT, {"CopyTo": ["a@contoso.com"]} | GOING_OUT],
    ids=["blind copies", "encryption", "copies"],
)  # fmt: skip
def test_copies_and_encryption_before_the_scan_are_unknown(whole: Flow, given: dict[str, Any]) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Theirs", Priority=0, **given)
    (found,) = findings(whole, after)
    assert found.effect is Effect.UNKNOWN
    assert "Theirs" in found.reasons[0]


def test_their_rules_may_be_moved_renamed_and_switched(whole: Flow) -> None:
    for cmdlet, given in (
        ("Set-TransportRule", {"Identity": "Mark mail from outside", "Priority": 0}),
        ("Set-TransportRule", {"Identity": "Mark mail from outside", "Name": "Marks", "Comments": "in May"}),
        ("Disable-TransportRule", {"Identity": "Block executables"}),
        ("Enable-TransportRule", {"Identity": "Old footer"}),
        ("Remove-TransportRule", {"Identity": "Archive the management"}),
    ):
        after = whole.copy()
        after.run(cmdlet, **given)
        assert effects(whole, after) == set(), given
