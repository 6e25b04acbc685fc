"""The cmdlets of inbound and outbound connectors."""

from __future__ import annotations

import ipaddress
from typing import Any

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import invalid_argument
from infra.local.simulators.microsoft.exchange.parameters import ListChange
from infra.local.simulators.wire import Record

MADE_DISABLED = (
    "Inbound connector for this service offering is created in a disabled state. Contact Support to enable it."
)
INBOUND: Record = {
    "Enabled": True,
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "Comment": "",
    "SenderIPAddresses": (),
    "SenderDomains": (),
    "TrustedOrganizations": (),
    "ClientHostNames": (),
    "AssociatedAcceptedDomains": (),
    "RequireTls": True,
    "RestrictDomainsToIPAddresses": False,
    "RestrictDomainsToCertificate": False,
    "CloudServicesMailEnabled": False,
    "TreatMessagesAsInternal": False,
    "TlsSenderCertificateName": None,
    "EFTestMode": False,
    "ScanAndDropRecipients": (),
    "EFSkipLastIP": False,
    "EFSkipIPs": (),
    "EFSkipMailGateway": (),
    "EFUsers": (),
    "AdminDisplayName": "",
    "IsValid": True,
}
OUTBOUND: Record = {
    "Enabled": True,
    "UseMXRecord": True,
    "Comment": "",
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "RecipientDomains": (),
    "SmartHosts": (),
    "TlsDomain": None,
    "TlsSettings": None,
    "IsTransportRuleScoped": False,
    "RouteAllMessagesViaOnPremises": False,
    "CloudServicesMailEnabled": False,
    "AllAcceptedDomains": False,
    "SenderRewritingEnabled": False,
    "MtaStsMode": "Opportunistic",
    "SmtpDaneMode": "Opportunistic",
    "TestMode": False,
    "ValidationRecipients": (),
    "IsValidated": False,
    "LastValidationTimestamp": "",
    "AdminDisplayName": "",
    "IsValid": True,
}
NOT_STORED = frozenset({"Identity", "Confirm", "WhatIf", "LinkForModifiedConnector"})


def _changed(call: CmdletCall, record: Record) -> dict[str, Any]:
    """Return a record with the given parameters applied; an omitted one leaves what is there."""
    result = dict(record)
    for name, value in call.given.items():
        if name in NOT_STORED:
            continue
        if isinstance(value, tuple | ListChange) or isinstance(record.get(name), tuple):
            given = _sender_domains(value) if name == "SenderDomains" else value
            result[name] = call.listed(record.get(name, ()), given)
        else:
            result[name] = value
    result["WhenChangedUTC"] = call.stamps()["WhenChangedUTC"]
    result["Identity"] = result["Name"]
    return result


def _sender_domains(value: Any) -> Any:
    """Sender domains are kept, and come back, as `smtp:<domain>;<cost>`."""
    if isinstance(value, ListChange):
        return ListChange(add=_sender_domains(value.add), remove=_sender_domains(value.remove))
    return None if value is None else tuple(_sender_domain(one) for one in value)


def _sender_domain(text: str) -> str:
    domain = text.lower().removeprefix("smtp:").partition(";")[0]
    return f"smtp:{domain};{text.partition(';')[2] or '1'}"


def _check_inbound(call: CmdletCall, record: Record) -> None:
    for text in record["SenderIPAddresses"]:
        if not narrow_ipv4(text):
            problem = f"The IP address '{text}' isn't valid: IPv4 addresses and ranges of /24 to /32 only."
            raise invalid_argument(call.cmdlet, problem)
    if not record["SenderDomains"]:
        raise invalid_argument(call.cmdlet, "You must specify a value for the SenderDomains parameter.")
    if record["RestrictDomainsToIPAddresses"] and not record["SenderIPAddresses"]:
        raise invalid_argument(call.cmdlet, "RestrictDomainsToIPAddresses needs SenderIPAddresses.")
    if record["RestrictDomainsToCertificate"] and not record["TlsSenderCertificateName"]:
        raise invalid_argument(call.cmdlet, "RestrictDomainsToCertificate needs TlsSenderCertificateName.")
    if record["TreatMessagesAsInternal"] and record["ConnectorType"] != "OnPremises":
        raise invalid_argument(call.cmdlet, "TreatMessagesAsInternal is only for connectors of type OnPremises.")
    off = call.tenant.behaviour.onprem_connector_disabled and record["ConnectorType"] == "OnPremises"
    if off and call.given.get("Enabled") and call.cmdlet.startswith("Set-"):
        problem = "For this service offering, you can't enable an inbound connector. Contact Support to enable it."
        raise invalid_argument(call.cmdlet, problem)


def _check_outbound(call: CmdletCall, record: Record) -> None:
    if not record["UseMXRecord"] and not record["SmartHosts"]:
        raise invalid_argument(call.cmdlet, "SmartHosts must be specified when UseMXRecord is set to false.")
    if record["UseMXRecord"] and record["SmartHosts"]:
        raise invalid_argument(call.cmdlet, "SmartHosts can't be specified when UseMXRecord is set to true.")
    if record["TlsDomain"] and record["TlsSettings"] != "DomainValidation":
        raise invalid_argument(call.cmdlet, "TlsDomain is only valid when TlsSettings is DomainValidation.")
    if record["TlsSettings"] == "DomainValidation" and not record["TlsDomain"]:
        raise invalid_argument(call.cmdlet, "TlsDomain must be specified when TlsSettings is DomainValidation.")


def narrow_ipv4(text: str) -> bool:
    """Tell whether a text is an IPv4 address or a range of at most 256 of them."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return network.prefixlen >= 24


def _new(call: CmdletCall, records: dict[str, Record], defaults: Record) -> dict[str, Any]:
    call.refuse_while_dehydrated()
    name = call.given["Name"]
    if len(name) > 64:
        raise invalid_argument(call.cmdlet, f"The name is {len(name)} characters long; the maximum is 64.")
    call.refuse_taken_name(records.values(), name)
    made = {**defaults, "Name": name, "Identity": name, "Guid": "", **call.stamps()}
    return _changed(call, made)


def _store(call: CmdletCall, records: dict[str, Record], record: dict[str, Any]) -> list[Record]:
    record["Guid"] = record["Guid"] or call.tenant.new_id()
    records[record["Guid"]] = record
    return [record]


def new_inbound(call: CmdletCall) -> list[Record]:
    """Make an inbound connector; in some tenants one from the own server is made disabled, with a warning.

    The warning's wording: Microsoft's page inbound-connector-faq. Developer tenants do not even get the warning.
    """
    records = call.tenant.inbound_connectors
    record = _new(call, records, INBOUND)
    _check_inbound(call, record)
    if call.tenant.behaviour.onprem_connector_disabled and record["ConnectorType"] == "OnPremises":
        record["Enabled"] = False
        call.warnings.append(MADE_DISABLED)
    return _store(call, records, record)


def new_outbound(call: CmdletCall) -> list[Record]:
    """Make an outbound connector."""
    records = call.tenant.outbound_connectors
    record = _new(call, records, OUTBOUND)
    _check_outbound(call, record)
    return _store(call, records, record)


def _set(call: CmdletCall, records: dict[str, Record]) -> dict[str, Any]:
    call.refuse_while_dehydrated()
    record = call.find(records)
    if call.given.get("Name"):
        call.refuse_taken_name(records.values(), call.given["Name"], record["Guid"])
    return _changed(call, record)


def set_inbound(call: CmdletCall) -> list[Record]:
    """Change an inbound connector."""
    record = _set(call, call.tenant.inbound_connectors)
    _check_inbound(call, record)
    _store(call, call.tenant.inbound_connectors, record)
    return []


def set_outbound(call: CmdletCall) -> list[Record]:
    """Change an outbound connector."""
    record = _set(call, call.tenant.outbound_connectors)
    _check_outbound(call, record)
    _store(call, call.tenant.outbound_connectors, record)
    return []


def get_inbound(call: CmdletCall) -> list[Record]:
    """List inbound connectors, or show one."""
    records = call.tenant.inbound_connectors
    return [call.find(records)] if call.given.get("Identity") else list(records.values())


def get_outbound(call: CmdletCall) -> list[Record]:
    """List outbound connectors; those in test mode only when asked for."""
    records = call.tenant.outbound_connectors
    found = [call.find(records)] if call.given.get("Identity") else list(records.values())
    if not call.given.get("IncludeTestModeConnectors"):
        found = [one for one in found if not one["TestMode"]]
    scoped = call.given.get("IsTransportRuleScoped")
    return [one for one in found if scoped is None or one["IsTransportRuleScoped"] == scoped]


def remove_inbound(call: CmdletCall) -> list[Record]:
    """Remove an inbound connector."""
    call.refuse_while_dehydrated()
    del call.tenant.inbound_connectors[call.find(call.tenant.inbound_connectors)["Guid"]]
    return []


def remove_outbound(call: CmdletCall) -> list[Record]:
    """Remove an outbound connector; one that a rule still routes to may be refused."""
    call.refuse_while_dehydrated()
    record = call.find(call.tenant.outbound_connectors)
    naming = [one["Name"] for one in call.tenant.rules if one.get("RouteMessageOutboundConnector") == record["Guid"]]
    if naming and call.tenant.behaviour.referenced_connector_refused:
        text = f"The connector '{record['Name']}' is used by the transport rules {', '.join(naming)}."
        raise invalid_argument(call.cmdlet, text)
    del call.tenant.outbound_connectors[record["Guid"]]
    return []


CMDLETS: dict[str, Cmdlet] = {
    "New-InboundConnector": new_inbound,
    "Set-InboundConnector": set_inbound,
    "Get-InboundConnector": get_inbound,
    "Remove-InboundConnector": remove_inbound,
    "New-OutboundConnector": new_outbound,
    "Set-OutboundConnector": set_outbound,
    "Get-OutboundConnector": get_outbound,
    "Remove-OutboundConnector": remove_outbound,
}
