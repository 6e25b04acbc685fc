"""Carries a message through a tenant: in by a connector or past one, through the rules, out, and back from a scanner.

Sources: learn.microsoft.com/powershell/module/exchange/new-inboundconnector and new-outboundconnector,
learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow,
learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr/relay-access-denied-smtp.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from infra.local.simulators.microsoft.exchange.mail.message import Carried, Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.rules import Sorted, apply_rules, in_ranges
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Record

# After so many scans a message is in a loop.
MAX_SCANS = 3


def carry(tenant: Tenant, mail: Mail, scanner: Scanner, now: datetime) -> Carried:
    """Carry a message to its end: mailbox, outside, elsewhere, waits, refused, held, or again when it goes round."""
    scans, rules = 0, tuple[str, ...]()
    while True:
        refusal, from_inside = _enter(tenant, mail)
        if refusal:
            return Carried(end="refused", scans=scans, rules=rules, scl=None, mail=mail, relayed_by=refusal)
        to_inside = _domain(mail.recipient) in tenant.accepted_domains
        inner = to_inside or _counts_inside(tenant, mail)
        done = apply_rules(tenant, mail, now, from_inside=from_inside, to_inside=inner)
        rules += done.rules
        end, host = _exit(tenant, done, to_inside=to_inside)
        to_scanner = host is not None and host.lower() in scanner.hosts
        if to_scanner:
            scans += 1
            end = "again"
        if not to_scanner or scans == MAX_SCANS:
            return Carried(end=end, scans=scans, rules=rules, scl=done.scl, mail=done.mail)
        mail = dataclasses.replace(done.mail, server=scanner.address)
        if to_inside:
            for name, value in scanner.headers.items():
                mail = mail.with_header(name, value)


def _counts_inside(tenant: Tenant, mail: Mail) -> bool:
    """Tell whether rules take a recipient outside for one of the organisation, by the nearest remote domain.

    Source: learn.microsoft.com/powershell/module/exchange/set-remotedomain, IsInternal.
    """
    domain = _domain(mail.recipient)
    fitting = [one for one in tenant.remote_domains.values() if _fits(domain, one["DomainName"].lower())]
    return bool(fitting) and bool(max(fitting, key=lambda one: len(one["DomainName"]))["IsInternal"])


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _enter(tenant: Tenant, mail: Mail) -> tuple[str | None, bool]:
    """Say why a message is refused, if it is, and whether it counts as sent from inside."""
    if mail.server is None:
        closed = tenant.accepted_domains.get(_domain(mail.author), {}).get("SendingFromDomainDisabled")
        return ("sending from the domain is disabled" if closed else None), True
    if in_ranges(mail.server, tenant.connection_filter["IPBlockList"]):
        return "blocked address", False
    fitting = [
        one for one in tenant.inbound_connectors.values()
        if one["Enabled"] and any(_fits(_domain(mail.author), text) for text in one["SenderDomains"])
    ]  # fmt: skip
    by_address = [one for one in fitting if in_ranges(mail.server, one["SenderIPAddresses"])]
    for one in by_address or fitting:
        if _shuts_out(one, mail):
            return f"5.7.51 {one['Name']}", False
    own = _domain(mail.author) in tenant.accepted_domains
    servers = [one for one in by_address if one["ConnectorType"] == "OnPremises" and own and _associated(one, mail)]
    if _domain(mail.recipient) not in tenant.accepted_domains:
        return (None, True) if servers else ("5.7.64 relay access denied", False)
    scanned = any(one["ConnectorType"] == "Partner" for one in by_address)
    return None, any(one["TreatMessagesAsInternal"] or not scanned for one in servers)


def _fits(domain: str, text: str) -> bool:
    wanted = text.removeprefix("smtp:").partition(";")[0].lower()
    if wanted == "*" or wanted == domain:  # noqa: PLR1714 - three kinds of pattern, one after the other
        return True
    return wanted.startswith("*.") and domain.endswith(wanted.removeprefix("*"))


def _shuts_out(connector: Record, mail: Mail) -> bool:
    """A partner's connector refuses what does not come from its addresses, or with its certificate.

    Nobody here shows a certificate, except a sender for whom the connector was made.
    """
    named = any(
        _domain(mail.author) == text.removeprefix("smtp:").partition(";")[0] for text in connector["SenderDomains"]
    )
    if connector["ConnectorType"] != "Partner" or named:
        return False
    elsewhere = not in_ranges(mail.server, connector["SenderIPAddresses"])
    return bool(connector["RestrictDomainsToCertificate"] or (connector["RestrictDomainsToIPAddresses"] and elsewhere))


def _associated(connector: Record, mail: Mail) -> bool:
    domains = [one.lower() for one in connector["AssociatedAcceptedDomains"]]
    return not domains or _domain(mail.author) in domains


def _exit(tenant: Tenant, done: Sorted, *, to_inside: bool) -> tuple[str, str | None]:
    """Say where a message goes, and for a connector's smart host which it is."""
    if done.stopped_by:
        return done.stopped_by, None
    if done.connector is not None:
        chosen = tenant.outbound_connectors.get(done.connector)
        return ("waits", None) if chosen is None else _by(chosen, to_inside=to_inside)
    if to_inside:
        return "mailbox", None
    for one in tenant.outbound_connectors.values():
        open_to_all = one["Enabled"] and not one["TestMode"] and not one["IsTransportRuleScoped"]
        if open_to_all and any(_fits(_domain(done.mail.recipient), text) for text in one["RecipientDomains"]):
            return _by(one, to_inside=False)
    return "outside", None


def _by(connector: Record, *, to_inside: bool) -> tuple[str, str | None]:
    if not connector["Enabled"] or connector["TestMode"]:
        return "waits", None
    if connector["UseMXRecord"]:
        return ("again" if to_inside else "outside"), None
    host = connector["SmartHosts"][0]
    domain = (connector["TlsDomain"] or "").lower().removeprefix("*.")
    if (
        connector["TlsSettings"] == "DomainValidation"
        and host.lower() != domain
        and not host.lower().endswith(f".{domain}")
    ):
        return "waits", None
    return "elsewhere", host
