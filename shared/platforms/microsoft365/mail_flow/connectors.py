"""How a message enters Exchange Online, and where it goes when it leaves.

What nobody documents is a doubt. Sources are at the functions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.platforms.microsoft365.mail_flow.listing import Inbound, Listing, Outbound
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.service import Service

# How the mail exchangers of Exchange Online end, the second one with DNSSEC; the others are those of the United States
# government's cloud and of the one in China.
EXCHANGE = (
    ".mail.protection.outlook.com",
    ".mx.microsoft",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How a message came in. `sees_sender`: the filter judges the true sender's address, not the last hop's."""

    refused: bool = False
    from_inside: bool = False
    internal: bool = False
    as_service: bool = False
    sees_sender: bool = False
    doubts: frozenset[str] = frozenset()


def is_for(domain: str, patterns: Iterable[str]) -> bool:
    """Whether a connector's domains mean one: `*`, `*.example.com` or the domain itself."""
    return any(one in ("*", domain) or (one.startswith("*.") and domain.endswith(one[1:])) for one in patterns)


def arrive(listing: Listing, service: Service, message: Message) -> Arrival:
    """The way in for a message from a server.

    An inbound connector that lists the server's address is used. Of the others a partner's connector for the sender's
    domain refuses what does not come as it asks (550 5.7.51). A server may relay to the outside only through a
    connector for the organisation's own server, from a domain of the organisation (550 5.7.64); with associated
    accepted domains, only from those.
    Sources: learn.microsoft.com/powershell/module/exchange/new-inboundconnector,
    learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow,
    learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr/relay-access-denied-smtp,
    learn.microsoft.com/defender-office-365/connection-filter-policies-configure (blocked addresses).
    """
    source = message.source
    if source is None:
        return Arrival(from_inside=True, refused=_closed(listing, message.sender.domain, "SendingFromDomainDisabled"))
    ours = source in service.egress
    usable = [one for one in listing.inbound if one.enabled and is_for(message.sender.domain, one.domains)]
    matched = [one for one in usable if source in one.addresses]
    own = message.sender.domain in listing.domains
    servers = [
        one for one in matched
        if not one.partner and own and (not one.for_domains or message.sender.domain in one.for_domains)
    ]  # fmt: skip
    refused = source in listing.blocked or any(_locked(one, message, source) for one in (matched or usable))
    if message.direction is Direction.OUTGOING:
        refused = refused or not servers
    partners = [one for one in matched if one.partner]
    as_service = [one for one in matched if one.addresses.touches(service.egress)]
    trusting = [one for one in as_service if not one.partner or _sees_sender(one, message, source)]
    return Arrival(
        refused=refused,
        from_inside=_from_inside(message, servers, partners),
        internal=any(one.internal for one in matched),
        as_service=bool(trusting) and not ours,
        sees_sender=any(_sees_sender(one, message, source) for one in partners),
        doubts=frozenset((*_arrival_doubts(as_service), *_spoof_doubts(listing, message, source)) if ours else ()),
    )


def _from_inside(message: Message, servers: Sequence[Inbound], partners: Sequence[Inbound]) -> bool:
    """Mail of the organisation's domains by its own server comes from inside; to its own people only if no partner's
    connector is for the same address, as ours for incoming mail is, or if the server's one says so."""
    if message.direction is Direction.OUTGOING:
        return bool(servers)
    return any(one.internal or not partners for one in servers)


def _locked(connector: Inbound, message: Message, source: int) -> bool:
    if message.sender.domain in connector.domains or not connector.partner:
        return False  # a sender for whom a connector was made comes as it asks
    return connector.only_certificate or (connector.only_addresses and source not in connector.addresses)


def _closed(listing: Listing, domain: str, switch: str) -> bool:
    return bool(listing.domains.get(domain, {}).get(switch))


def _sees_sender(connector: Inbound, message: Message, source: int) -> bool:
    """Enhanced filtering: skip the last address, or those listed; for some recipients only, if any are named.

    Source: learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow,
    enhanced-filtering-for-connectors.
    """
    skips = connector.skips_last or source in connector.skips
    return skips and (not connector.skips_for or message.recipient.address in connector.skips_for)


def _arrival_doubts(connectors: Iterable[Inbound]) -> Iterable[str]:
    """What is reserved for Microsoft's own use has no documented effect. A connector for mail between two organisations
    of Microsoft 365 is documented to use no other parameter."""
    for one in connectors:
        if one.organisations:
            yield f"“{one.name}” is for mail between two organisations of Microsoft 365"
        if one.keeps_headers:
            yield f"“{one.name}” keeps the headers of a hybrid organisation"
        if one.skips_in_test:
            yield f"“{one.name}” tests enhanced filtering"
        for name in sorted(one.reserved):
            yield f"“{one.name}” has {name}, which is for Microsoft's own use"


def _spoof_doubts(listing: Listing, message: Message, source: int) -> Iterable[str]:
    """A blocked pair with a network means servers without a PTR record, and nobody says what ours have at any time.

    Source: learn.microsoft.com/defender-office-365/tenant-allow-block-list-email-spoof-configure.
    """
    for item in listing.spoof:
        user = item.user == "*" or item.user.rpartition("@")[2] == message.sender.domain
        if user and not item.allows and source in item.addresses:
            yield f"mail from {item.sender} is blocked as forged if its server has no PTR record"


class Place(StrEnum):
    """Where a message goes next."""

    SCANNER = "scanner"
    ELSEWHERE = "elsewhere"
    MAILBOX = "mailbox"
    OUTSIDE = "outside"
    BACK = "back"
    WAITS = "waits"


def leave(
    listing: Listing, service: Service, message: Message, route: str | None
) -> tuple[dict[Place, bool], set[str]]:
    """Where a message goes after the rules, with whether all of it goes there, and what cannot be told.

    A rule's connector wins over all others. Without one mail for mailboxes is delivered, and what goes outside takes
    a connector for its recipient's domain, or else the recipient's MX. A message waits for a connector that is off or
    whose host cannot prove its name.
    Source: learn.microsoft.com/powershell/module/exchange/new-outboundconnector.
    """
    if route is not None:
        connector = listing.outbound.get(route)
        if connector is None:
            return {Place.WAITS: True}, {"a rule's connector does not exist"}
        return _through(connector, service, message, by_rule=True)
    connectors = {id(one): one for one in listing.outbound.values()}.values()
    if message.direction is not Direction.OUTGOING:
        doubts = {
            f"“{one.name}” is for all accepted domains"
            for one in connectors
            if one.enabled and not one.scoped and one.settings.get("AllAcceptedDomains")
        }
        return {Place.MAILBOX: True}, doubts
    for connector in connectors:
        if connector.enabled and not connector.scoped and is_for(message.recipient.domain, connector.domains):
            return _through(connector, service, message, by_rule=False)
    return {Place.OUTSIDE: True}, set()


def _through(
    connector: Outbound, service: Service, message: Message, *, by_rule: bool
) -> tuple[dict[Place, bool], set[str]]:
    doubts = set(_departure_doubts(connector, service, by_rule=by_rule))
    if not connector.enabled or _cannot_prove(connector):
        return {Place.WAITS: True}, doubts
    if not connector.hosts:
        return {Place.BACK if message.direction is not Direction.OUTGOING else Place.OUTSIDE: True}, doubts
    ours = service.hosts.intersection(connector.hosts)
    if ours and service.host_for(message.direction) not in ours:
        doubts.add(f"“{connector.name}” leads to the service's host for other mail")
    places = {Place.SCANNER if one in ours else Place.ELSEWHERE for one in connector.hosts}
    return {place: len(places) == 1 for place in places}, doubts


def _cannot_prove(connector: Outbound) -> bool:
    """`DomainValidation` asks for a certificate of `TlsDomain`, which a host of another domain has not."""
    settings = connector.settings
    domain = str(settings.get("TlsDomain") or "").lower().removeprefix("*.")
    wanted = settings.get("TlsSettings") == "DomainValidation" and bool(connector.hosts)
    return wanted and not any(host == domain or host.endswith(f".{domain}") for host in connector.hosts)


DOUBTFUL = {
    "RouteAllMessagesViaOnPremises": "leads through the organisation's own servers",
    "SenderRewritingEnabled": "rewrites senders",
    "CloudServicesMailEnabled": "keeps the headers of a hybrid organisation",
    "AllAcceptedDomains": "is for all accepted domains",
}


def _departure_doubts(connector: Outbound, service: Service, *, by_rule: bool) -> Iterable[str]:
    if not by_rule and not connector.settings.get("RouteAllMessagesViaOnPremises"):
        return
    if by_rule and not service.hosts.intersection(connector.hosts):
        return
    for name, effect in DOUBTFUL.items():
        if connector.settings.get(name):
            yield f"“{connector.name}” {effect}"
    if connector.settings.get("ConnectorType") != "Partner":
        yield f"“{connector.name}” is for the organisation's own servers"
    if connector.settings.get("SmtpDaneMode") == "Mandatory":
        yield f"“{connector.name}” delays mail for a host without DANE records"
    if by_rule and not connector.scoped and not connector.domains:
        yield f"“{connector.name}” is not for rules any more"
