"""The cmdlets about the organisation itself and about what lies in its quarantine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import cmdlet_error, invalid_argument, not_found
from infra.local.simulators.wire import Record


def get_accepted_domains(call: CmdletCall) -> list[Record]:
    """List the domains Exchange takes mail for; that a domain is verified does not make it one of them."""
    domains = call.tenant.accepted_domains
    return [call.find(domains, by=("DomainName",))] if call.given.get("Identity") else list(domains.values())


DOMAIN_SETTINGS = frozenset(
    {"DomainType", "MatchSubDomains", "OutboundOnly", "SendingFromDomainDisabled", "SendingToDomainDisabled"}
)


def set_accepted_domain(call: CmdletCall) -> list[Record]:
    """Change a domain, as learn.microsoft.com/powershell/module/exchange/set-accepteddomain says."""
    domains = call.tenant.accepted_domains
    found = call.find(domains, by=("DomainName",))
    changed = {key: value for key, value in call.given.items() if key in DOMAIN_SETTINGS and value is not None}
    domains[found["DomainName"].lower()] = {**found, **changed}
    return []


def get_organisation(call: CmdletCall) -> list[Record]:
    """Show the organisation."""
    return [call.tenant.organisation_config]


def enable_customisation(call: CmdletCall) -> list[Record]:
    """Customise the organisation. The flag flips now, writes succeed only half an hour later."""
    if not call.tenant.organisation_config["IsDehydrated"]:
        text = "This operation is not required. Organization is already enabled for customization."
        raise cmdlet_error(call.cmdlet, "System.InvalidOperationException", text)
    call.tenant.organisation_config = {**call.tenant.organisation_config, "IsDehydrated": False}
    call.tenant.hydrated_at = call.now
    return []


def get_quarantine(call: CmdletCall) -> list[Record]:
    """List quarantined messages. Pages are counted from 1; a short page is the only sign of the end."""
    given = call.given
    messages = list(call.tenant.quarantine.values())
    if identity := given.get("Identity"):
        if identity not in call.tenant.quarantine:
            raise not_found(call.cmdlet, identity)
        return [call.tenant.quarantine[identity]]
    page, size = given.get("Page") or 1, given.get("PageSize", 100)
    if not 1 <= page <= 1000 or not 0 <= size <= 1000:
        raise invalid_argument(call.cmdlet, "Page must be between 1 and 1000, and PageSize not above 1000.")
    chosen = [one for one in messages if _wanted(given, one)]
    # A page size of zero is no error: it answers nothing, and looks like an empty quarantine.
    return chosen[(page - 1) * size : page * size]


SAME = {"Type": "Type", "Direction": "Direction", "Subject": "Subject", "MessageId": "MessageId"}
ONE_OF = {
    "QuarantineTypes": "Type",
    "ReleaseStatus": "ReleaseStatus",
    "SenderAddress": "SenderAddress",
    "PolicyTypes": "PolicyType",
}


def _wanted(given: dict[str, Any], message: Record) -> bool:
    if any(given.get(name) and given[name] != message[key] for name, key in SAME.items()):
        return False
    if any(given.get(name) and message[key] not in given[name] for name, key in ONE_OF.items()):
        return False
    recipients = {one.lower() for one in message["RecipientAddress"]}
    asked = {one.lower() for one in given.get("RecipientAddress") or ()}
    if asked and not asked & recipients:
        return False
    received = _moment(message["ReceivedTime"])
    after, before = given.get("StartReceivedDate"), given.get("EndReceivedDate")
    return (not after or received >= _moment(after)) and (not before or received <= _moment(before))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def release_quarantine(call: CmdletCall) -> list[Record]:
    """Release messages to everybody or to one recipient; a second time only by force."""
    given = call.given
    chosen = list(given.get("Identities") or ()) or [given.get("Identity") or ""]
    if bool(given.get("ReleaseToAll")) == bool(given.get("User")):
        raise invalid_argument(call.cmdlet, "Specify either ReleaseToAll or User.")
    for identity in chosen:
        message = call.tenant.quarantine.get(identity)
        if message is None:
            raise not_found(call.cmdlet, identity)
        if message["ReleaseStatus"] == "Released" and not given.get("Force"):
            raise invalid_argument(call.cmdlet, f"The message '{identity}' was already released.")
    for identity in chosen:
        changed = {"ReleaseStatus": "Released", "Released": True}
        call.tenant.quarantine[identity] = {**call.tenant.quarantine[identity], **changed}
    return []


CMDLETS: dict[str, Cmdlet] = {
    "Get-AcceptedDomain": get_accepted_domains,
    "Set-AcceptedDomain": set_accepted_domain,
    "Get-OrganizationConfig": get_organisation,
    "Enable-OrganizationCustomization": enable_customisation,
    "Get-QuarantineMessage": get_quarantine,
    "Release-QuarantineMessage": release_quarantine,
}
