"""The tenant's mail flow as it is listed: rules, connectors, domains, lists, groups and MX, typed.

The records are those of `Get-TransportRule`, `Get-InboundConnector`, `Get-OutboundConnector` (with
`IncludeTestModeConnectors`), `Get-AcceptedDomain`, `Get-HostedConnectionFilterPolicy`,
`Get-TenantAllowBlockListSpoofItems` and `Get-RemoteDomain`, under the cmdlets' own names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.platforms.microsoft365.mail_flow.parameters import (
    ACTION_CLASSES,
    ACTIONS,
    PREDICATE_CLASSES,
    PREDICATES,
    is_set,
)
from shared.platforms.microsoft365.mail_flow.ranges import Ranges, ranges

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One transport rule. Conditions, exceptions and actions bear the names of the cmdlet's parameters.

    `by_primary`: recipients are known by their primary address alone, and not by each that they have.
    `strange` are the classes of predicates and actions that this model has never heard of.
    """

    id: str
    name: str
    conditions: Mapping[str, Any]
    exceptions: Mapping[str, Any]
    actions: Mapping[str, Any]
    strange: frozenset[str]
    stops: bool
    enforced: bool
    begins: datetime | None
    ends: datetime | None
    sender_is: str
    by_primary: bool
    on_error: str

    def acts_at(self, moment: datetime) -> bool:
        """Whether it does anything then: on, enforced, begun and not expired."""
        begun = self.begins is None or self.begins <= moment
        return self.enforced and begun and (self.ends is None or moment < self.ends)


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """One inbound connector."""

    id: str
    name: str
    enabled: bool
    partner: bool
    domains: tuple[str, ...]
    addresses: Ranges
    only_addresses: bool
    only_certificate: bool
    certificate: str
    requires_tls: bool
    internal: bool
    keeps_headers: bool
    skips_last: bool
    skips: Ranges
    skips_for: frozenset[str]
    skips_in_test: bool
    for_domains: frozenset[str]
    organisations: bool
    reserved: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """One outbound connector; `settings` holds what decides besides where it leads."""

    id: str
    name: str
    enabled: bool
    scoped: bool
    hosts: tuple[str, ...]
    domains: tuple[str, ...]
    settings: Record


@dataclass(frozen=True, kw_only=True)
class SpoofItem:
    """One pair of the allow/block list for spoofed senders; `addresses` are those of a sender without a PTR record."""

    user: str
    sender: str
    addresses: Ranges
    internal: bool
    allows: bool


@dataclass(frozen=True, kw_only=True)
class RemoteDomain:
    """What holds of mail from and to a domain outside, `*` or `*.example.com` too.

    `internal`: rules take its recipients for the organisation's. `trusted`: what comes from it passes the filter.
    Source: learn.microsoft.com/powershell/module/exchange/set-remotedomain (IsInternal, TrustedMailInboundEnabled).
    """

    name: str
    internal: bool
    trusted: bool


NO_REMOTE_DOMAIN = RemoteDomain(name="*", internal=False, trusted=False)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A tenant's mail flow at one moment.

    `groups` maps each way to name a group, in small letters, to the primary addresses of all its members, however
    deep; a group whose members could not be listed maps to None, and one that is not in the map does not exist. `mx`
    maps a domain to its mail exchangers by preference, and to None where DNS did not answer.
    """

    rules: tuple[Rule, ...]
    inbound: tuple[Inbound, ...]
    outbound: Mapping[str, Outbound]
    domains: Mapping[str, Record]
    allowed: Ranges
    blocked: Ranges
    spoof: tuple[SpoofItem, ...]
    mx: Mapping[str, Sequence[str] | None]
    groups: Mapping[str, frozenset[str] | None]
    remote: Mapping[str, RemoteDomain]

    def remote_for(self, domain: str) -> RemoteDomain:
        """The settings for a domain outside: its own, those of the nearest domain above it, or those for all."""
        labels = domain.split(".")
        names = [domain, *(f"*.{'.'.join(labels[place:])}" for place in range(len(labels))), "*"]
        return next((self.remote[name] for name in names if name in self.remote), NO_REMOTE_DOMAIN)


def read(
    *, rules: Iterable[Record], inbound: Iterable[Record], outbound: Iterable[Record], domains: Iterable[Record],
    connection_filter: Record, spoof: Iterable[Record], mx: Mapping[str, Sequence[str] | None],
    groups: Mapping[str, frozenset[str] | None], remote: Iterable[Record] = (),
) -> Listing:  # fmt: skip
    """Read complete listings. Raises ValueError where a record is not what the cmdlet documents."""
    connectors = [_outbound(record) for record in outbound]
    return Listing(
        rules=tuple(_rule(record) for record in sorted(rules, key=lambda record: int(record["Priority"]))),
        inbound=tuple(_inbound(record) for record in inbound),
        outbound={name.lower(): one for one in connectors for name in (one.name, one.id)},
        domains={
            str(record["DomainName"]).lower(): record for record in domains if not record.get("PendingRemoval")
        },
        allowed=ranges(connection_filter.get("IPAllowList") or ()),
        blocked=ranges(connection_filter.get("IPBlockList") or ()),
        spoof=tuple(_spoof(record) for record in spoof),
        mx={name.lower(): hosts for name, hosts in mx.items()},
        groups={
            name.lower(): None if members is None else frozenset(one.lower() for one in members)
            for name, members in groups.items()
        },
        remote={one.name: one for one in map(_remote, remote)},
    )  # fmt: skip


def _held(record: Record, names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    return {name: value for name in names if is_set(value := record.get(prefix + name))}


def _rule(record: Record) -> Rule:
    classes = [*(record.get("Conditions") or ()), *(record.get("Exceptions") or ())]
    strange = {name for one in classes if (name := _class(one, "Predicate")) not in PREDICATE_CLASSES}
    acts = {name for one in record.get("Actions") or () if (name := _class(one, "Action")) not in ACTION_CLASSES}
    return Rule(
        id=record["Guid"],
        name=record["Name"],
        conditions=_held(record, PREDICATES),
        exceptions=_held(record, PREDICATES, "ExceptIf"),
        actions=_held(record, ACTIONS),
        strange=frozenset(strange | acts),
        stops=bool(record.get("StopRuleProcessing")),
        enforced=record["State"] == "Enabled" and record["Mode"] == "Enforce",
        begins=_moment(record.get("ActivationDate")),
        ends=_moment(record.get("ExpiryDate")),
        sender_is=record.get("SenderAddressLocation") or "Header",
        by_primary=record.get("RecipientAddressType") == "Original",
        on_error=record.get("RuleErrorAction") or "Ignore",
    )


def _class(name: str, suffix: str) -> str:
    return name.rpartition(".")[2].removesuffix(suffix)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inbound(record: Record) -> Inbound:
    return Inbound(
        id=record["Guid"],
        name=record["Name"],
        enabled=bool(record["Enabled"]),
        partner=record["ConnectorType"] == "Partner",
        domains=tuple(
            str(one).lower().removeprefix("smtp:").partition(";")[0] for one in record.get("SenderDomains") or ()
        ),
        addresses=ranges(record.get("SenderIPAddresses") or ()),
        only_addresses=bool(record.get("RestrictDomainsToIPAddresses")),
        only_certificate=bool(record.get("RestrictDomainsToCertificate")),
        certificate=str(record.get("TlsSenderCertificateName") or "").lower(),
        requires_tls=bool(record.get("RequireTls")),
        internal=bool(record.get("TreatMessagesAsInternal")),
        keeps_headers=bool(record.get("CloudServicesMailEnabled")),
        skips_last=bool(record.get("EFSkipLastIP")),
        skips=ranges(record.get("EFSkipIPs") or ()),
        skips_for=frozenset(str(one).lower() for one in record.get("EFUsers") or ()),
        skips_in_test=bool(record.get("EFTestMode")),
        for_domains=frozenset(str(one).lower() for one in record.get("AssociatedAcceptedDomains") or ()),
        organisations=bool(record.get("TrustedOrganizations")),
        reserved=frozenset(name for name in ("EFSkipMailGateway", "ScanAndDropRecipients") if record.get(name)),
    )  # fmt: skip


def _outbound(record: Record) -> Outbound:
    return Outbound(
        id=record["Guid"],
        name=record["Name"],
        enabled=bool(record["Enabled"]) and not record.get("TestMode"),
        scoped=bool(record.get("IsTransportRuleScoped")),
        hosts=() if record.get("UseMXRecord") else tuple(str(one).lower() for one in record.get("SmartHosts") or ()),
        domains=tuple(str(one).lower() for one in record.get("RecipientDomains") or ()),
        settings=record,
    )


def _spoof(record: Record) -> SpoofItem:
    sender = str(record["SendingInfrastructure"]).lower()
    return SpoofItem(
        user=str(record["SpoofedUser"]).lower(),
        sender=sender,
        addresses=ranges([sender] if "/" in sender else ()),
        internal=record["SpoofType"] == "Internal",
        allows=record["Action"] == "Allow",
    )


def _remote(record: Record) -> RemoteDomain:
    return RemoteDomain(
        name=str(record["DomainName"]).lower(),
        internal=bool(record.get("IsInternal")),
        trusted=bool(record.get("TrustedMailInboundEnabled")),
    )
