"""Inbound and outbound connectors: how mail leaves the tenant for the scanning service and comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Permanent
from shared.platforms.microsoft365.exchange import AlreadyExists
from shared.platforms.microsoft365.listed_records import identified
from shared.platforms.microsoft365.mail_flow.ranges import written
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record

# Two directory servers of Exchange may disagree for a moment.
VISIBLE_WITHIN = timedelta(minutes=1)

# What a listing leaves out unless it is asked for: learn.microsoft.com/powershell/module/exchange/get-outboundconnector
ALSO: Mapping[str, Mapping[str, Any]] = {"Get-OutboundConnector": {"IncludeTestModeConnectors": True}}


# What a connector may hold besides our settings that decides about mail: how it is when nobody has set it.
# learn.microsoft.com/powershell/module/exchange/set-inboundconnector and set-outboundconnector
UNSET: Mapping[str, Mapping[str, Any]] = {
    "InboundConnector": {
        "AssociatedAcceptedDomains": [],
        "CloudServicesMailEnabled": False,
        "EFSkipIPs": [],
        "EFSkipLastIP": False,
        "EFTestMode": False,
        "EFUsers": [],
        "RestrictDomainsToCertificate": False,
        "RestrictDomainsToIPAddresses": False,
        "TlsSenderCertificateName": None,
        "TreatMessagesAsInternal": False,
    },
    "OutboundConnector": {
        "AllAcceptedDomains": False,
        "CloudServicesMailEnabled": False,
        "RecipientDomains": [],
        "RouteAllMessagesViaOnPremises": False,
        "SenderRewritingEnabled": False,
        "TestMode": False,
        "TlsDomain": None,
    },
}


# What we set of a connector, by Exchange's word for its kind.
SET = {
    "InboundConnector": (
        "ConnectorType",
        "SenderDomains",
        "SenderIPAddresses",
        "RequireTls",
        "EFSkipLastIP",
        "RestrictDomainsToIPAddresses",
    ),
    "OutboundConnector": ("ConnectorType", "IsTransportRuleScoped", "UseMXRecord", "SmartHosts", "TlsSettings"),
}


def plain(value: Any) -> Any:
    """A value as it compares: lists in order, ranges as we write them, domains without Exchange's `smtp:` and `;1`."""
    if isinstance(value, list | tuple):
        return sorted(written(str(item).removeprefix("smtp:").removesuffix(";1").lower()) for item in value)
    return value


async def mine(tenant: MicrosoftTenant, cmdlet: str, name: str, comment: str, identity: str | None) -> Record | None:
    """Our record in a complete listing: by its Guid, or without one by its name and our mark together."""
    for record in await tenant.listing(cmdlet, **ALSO.get(cmdlet, {})):
        ours = record["Guid"] == identity if identity else record["Name"] == name and record[comment] == tenant.mark
        if ours:
            return identified(cmdlet, record)
    return None


def name_taken(name: str) -> Permanent:
    """Something else bears the name that ours should have."""
    return Permanent(
        "name_taken",
        f"The tenant has an object named “{name}” that we did not make. Rename or remove it there, or set a name "
        "prefix, then reconcile again.",
    )


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One connector. `noun` is Exchange's word for its kind; `settings` says what it should be in a tenant."""

    noun: str
    title: str
    settings: Callable[[MicrosoftTenant], Settings]
    shared: bool = False
    identified: bool = True
    visible_within: timedelta = VISIBLE_WITHIN
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """Its settings, named as in the cmdlets."""
        wanted = {"Name": tenant.name(self.title), "Comment": tenant.mark, "Enabled": True, **self.settings(tenant)}
        return {name: plain(value) for name, value in wanted.items()} | {"Foreign": []}

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """Its record in the complete listing."""
        name = tenant.name(self.title)
        record = await mine(tenant, f"Get-{self.noun}", name, "Comment", identity)
        if record is None:
            return Absent()
        names = {"Name", "Comment", "Enabled", *SET[self.noun]}
        unset = UNSET[self.noun].items()
        foreign = sorted(n for n, value in unset if n not in names and (record.get(n) or value) != value)
        settings = {name: plain(record.get(name)) for name in names}
        return Present(identity=record["Guid"], settings=settings | {"Foreign": foreign})

    async def create(self, tenant: MicrosoftTenant, _element: str, desired: Settings) -> str:
        """Make it."""
        sent = {name: value for name, value in desired.items() if name != "Foreign"}
        try:
            return (await tenant.exchange.invoke(f"New-{self.noun}", **sent)).request_id
        except AlreadyExists:
            raise name_taken(tenant.name(self.title)) from None

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs."""
        sent = {name: value for name, value in changes.items() if name != "Foreign"}
        sent |= {name: UNSET[self.noun][name] for name in present.settings["Foreign"]} if "Foreign" in changes else {}
        answer = await tenant.exchange.invoke(f"Set-{self.noun}", Identity=present.identity, **sent)
        return answer.request_id

    async def remove(self, tenant: MicrosoftTenant, _element: str, present: Present) -> str:
        """Remove it by its Guid."""
        return (await tenant.exchange.invoke(f"Remove-{self.noun}", Identity=present.identity)).request_id


def egress(tenant: MicrosoftTenant) -> list[str]:
    """The ranges from which the scanning service returns mail to the tenant."""
    return [str(network.network_address) if network.prefixlen == 32 else str(network) for network in tenant.site.egress]


def _outbound(smart_host: str) -> Settings:
    return {
        "ConnectorType": "Partner",
        "IsTransportRuleScoped": True,  # used by our rules only, never by mail that happens to match
        "UseMXRecord": False,
        "SmartHosts": [smart_host],
        "TlsSettings": "CertificateValidation",
    }


def outbound_for_incoming(tenant: MicrosoftTenant) -> Settings:
    """To the scanner, for mail that arrives from outside."""
    return _outbound(tenant.site.incoming_smart_host.format(connection=tenant.connection.label))


def outbound_for_outgoing(tenant: MicrosoftTenant) -> Settings:
    """To the scanner, for mail that leaves the organisation."""
    return _outbound(tenant.site.outgoing_smart_host.format(connection=tenant.connection.label))


def inbound_for_incoming(tenant: MicrosoftTenant) -> Settings:
    """From the scanner, scanned mail from outside: our addresses, TLS, and the true sender behind our hop."""
    return {
        "ConnectorType": "Partner",
        "SenderDomains": ["*"],
        "SenderIPAddresses": egress(tenant),
        "RequireTls": True,
        "EFSkipLastIP": True,
        "RestrictDomainsToIPAddresses": False,  # the customer's mail still arrives directly, not only through us
    }


def inbound_for_outgoing(tenant: MicrosoftTenant) -> Settings:
    """From the scanner, scanned mail of the organisation on its way out, attributed to the tenant by our addresses."""
    return {"ConnectorType": "OnPremises", "SenderDomains": ["*"], "SenderIPAddresses": egress(tenant)}
