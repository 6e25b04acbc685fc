"""The two customers every simulated cloud starts with. All names are invented."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.local.simulators.microsoft.applications import (
    EXCHANGE_APP_ID,
    GLOBAL_ADMINISTRATOR,
    GRAPH_APP_ID,
    assign_directory_role,
    service_principal,
)
from infra.local.simulators.microsoft.domains import accepted_domain, domain
from infra.local.simulators.microsoft.exchange.connectors import INBOUND, OUTBOUND
from infra.local.simulators.microsoft.exchange.remote_domains import DEFAULT
from infra.local.simulators.microsoft.exchange.rule_records import DEFAULTS
from infra.local.simulators.microsoft.graph.group_bodies import NEW_GROUP
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import exchange_time, graph_time
from infra.local.simulators.wire import Record

MICROSOFT_TENANT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
EXCHANGE_PLAN = {"service": "exchange", "capabilityStatus": "Enabled", "servicePlanId": "exchange-standard"}


class Seed:
    """Builds one tenant out of short statements; identities follow from the tenant and a name."""

    def __init__(self, tenant_id: str, name: str, initial: str, domains: Sequence[str], moment: datetime) -> None:
        self.moment = moment
        self.tenant = Tenant(
            id=tenant_id,
            name=name,
            domain=domains[0],
            initial_domain=initial,
            organisation={
                "id": tenant_id,
                "deletedDateTime": None,
                "assignedPlans": [EXCHANGE_PLAN],
                "countryLetterCode": "DE",
                "createdDateTime": graph_time(moment),
                "displayName": name,
                "onPremisesSyncEnabled": None,
                "preferredLanguage": "en",
                "tenantType": "AAD",
                "technicalNotificationMails": [f"admin@{domains[0]}"],
            },
        )
        for one in (*domains, initial):
            first = one == domains[0]
            known = domain(one, default=first, initial=one == initial, email=True)
            self.tenant.domains[one] = known
            self.tenant.accepted_domains[one] = accepted_domain(one, default=first, initial=one == initial)
        for app, title in ((GRAPH_APP_ID, "Microsoft Graph"), (EXCHANGE_APP_ID, "Office 365 Exchange Online")):
            key = self.key(app)
            self.tenant.service_principals[key] = service_principal(key, app, title, MICROSOFT_TENANT, moment)
        self.tenant.organisation_config = {
            "Name": initial,
            "Identity": initial,
            "Guid": self.key("organisation"),
            "DisplayName": name,
            "OAuth2ClientProfileEnabled": True,
            "AuditDisabled": False,
            "IsDehydrated": False,
            "CustomerLockboxEnabled": False,
            "EwsEnabled": True,
            "ConnectorsEnabled": True,
            "PublicFoldersEnabled": "Local",
        }
        self.tenant.remote_domains["default"] = DEFAULT
        self.tenant.connection_filter = {
            "AdminDisplayName": "",
            "IsDefault": True,
            "IPAllowList": (),
            "IPBlockList": (),
            "EnableSafeList": False,
            "DirectoryBasedEdgeBlockMode": "Default",
            "Identity": "Default",
            "Id": "Default",
            "IsValid": True,
            "Name": "Default",
            "DistinguishedName": "CN=Default,CN=Hosted Connection Filter",
            "WhenChangedUTC": exchange_time(moment),
            "ExchangeObjectId": self.key("connection filter"),
            "OrganizationId": initial,
            "Guid": self.key("connection filter"),
        }

    def key(self, name: str) -> str:
        """Return the identity of the thing with that name."""
        return str(uuid.uuid5(uuid.UUID(self.tenant.id), name))

    def group(self, alias: str, name: str, members: Sequence[str], **fields: Any) -> str:
        """Add a group; without further fields it is a Microsoft 365 one."""
        kind = {"groupTypes": ["Unified"], "mailEnabled": True, "visibility": "Private"} | fields
        key = self.key(f"group {alias}")
        address = f"{alias}@{self.tenant.domain}"
        record = {**NEW_GROUP, "id": key, "displayName": name, "mailNickname": alias, **kind}
        record |= {"createdDateTime": graph_time(self.moment), "renewedDateTime": graph_time(self.moment)}
        if record["mailEnabled"]:
            record |= {"mail": address, "proxyAddresses": [f"SMTP:{address}"]}
        self.tenant.groups[key] = record
        self.tenant.members[key] = frozenset(members)
        self.tenant.owners[key] = frozenset(members[:1])
        return key

    def administrator(self) -> None:
        """Make the first member who can sign in the Global Administrator."""
        people = (
            key for key, one in self.tenant.users.items() if one["accountEnabled"] and one["userType"] == "Member"
        )
        assign_directory_role(self.tenant, next(people), GLOBAL_ADMINISTRATOR)

    def inbound(self, name: str, **fields: Any) -> None:
        """Add an inbound connector."""
        self._connector(self.tenant.inbound_connectors, INBOUND, name, fields)

    def outbound(self, name: str, **fields: Any) -> None:
        """Add an outbound connector."""
        self._connector(self.tenant.outbound_connectors, OUTBOUND, name, fields)

    def _connector(self, records: dict[str, Record], base: Record, name: str, fields: dict[str, Any]) -> None:
        key = self.key(f"connector {name}")
        moment = exchange_time(self.moment)
        stamps = {"WhenChangedUTC": moment, "WhenCreatedUTC": moment}
        records[key] = {**base, "Name": name, "Identity": name, "Guid": key, **stamps, **fields}

    def rule(self, name: str, **fields: Any) -> None:
        """Add a transport rule below those that are there."""
        settings = {key: value for key, value in DEFAULTS.items() if key != "Priority"}
        identity = {"Name": name, "Identity": name, "Guid": self.key(f"rule {name}")}
        self.tenant.rules.append({**settings, **identity, "WhenChanged": exchange_time(self.moment), **fields})

    def spoof(self, user: str, infrastructure: str, kind: str, action: str) -> None:
        """Add an entry for a spoofed sender."""
        key = self.key(f"spoof {user} {infrastructure} {kind}")
        self.tenant.spoof_items[key] = {
            "Identity": key,
            "SpoofedUser": user,
            "SendingInfrastructure": infrastructure,
            "SpoofType": kind,
            "Action": action,
        }

    def quarantined(self, number: int, kind: str, sender: str, recipient: str) -> None:
        """Add a quarantined message."""
        identity = f"{self.key(f'message {number}')}\\{self.key(f'recipient {recipient}')}"
        self.tenant.quarantine[identity] = {
            "Identity": identity,
            "ReceivedTime": exchange_time(self.moment),
            "Expires": exchange_time(self.moment.replace(year=self.moment.year + 1)),
            "MessageId": f"<message-{number}@example.net>",
            "SenderAddress": sender,
            "RecipientAddress": (recipient,),
            "Subject": f"Quarantined message {number}",
            "Size": 4096 + number,
            "Type": kind,
            "PolicyType": "TransportRule" if kind == "TransportRule" else "HostedContentFilterPolicy",
            "PolicyName": "Default",
            "Direction": "Inbound",
            "ReleaseStatus": "NotReleased",
            "Released": False,
            "QuarantinedUser": (),
        }
