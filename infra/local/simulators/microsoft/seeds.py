"""Contoso, small and full of exceptions, and Fabrikam, large and regular. All names are invented."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from infra.local.simulators.microsoft.domains import domain
from infra.local.simulators.microsoft.graph.directory import user
from infra.local.simulators.microsoft.seeding import Seed
from infra.local.simulators.microsoft.tenant import Tenant
from shared.foundation.brand import Brand

CONTOSO = "aaaa1111-0000-4000-8000-00000000c0de"
FABRIKAM = "bbbb2222-0000-4000-8000-00000000fab0"
FABRIKAM_USERS = 20_000
FABRIKAM_GROUPS = 300
FAMILY = "Alder Birch Cedar Elm Fir Hazel Juniper Larch Maple Oak".split()  # noqa: SIM905 (one name a line would hide the list)
GIVEN = "Amber Coral Jade Opal".split()  # noqa: SIM905 (one name a line would hide the list)


def tenants(now: datetime, brand: Brand) -> list[Tenant]:
    """Return both customers as they are before anything happens to them."""
    return [contoso(now, brand), fabrikam(now)]


def contoso(now: datetime, brand: Brand) -> Tenant:
    """Return the customer with one of everything that could go wrong."""
    moment = now - timedelta(hours=6)
    initial = "contoso.onmicrosoft.com"
    seed = Seed(CONTOSO, "Contoso", initial, ("contoso.com", "sub.contoso.com"), moment)
    tenant = seed.tenant
    # Verified in the directory, and Exchange takes no mail for it.
    tenant.domains["contoso.example.net"] = domain("contoso.example.net")
    people = [f"{given} {family}" for given in GIVEN for family in FAMILY]
    keys = []
    for number, name in enumerate(people):
        given, _, family = name.partition(" ")
        alias = f"{given}.{family}".lower()
        home = "sub.contoso.com" if number % 7 == 3 else "contoso.com"
        address: str | None = f"{alias}@{home}"
        sign_in = f"{alias}@{home}"
        fields = {"displayName": name, "givenName": given, "surname": family}
        if number in (36, 37):  # guests
            address = f"{alias}@example.com"
            sign_in = f"{alias}_example.com#EXT#@{initial}"
            fields["userType"] = "Guest"
        elif number in (38, 39):  # without a mailbox
            address = None
        made = user(
            seed.key(f"user {alias}"),
            **fields,
            userPrincipalName=sign_in,
            mail=address,
            accountEnabled=number not in (33, 34, 35),
        )
        if address is not None and number % 5 == 0:
            made = {**made, "proxyAddresses": [*made["proxyAddresses"], f"smtp:{alias}@{initial}"]}
        tenant.users[made["id"]] = made
        keys.append(made["id"])
    tenant.users = dict(sorted(tenant.users.items()))
    _contoso_groups(seed, keys, brand)
    _contoso_mail_flow(seed)
    seed.administrator()
    return tenant


def _contoso_groups(seed: Seed, users: list[str], brand: Brand) -> None:
    security = {"groupTypes": [], "mailEnabled": False, "securityEnabled": True, "visibility": None}
    listed = {"groupTypes": [], "mailEnabled": True, "securityEnabled": False, "visibility": None}
    warehouse = seed.group("warehouse", "Warehouse", users[20:26], **security)
    seed.group("logistics", "Logistics", [*users[18:22], warehouse], **security)
    seed.group("management", "Management", users[:4], **(listed | {"securityEnabled": True}))
    seed.group("everyone-sales", "Sales", users[4:12], **listed)
    seed.group("project-spruce", "Project Spruce", users[8:16])
    seed.group("empty-security", "Former Staff", [], **security)
    seed.group("finance", "Finance", users[12:18], **security)
    # The customer's own, and by accident or design named like the one the service makes.
    seed.group(f"{brand.word.lower()}-own", brand.group_incoming, users[30:32])


def _contoso_mail_flow(seed: Seed) -> None:
    seed.inbound(
        "From the print room",
        ConnectorType="OnPremises",
        ConnectorSource="AdminUI",
        SenderDomains=("smtp:*;1",),
        SenderIPAddresses=("192.0.2.10",),
        RequireTls=False,
    )
    seed.inbound(
        "From the payroll partner",
        SenderDomains=("smtp:payroll.example.com;1",),
        RestrictDomainsToCertificate=True,
        TlsSenderCertificateName="mail.payroll.example.com",
    )
    seed.outbound(
        "To the archive",
        UseMXRecord=False,
        SmartHosts=("archive.example.com",),
        TlsSettings="EncryptionOnly",
        IsTransportRuleScoped=True,
    )
    archive = seed.key("connector To the archive")
    seed.rule("Mark mail from outside", FromScope="NotInOrganization", PrependSubject="[external] ")
    seed.rule(
        "Archive the management", FromMemberOf=(seed.key("group management"),), RouteMessageOutboundConnector=archive
    )
    seed.rule(
        "Block executables",
        AttachmentHasExecutableContent=True,
        ExceptIfSenderDomainIs=("payroll.example.com",),
        Quarantine=True,
        StopRuleProcessing=True,
    )
    seed.rule(
        "Old footer", SentToScope="NotInOrganization", SetHeaderName="X-Footer", SetHeaderValue="2019", State="Disabled"
    )
    seed.tenant.connection_filter = {
        **seed.tenant.connection_filter,
        "AdminDisplayName": "Set up by hand",
        # The second is also one of the service's own ranges, and was here first.
        "IPAllowList": ("192.0.2.10", "203.0.113.16/28", "192.0.2.128/25"),
        "IPBlockList": ("198.51.100.200",),
    }
    seed.spoof("newsletter@contoso.com", "mailer.example.com", "Internal", "Allow")
    seed.spoof("*", "forged.example.com", "External", "Block")
    kinds = ("Spam", "Phish", "HighConfPhish", "Malware", "TransportRule", "Bulk", "Spam")
    for number, kind in enumerate(kinds):
        seed.quarantined(number, kind, f"sender{number}@example.net", f"amber.{FAMILY[number].lower()}@contoso.com")


def plain(name: str, domain: str, users: int, now: datetime) -> Tenant:
    """Return a customer with so many users and nothing special, for tests that need many."""
    initial = f"{domain.partition('.')[0]}.onmicrosoft.com"
    seed = Seed(str(uuid.uuid5(uuid.NAMESPACE_DNS, domain)), name, initial, (domain,), now - timedelta(hours=6))
    for number in range(users):
        address = f"user{number:05}@{domain}"
        made = user(
            seed.key(address),
            displayName=f"User {number:05}",
            userPrincipalName=address,
            mail=address,
            accountEnabled=True,
        )
        seed.tenant.users[made["id"]] = made
    seed.tenant.users = dict(sorted(seed.tenant.users.items()))
    seed.group("staff", "Staff", list(seed.tenant.users))
    if users:
        seed.administrator()
    return seed.tenant


def fabrikam(now: datetime) -> Tenant:
    """Return the customer that is only large. Identities count up, so that nothing needs sorting."""
    moment = now - timedelta(hours=6)
    names = ("fabrikam.com", "eu.fabrikam.com")
    seed = Seed(FABRIKAM, "Fabrikam", "fabrikam.onmicrosoft.com", names, moment)
    tenant = seed.tenant
    for number in range(FABRIKAM_USERS):
        key = f"{number:08x}-fab0-4000-8000-00000000fab0"
        address = f"user{number:05}@{names[number % 2]}"
        tenant.users[key] = user(
            key,
            displayName=f"User {number:05}",
            userPrincipalName=address,
            mail=address,
            accountEnabled=number % 50 != 0,
        )
    keys = list(tenant.users)
    step = FABRIKAM_USERS // FABRIKAM_GROUPS
    security = {"groupTypes": [], "mailEnabled": False, "securityEnabled": True, "visibility": None}
    for number in range(FABRIKAM_GROUPS):
        members = keys[number * step : number * step + step]
        seed.group(f"team-{number:03}", f"Team {number:03}", members, **({} if number % 3 else security))
    seed.rule("Confidential footer", FromScope="InOrganization", SetHeaderName="X-Class", SetHeaderValue="internal")
    seed.rule("No automatic forwarding", MessageTypeMatches="AutoForward", DeleteMessage=True)
    seed.administrator()
    return tenant
