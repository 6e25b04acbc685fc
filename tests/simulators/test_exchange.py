"""Exchange: the envelope, parameters, error shapes, pages, connectors, lists and the organisation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.recorded_exchange import EXCEPTIONS, MORE
from tests.simulators.caller import Caller, exchange_error

INBOUND: dict[str, Any] = {"Name": "In", "SenderDomains": ["*"], "SenderIPAddresses": ["203.0.113.16/28"]}
OUTBOUND: dict[str, Any] = {
    "Name": "Out",
    "IsTransportRuleScoped": True,
    "UseMXRecord": False,
    "SmartHosts": ["in.example.net"],
    "TlsSettings": "CertificateValidation",
}
SPOOF = {
    "Identity": "Default",
    "Action": "Allow",
    "SpoofedUser": "*",
    "SendingInfrastructure": "outbound.example.net",
    "SpoofType": "External",
}


def table(**changes: list[str]) -> dict[str, Any]:
    return {"@odata.type": "#Exchange.GenericHashTable", **changes}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": None}}, {}, 400),
        ({"CmdletInput": {"CmdletName": "Get-OrganizationConfig"}}, {}, 400),
        ({"CmdletName": "Get-OrganizationConfig", "Parameters": {}}, {}, 400),
        ({"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}, "More": 1}, {}, 400),
        (
            {"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}},
            {"x_cmdletname": "Get-AcceptedDomain"},
            400,
        ),
        ({"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}}, {"x_anchormailbox": "me"}, 400),
        (
            {"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}},
            {"content_type": "text/xml"},
            415,
        ),
        ({"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {}}}, {}, 403),
        ({"CmdletInput": {"CmdletName": "New-UnifiedGroup", "Parameters": {}}}, {}, 403),
        ({"CmdletInput": {"CmdletName": "Get-RoleGroupMember", "Parameters": {"Identity": "x"}}}, {}, 501),
        ({"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}}, {}, 200),
    ],
)
def test_envelope(caller: Caller, body: Any, headers: dict[str, str], status: int) -> None:
    answer = caller.invoke(body, **headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.content == b"\0" * 4096


def test_answers_carry_annotations(caller: Caller) -> None:
    answer = caller.exchange("Get-TransportRule", ResultSize="Unlimited").json()
    assert answer["@adminapi.warnings"] == []
    row = answer["value"][0]
    assert row["Priority@data.type"] == "System.Int32"
    assert row["Conditions@odata.type"] == "#Collection(String)"
    fraction = row["WhenChanged"].rpartition(".")[2]
    assert len(fraction) == len("1234567Z")


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "kind"),
    [
        ("Get-InboundConnector", {"Bogus": 1}, "AmbiguousParameterSetException"),
        ("Get-TransportRule", {"State": "On"}, "ParameterTransformationException"),
        ("New-OutboundConnector", {**OUTBOUND, "Enabled": "$true"}, "ParameterTransformationException"),
        (
            "New-OutboundConnector",
            {**OUTBOUND, "MtaStsMode": "o", "SmtpDaneMode": "x"},
            "ParameterTransformationException",
        ),
        ("New-InboundConnector", {"Name": "In"}, "ParameterBindingException"),
        ("New-OutboundConnector", {**OUTBOUND, "Name": "x" * 65}, "ArgumentException"),
        ("New-OutboundConnector", {**OUTBOUND, "SmartHosts": None}, "ArgumentException"),
        ("New-OutboundConnector", {**OUTBOUND, "TlsDomain": "example.net"}, "ArgumentException"),
        ("New-OutboundConnector", {**OUTBOUND, "Name": "To the archive"}, "ADObjectAlreadyExistsException"),
        ("New-InboundConnector", {**INBOUND, "SenderIPAddresses": ["203.0.0.0/16"]}, "ArgumentException"),
        ("New-InboundConnector", {**INBOUND, "SenderIPAddresses": ["2001:db8::1"]}, "ArgumentException"),
        ("Get-InboundConnector", {"Identity": "nobody"}, "ManagementObjectNotFoundException"),
        ("Set-OutboundConnector", {"Identity": "nobody"}, "ManagementObjectNotFoundException"),
        ("Remove-InboundConnector", {"Identity": "nobody", "Confirm": False}, "ManagementObjectNotFoundException"),
        ("New-TenantAllowBlockListSpoofItems", {**SPOOF, "SendingInfrastructure": "*"}, "ArgumentException"),
        ("New-TenantAllowBlockListSpoofItems", {**SPOOF, "Identity": "x"}, "ManagementObjectNotFoundException"),
    ],
)
def test_refusals_hide_the_truth_in_the_inner_error(
    caller: Caller, cmdlet: str, parameters: dict[str, Any], kind: str
) -> None:
    before = caller.snapshot()
    answer = caller.exchange(cmdlet, **parameters)
    assert answer.status_code in (400, 404, 500)
    outer = answer.json()["error"]
    assert outer["message"] in ("Invalid Operation", "Error executing cmdlet")
    assert exchange_error(answer)[0] == kind
    assert outer["details"][0]["message"].split("|")[1].endswith(kind)
    assert caller.snapshot() == before


def test_not_found_comes_with_different_statuses(caller: Caller) -> None:
    statuses = [
        caller.exchange(f"{verb}-TransportRule", Identity="nobody", **more).status_code
        for verb, more in (("Get", {}), ("Set", {}), ("Remove", {"Confirm": False}))
    ]
    assert statuses == [404, 400, 500]


def test_the_beginning_of_a_value_is_enough(caller: Caller) -> None:
    caller.exchange("New-OutboundConnector", **{**OUTBOUND, "TlsSettings": "cert", "ConnectorType": "Par"})
    made = caller.values("Get-OutboundConnector", Identity="Out")[0]
    assert (made["TlsSettings"], made["ConnectorType"]) == ("CertificateValidation", "Partner")
    # A wrong value passes for another one and finds nothing.
    assert caller.values("Get-QuarantineMessage", Type="File") == []


def test_connectors_from_making_to_removal(caller: Caller) -> None:
    before = caller.snapshot()
    made = caller.values("New-InboundConnector", **INBOUND)[0]
    assert made["SenderDomains"] == ["smtp:*;1"]
    assert caller.values("Set-InboundConnector", Identity="In", Comment="ours") == []
    assert caller.values("Get-InboundConnector", Identity=made["Guid"])[0]["Comment"] == "ours"
    caller.values("New-OutboundConnector", **OUTBOUND, TestMode=True)
    assert len(caller.values("Get-OutboundConnector")) == 1
    assert len(caller.values("Get-OutboundConnector", IncludeTestModeConnectors=True)) == 2
    asked = caller.exchange("Remove-InboundConnector", Identity="In").json()
    assert "@adminapi.confirmationmessage" in asked
    assert len(caller.values("Get-InboundConnector")) == 3
    caller.values("Remove-InboundConnector", Identity="In", Confirm=False)
    caller.values("Remove-OutboundConnector", Identity="Out", Confirm=False)
    assert caller.snapshot() == before


def test_a_connector_may_be_made_switched_off(caller: Caller) -> None:
    caller.behave(onprem_connector_disabled=True)
    answer = caller.exchange("New-InboundConnector", **INBOUND, ConnectorType="OnPremises").json()
    assert answer["value"][0]["Enabled"] is False
    (warning,) = answer["@adminapi.warnings"]
    assert "is created in a disabled state" in warning
    assert caller.exchange("Set-InboundConnector", Identity="In", Enabled=True).status_code == 400


def test_a_bare_list_overwrites_and_a_table_changes_elements(caller: Caller) -> None:
    policy = {"Identity": "Default"}
    own = caller.values("Get-HostedConnectionFilterPolicy")[0]["IPAllowList"]
    add = table(Add=["198.51.100.32/29"])
    assert caller.values("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=add) == []
    assert caller.values("Get-HostedConnectionFilterPolicy")[0]["IPAllowList"] == [*own, "198.51.100.32/29"]
    assert caller.exchange("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=add).status_code == 400
    remove = table(remove=["198.51.100.32/29"])
    caller.values("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=remove)
    assert caller.exchange("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=remove).status_code == 400
    assert caller.values("Get-HostedConnectionFilterPolicy")[0]["IPAllowList"] == own
    untyped = {"Add": ["192.0.2.99"]}
    kind, _ = exchange_error(caller.exchange("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=untyped))
    assert kind == "ParameterTransformationException"
    for wrong in (["10.0.0.0/8"], ["2001:db8::/64"], ["192.0.2.1-192.0.4.1"], ["nothing"]):
        assert caller.exchange("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=wrong).status_code == 400
    caller.values("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=["192.0.2.99"])
    assert caller.values("Get-HostedConnectionFilterPolicy")[0]["IPAllowList"] == ["192.0.2.99"]
    caller.values("Set-HostedConnectionFilterPolicy", **policy, IPAllowList=None)
    assert caller.values("Get-HostedConnectionFilterPolicy")[0]["IPAllowList"] == []


def test_spoof_entries(caller: Caller) -> None:
    before = caller.snapshot()
    made = caller.values("New-TenantAllowBlockListSpoofItems", **SPOOF)[0]
    assert exchange_error(caller.exchange("New-TenantAllowBlockListSpoofItems", **SPOOF))[0].startswith("ADObject")
    assert len(caller.values("Get-TenantAllowBlockListSpoofItems", SpoofType="External")) == 2
    chosen: dict[str, Any] = {"Identity": "contoso.com\\Default", "Ids": [made["Identity"]]}
    caller.values("Set-TenantAllowBlockListSpoofItems", **chosen, Action="Block")
    assert len(caller.values("Get-TenantAllowBlockListSpoofItems", Action="Block")) == 2
    caller.values("Remove-TenantAllowBlockListSpoofItems", **chosen, Confirm=False)
    assert caller.snapshot() == before
    caller.behave(spoof_not_created=True)
    assert caller.values("New-TenantAllowBlockListSpoofItems", **SPOOF)[0]["SpoofedUser"] == "*"
    assert caller.snapshot() == before


def test_the_flag_flips_long_before_writes_succeed(caller: Caller) -> None:
    caller.behave(dehydrated=True)
    assert caller.values("Get-OrganizationConfig")[0]["IsDehydrated"] is True
    kind = "InvalidOperationInDehydratedContextException"
    assert exchange_error(caller.exchange("New-InboundConnector", **INBOUND))[0] == kind
    caller.values("Enable-OrganizationCustomization")
    assert caller.values("Get-OrganizationConfig")[0]["IsDehydrated"] is False
    assert exchange_error(caller.exchange("New-InboundConnector", **INBOUND))[0] == kind
    caller.advance(1801)
    caller.values("New-InboundConnector", **INBOUND)
    assert caller.exchange("Enable-OrganizationCustomization").status_code == 400


def test_what_decides_is_said_by_the_recorded_names(caller: Caller) -> None:
    def meant(cmdlet: str, **parameters: Any) -> str:
        return EXCEPTIONS[exchange_error(caller.exchange(cmdlet, **parameters))[0]]

    assert meant("Get-InboundConnector", Identity="nobody") == "not_found"
    assert meant("Get-InboundConnector", Bogus="x") == "our_request_refused"
    caller.values("New-InboundConnector", **INBOUND)
    assert meant("New-InboundConnector", **INBOUND) == "already_exists"
    caller.behave(dehydrated=True)
    assert meant("New-InboundConnector", **INBOUND | {"Name": "Another"}) == "organisation_dehydrated"


def test_truncation_is_silent_but_for_a_link_and_a_warning(caller: Caller) -> None:
    caller.behave(exchange_page_size=3)
    body = {"CmdletInput": {"CmdletName": "Get-TransportRule", "Parameters": {"ResultSize": "Unlimited"}}}
    first = caller.invoke(body).json()
    assert len(first["value"]) == 3
    assert first["@adminapi.warnings"] == [MORE]
    link = first["@odata.nextLink"]
    assert len(caller.invoke(body, link).json()["value"]) == 1
    other = {"CmdletInput": {"CmdletName": "Get-TransportRule", "Parameters": {}}}
    assert caller.invoke(other, link).status_code == 400
    caller.advance(1801)
    expired = caller.invoke(body, link)
    assert "Default Expiry time is 00:30:00" in expired.json()["error"]["message"]
    caller.behave(exchange_page_size=1000)
    assert len(caller.invoke(body, Prefer="odata.maxpagesize=2").json()["value"]) == 2
    assert len(caller.values("Get-TransportRule", ResultSize=2)) == 2
    url = f"{caller.exchange_url}/adminapi/v1.0/{caller.tenant}/InvokeCommand?$select=Name,Guid"
    assert set(caller.invoke(body, url).json()["value"][0]) == {"Name", "Guid"}


def test_quarantine_pages(caller: Caller) -> None:
    assert caller.values("Get-QuarantineMessage", PageSize=0) == []
    pages = [len(caller.values("Get-QuarantineMessage", PageSize=3, Page=page)) for page in (1, 2, 3, 4)]
    assert pages == [3, 3, 1, 0]
    one = caller.values("Get-QuarantineMessage", QuarantineTypes=["Malware"])[0]
    caller.values("Release-QuarantineMessage", Identity=one["Identity"], ReleaseToAll=True)
    assert len(caller.values("Get-QuarantineMessage", ReleaseStatus=["NotReleased"])) == 6
    again = caller.exchange("Release-QuarantineMessage", Identity=one["Identity"], ReleaseToAll=True)
    assert again.status_code == 400


def test_the_customers_administrator_is_not_asked_to_confirm(caller: Caller) -> None:
    body = {"CmdletName": "Remove-TransportRule", "Parameters": {"Identity": "Old footer"}}
    caller.of_tenant("cmdlet", body)
    assert "Old footer" not in {one["Name"] for one in caller.values("Get-TransportRule")}
