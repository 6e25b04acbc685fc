"""Transport rules: order, pairs, groups and connectors they name, and rules without conditions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.simulators.caller import Caller, exchange_error

NAMESPACE = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"


def names(caller: Caller) -> list[str]:
    rules = caller.values("Get-TransportRule", ResultSize="Unlimited")
    assert [one["Priority"] for one in rules] == list(range(len(rules)))
    return [one["Name"] for one in rules]


def rule(caller: Caller, name: str) -> dict[str, Any]:
    return caller.values("Get-TransportRule", Identity=name)[0]


def test_priority_is_a_place(caller: Caller) -> None:
    before, own = caller.snapshot(), names(caller)
    caller.values("New-TransportRule", Name="A", SetSCL=-1, Priority=0)
    caller.values("New-TransportRule", Name="B", SetSCL=-1)
    assert names(caller) == ["A", *own, "B"]
    caller.values("Set-TransportRule", Identity="B", Priority=1)
    assert names(caller) == ["A", "B", *own]
    assert caller.exchange("New-TransportRule", Name="C", SetSCL=-1, Priority=9).status_code == 500
    caller.values("Remove-TransportRule", Identity="A", Confirm=False)
    assert names(caller) == ["B", *own]
    caller.values("Remove-TransportRule", Identity="B", Confirm=False)
    assert caller.snapshot() == before


def test_what_a_rule_shows(caller: Caller) -> None:
    made = caller.values(
        "New-TransportRule",
        Name="R",
        FromScope="NotInOrganization",
        RecipientDomainIs=["contoso.com"],
        ExceptIfHeaderContainsMessageHeader="X-Loop",
        ExceptIfHeaderContainsWords=["abc"],
        ExceptIfSenderIpRanges=["203.0.113.16/28"],
        RouteMessageOutboundConnector="To the archive",
        SetHeaderName="X-Loop",
        SetHeaderValue="abc",
        StopRuleProcessing=True,
        Enabled=False,
    )[0]
    assert made["State"] == "Disabled"
    assert made["Conditions"] == [f"{NAMESPACE}.FromScopePredicate", f"{NAMESPACE}.RecipientDomainIsPredicate"]
    assert made["Exceptions"] == [f"{NAMESPACE}.HeaderContainsPredicate", f"{NAMESPACE}.SenderIpRangesPredicate"]
    assert made["Actions"] == [f"{NAMESPACE}.RouteMessageOutboundConnectorAction", f"{NAMESPACE}.SetHeaderAction"]
    assert (made["Mode"], made["SentToMemberOf"], made["Quarantine"]) == ("Enforce", None, False)
    assert made["RouteMessageOutboundConnector"] == "To the archive"
    assert caller.values("Enable-TransportRule", Identity="R", Mode="Audit") == []
    assert (rule(caller, "R")["State"], rule(caller, "R")["Mode"]) == ("Enabled", "Audit")
    caller.values("Disable-TransportRule", Identity="R")
    found = caller.values("Get-TransportRule", State="Disabled", Filter="Name -like 'R*'")
    assert [one["Name"] for one in found] == ["R"]


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"HeaderContainsMessageHeader": "X"}, "ParameterBindingException"),
        ({"SetHeaderName": "X"}, "ParameterBindingException"),
        ({"SetHeaderName": "X", "SetHeaderValue": None}, "ParameterBindingException"),
        ({"SentToMemberOf": ["nobody@contoso.com"]}, "ManagementObjectNotFoundException"),
        ({"FromMemberOf": ["Finance"]}, "ManagementObjectNotFoundException"),
        ({"RouteMessageOutboundConnector": "nobody"}, "ManagementObjectNotFoundException"),
        ({"SetSCL": 10}, "ArgumentException"),
        ({"SenderIpRanges": ["no range"]}, "ArgumentException"),
        ({"Name": "Old footer"}, "ADObjectAlreadyExistsException"),
        ({"DlpPolicy": "x"}, "AmbiguousParameterSetException"),
        ({"Comments": "x" * 1025}, "ArgumentException"),
    ],
)
def test_refusals(caller: Caller, parameters: dict[str, Any], kind: str) -> None:
    before = caller.snapshot()
    answer = caller.exchange("New-TransportRule", **{"Name": "R", "FromScope": "InOrganization", **parameters})
    assert exchange_error(answer)[0] == kind
    assert caller.snapshot() == before


def test_set_has_no_enabled_and_null_clears(caller: Caller) -> None:
    caller.values("New-TransportRule", Name="R", FromScope="InOrganization", SetSCL=-1)
    assert exchange_error(caller.exchange("Set-TransportRule", Identity="R", Enabled=False))[0].startswith("Ambiguous")
    caller.values("Set-TransportRule", Identity="R", FromScope=None, Name="S")
    # Nothing warns that the rule now applies to all mail.
    assert rule(caller, "S")["Conditions"] is None
    caller.values("New-TransportRule", Name="T", SetSCL=-1)
    assert rule(caller, "T")["Conditions"] is None


def test_a_group_must_have_reached_exchange_and_may_dangle_later(caller: Caller) -> None:
    group = caller.new_group()
    wanted = {"Name": "R", "SentToMemberOf": [group["mail"]], "SetSCL": -1}
    assert exchange_error(caller.exchange("New-TransportRule", **wanted))[0] == "ManagementObjectNotFoundException"
    caller.advance(31)
    caller.values("New-TransportRule", **wanted)
    assert rule(caller, "R")["SentToMemberOf"] == [group["mail"]]
    caller.graph("DELETE", f"/groups/{group['id']}")
    assert rule(caller, "R")["SentToMemberOf"] == [group["id"]]
    assert rule(caller, "R")["State"] == "Enabled"


def test_a_name_that_two_groups_have_means_none(caller: Caller) -> None:
    name = "TMCAS Inline Incoming O365 Virtual Group"
    caller.new_group(displayName=name)
    caller.advance(31)
    answer = caller.exchange("New-TransportRule", Name="R", SentToMemberOf=[name], SetSCL=-1)
    assert exchange_error(answer)[0] == "ManagementObjectAmbiguousException"


def test_a_connector_that_a_rule_names(caller: Caller) -> None:
    refused = caller.exchange("Remove-OutboundConnector", Identity="To the archive", Confirm=False)
    assert "Archive the management" in exchange_error(refused)[1]
    caller.values("Set-OutboundConnector", Identity="To the archive", IsTransportRuleScoped=False)
    wanted = {"Name": "R", "FromScope": "InOrganization", "RouteMessageOutboundConnector": "To the archive"}
    assert exchange_error(caller.exchange("New-TransportRule", **wanted))[0] == "ArgumentException"
    caller.behave(referenced_connector_refused=False)
    caller.values("Remove-OutboundConnector", Identity="To the archive", Confirm=False)


def test_a_rule_has_a_size(caller: Caller) -> None:
    domains = [f"brand-{number:03}.example.com" for number in range(400)]
    answer = caller.exchange("New-TransportRule", Name="Large", RecipientDomainIs=domains, SetSCL=-1)
    assert re.search(r"too large\. It has \d+ characters and the maximum number of characters is 8192", answer.text)
    caller.values("New-TransportRule", Name="Large", RecipientDomainIs=domains[:300], SetSCL=-1)
    answer = caller.exchange("Set-TransportRule", Identity="Large", RecipientDomainIs=domains)
    assert (answer.status_code, "too large" in answer.text) == (400, True)
    assert len(rule(caller, "Large")["RecipientDomainIs"]) == 300


@pytest.mark.parametrize(("name", "most"), [("Name", 64), ("Comments", 1024)])
def test_texts_have_a_length(caller: Caller, name: str, most: int) -> None:
    caller.values("New-TransportRule", **{"Name": "A", "SetSCL": -1, name: "n" * most})
    answer = caller.exchange("New-TransportRule", **{"Name": "B", "SetSCL": -1, name: "m" * (most + 1)})
    assert f"The maximum length is {most}" in answer.text


def test_a_tenant_has_300_rules_at_most(caller: Caller) -> None:
    for number in range(len(names(caller)), 300):
        caller.values("New-TransportRule", Name=f"Rule {number}", SetSCL=-1)
    assert "300 transport rules" in caller.exchange("New-TransportRule", Name="One more", SetSCL=-1).text
