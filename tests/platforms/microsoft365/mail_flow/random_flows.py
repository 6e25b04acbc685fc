"""Random rules, connectors and messages, out of values that meet often."""

import ipaddress
from random import Random
from typing import Any

from infra.local.simulators.microsoft.exchange.mail.message import Mail
from tests.platforms.microsoft365.mail_flow.flow import Flow

PEOPLE = ("amber.alder@contoso.com", "coral.birch@contoso.com", "opal.elm@contoso.com", "amber.elm@sub.contoso.com")
STRANGERS = ("ann@partner.example.com", "bob@news.partner.example.com", "eve@ordinary.example.org")
SERVERS = ("192.0.2.7", "192.0.2.200", "198.51.100.33", "203.0.113.18", "203.0.113.30", "8.8.8.8")
RANGES = ("192.0.2.0/24", "192.0.2.1-192.0.2.9", "198.51.100.32/29", "203.0.113.16/28", "203.0.113.16/30", "0.0.0.0/0")
DOMAINS = ("partner.example.com", "contoso.com", "sub.contoso.com", "example.org", "example.com")
GROUPS = ("management@contoso.com", "everyone-sales@contoso.com", "project-spruce@contoso.com")
TYPES = ("OOF", "AutoForward")


def some(random: Random, values: Any, most: int = 2) -> list[Any]:
    """A few of some values."""
    return random.sample(list(values), random.randint(1, most))


def header(random: Random, flow: Flow) -> tuple[str, str]:
    """A header with a value that may be on a message."""
    service = flow.service
    return random.choice(
        [
            (service.return_header, service.return_secret), (service.loop_header.lower(), service.loop_secret),
            (service.verdict_header, service.junk_verdict), (service.loop_header, "0000"), ("X-Mark", "one"),
            ("X-Mark", "two"), ("Received", "by"),
        ]
    )  # fmt: skip


def predicates(random: Random, flow: Flow) -> dict[str, Any]:
    """One to three conditions, without a prefix."""
    name, value = header(random, flow)
    pool: list[dict[str, Any]] = [
        {"FromScope": random.choice(["InOrganization", "NotInOrganization"])},
        {"SentToScope": random.choice(["InOrganization", "NotInOrganization"])},
        {"SenderDomainIs": some(random, DOMAINS)},
        {"RecipientDomainIs": some(random, DOMAINS)},
        {"FromMemberOf": some(random, GROUPS)},
        {"SentToMemberOf": some(random, GROUPS)},
        {"From": some(random, (*PEOPLE, *STRANGERS))},
        {"SentTo": some(random, (*PEOPLE, *STRANGERS))},
        {"SenderIpRanges": some(random, RANGES)},
        {"HeaderContainsMessageHeader": name, "HeaderContainsWords": [value]},
        {"HeaderMatchesMessageHeader": name, "HeaderMatchesPatterns": [f"^{value}$"]},
        {"SubjectContainsWords": some(random, ("invoice", "hello"))},
        {"MessageSizeOver": "5MB"},
        {"MessageTypeMatches": random.choice(TYPES)},
        {"AttachmentHasExecutableContent": True},
    ]
    chosen: dict[str, Any] = {}
    for one in random.sample(pool, random.choice((1, 1, 2, 3))):
        chosen |= one
    return chosen


def actions(random: Random, flow: Flow) -> dict[str, Any]:
    """One or two actions."""
    name, value = header(random, flow)
    connectors = [one["Name"] for one in flow.tenant.outbound_connectors.values() if one["IsTransportRuleScoped"]]
    pool: list[dict[str, Any]] = [
        {"PrependSubject": "hello "}, {"SetAuditSeverity": "Low"}, {"SetSCL": random.choice((-1, 0, 5, 9))},
        {"SetHeaderName": name, "SetHeaderValue": value}, {"RemoveHeader": name}, {"Quarantine": True},
        {"DeleteMessage": True}, {"RejectMessageReasonText": "no"}, {"RedirectMessageTo": [PEOPLE[0]]},
        {"ModerateMessageByUser": [PEOPLE[0]]}, {"RouteMessageOutboundConnector": random.choice(connectors)},
    ]  # fmt: skip
    chosen: dict[str, Any] = {}
    for one in random.sample(pool, random.choice((1, 1, 2))):
        chosen |= one
    return chosen


def edit(random: Random, flow: Flow) -> None:
    """Turn a lived tenant into a random one: more rules, changed ones of ours, changed connectors."""
    for number in range(random.randint(0, 5)):
        given = predicates(random, flow) if random.random() < 0.9 else {}
        if random.random() < 0.3:
            given |= {f"ExceptIf{name}": value for name, value in predicates(random, flow).items()}
        given |= actions(random, flow)
        given |= {"StopRuleProcessing": random.random() < 0.3, "Enabled": random.random() < 0.9}
        given |= {"Mode": random.choice(("Enforce", "Enforce", "Enforce", "Audit"))}
        given |= {"SenderAddressLocation": random.choice(("Header", "Header", "Envelope", "HeaderOrEnvelope"))}
        flow.run("New-TransportRule", Name=f"R{number}", Priority=random.randint(0, len(flow.tenant.rules)), **given)
    names = [one["Name"] for one in flow.tenant.rules]
    for name in random.sample(names, random.choice((0, 0, 1, 2))):
        flow.run("Set-TransportRule", Identity=name, Priority=random.randint(0, len(names) - 1))
    connectors(random, flow)


def connectors(random: Random, flow: Flow) -> None:
    """Now and then a connector is off, locked down, for others, or new, and a domain outside counts as internal."""
    inbound = [one["Name"] for one in flow.tenant.inbound_connectors.values()]
    outbound = [one["Name"] for one in flow.tenant.outbound_connectors.values()]
    if random.random() < 0.3:
        given: dict[str, Any] = random.choice(
            [
                {"Enabled": False}, {"SenderDomains": some(random, ("*.example.com", "contoso.com", "*"))},
                {"AssociatedAcceptedDomains": ["sub.contoso.com"]}, {"TreatMessagesAsInternal": True},
                {"SenderIPAddresses": some(random, ("192.0.2.0/24", "203.0.113.16/28"))},
                {"RestrictDomainsToCertificate": True, "TlsSenderCertificateName": "mx.example.org"},
            ]
        )  # fmt: skip
        chosen = random.choice(inbound)
        kinds = {one["Name"]: one["ConnectorType"] for one in flow.tenant.inbound_connectors.values()}
        if "TreatMessagesAsInternal" not in given or kinds[chosen] == "OnPremises":
            flow.run("Set-InboundConnector", Identity=chosen, **given)
    if random.random() < 0.1:
        flow.run(
            "New-InboundConnector", Name="Only by gateway", SenderDomains=some(random, ("*", "partner.example.com")),
            SenderIPAddresses=["192.0.2.0/28"], RestrictDomainsToIPAddresses=True,
        )  # fmt: skip
    if random.random() < 0.2:
        given = random.choice(
            [
                {"Enabled": False}, {"TestMode": True}, {"UseMXRecord": True, "SmartHosts": None},
                {"IsTransportRuleScoped": False, "RecipientDomains": some(random, ("*", "*.example.com"))},
                {"TlsSettings": "DomainValidation", "TlsDomain": "relay.example.org"},
            ]
        )  # fmt: skip
        flow.run("Set-OutboundConnector", Identity=random.choice(outbound), **given)
    if random.random() < 0.1:
        flow.run("Set-HostedConnectionFilterPolicy", Identity="Default", IPBlockList=["203.0.113.18", "192.0.2.7"])
    if random.random() < 0.1:
        flow.run("New-RemoteDomain", Name="Sister", DomainName=random.choice(("*.example.com", "partner.example.com")))
        flow.run("Set-RemoteDomain", Identity=random.choice(("Sister", "Default")), IsInternal=True)


def mail(random: Random, flow: Flow) -> Mail:
    """A message from outside, from inside, or within; a few are bounces, a few forge our header."""
    inside, odd = random.random() < 0.4, random.random() < 0.3
    author = random.choice(PEOPLE if inside else (*PEOPLE[:1], *STRANGERS))
    recipient = random.choice((*PEOPLE, *STRANGERS) if inside else PEOPLE)
    headers = {"received": "from a.example.org by b.example.org"}
    if not inside and random.random() < 0.2:
        headers[flow.service.return_header.lower()] = flow.service.return_secret
    return Mail(
        author=author, recipient=recipient, envelope_sender="" if random.random() < 0.1 else author,
        server=None if inside else random.choice(SERVERS), headers=headers,
        subject=random.choice(("lunch", "hello", "your invoice") if odd else ("lunch",)),
        size=random.choice((1_000, 9_000_000) if odd else (1_000,)),
        attachments=random.choice(((), ("a.exe",)) if odd else ((),)),
        kind=random.choice((None, *TYPES) if odd else (None,)),
    )  # fmt: skip


def address(number: int) -> str:
    """An address as text."""
    return str(ipaddress.IPv4Address(number))
