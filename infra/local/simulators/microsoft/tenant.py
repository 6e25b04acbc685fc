"""One customer's directory and Exchange organisation: its whole state, how it is copied and how it is printed."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.simulators.microsoft.behaviour import Behaviour
from infra.local.simulators.wire import Record

# Values that say when something happened, or count. They differ after a life that left nothing behind.
VOLATILE = frozenset(
    [
        "createdDateTime",
        "deletedDateTime",
        "renewedDateTime",
        "WhenChanged",
        "WhenChangedUTC",
        "WhenCreatedUTC",
        "WhenCreated",
        "LastModifiedBy",
        "CreatedBy",
        "LastValidationTimestamp",
        "ReceivedTime",
        "Expires",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry of the log that delta queries read."""

    collection: str  # "users" or "groups"
    id: str
    properties: frozenset[str] | None  # None: all of them, the object is new
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Audit:
    """One entry of the directory's own log, which can be read some time after it happened."""

    record: Record
    at: datetime
    readable_at: datetime


@dataclass(kw_only=True)
class Tenant:
    """The state of one tenant. Records are replaced, never edited, so `copy` only copies the containers."""

    id: str
    name: str
    domain: str  # the default one, new groups get their address there
    initial_domain: str
    organisation: Record
    behaviour: Behaviour = field(default_factory=Behaviour)
    sequence: int = 0
    # the directory
    domains: dict[str, Record] = field(default_factory=dict)
    users: dict[str, Record] = field(default_factory=dict)
    groups: dict[str, Record] = field(default_factory=dict)
    members: dict[str, frozenset[str]] = field(default_factory=dict)
    owners: dict[str, frozenset[str]] = field(default_factory=dict)
    deleted: dict[str, Record] = field(default_factory=dict)
    service_principals: dict[str, Record] = field(default_factory=dict)
    app_role_assignments: dict[str, Record] = field(default_factory=dict)
    permission_grants: dict[str, Record] = field(default_factory=dict)
    role_assignments: dict[str, Record] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    # Exchange
    accepted_domains: dict[str, Record] = field(default_factory=dict)
    organisation_config: Record = field(default_factory=dict)
    inbound_connectors: dict[str, Record] = field(default_factory=dict)
    outbound_connectors: dict[str, Record] = field(default_factory=dict)
    rules: list[Record] = field(default_factory=list)  # in order of priority
    connection_filter: Record = field(default_factory=dict)
    spoof_items: dict[str, Record] = field(default_factory=dict)
    journal_rules: dict[str, Record] = field(default_factory=dict)
    remote_domains: dict[str, Record] = field(default_factory=dict)
    group_settings: dict[str, Record] = field(default_factory=dict)  # what Exchange alone knows of a group
    quarantine: dict[str, Record] = field(default_factory=dict)
    role_group: tuple[str, ...] = ()  # the cmdlets of the one that the application is a member of
    # what only time and traffic decide; never printed
    group_made: dict[str, datetime] = field(default_factory=dict)
    hydrated_at: datetime | None = None
    consented_at: datetime | None = None
    consent_calls: int = 0
    audits: list[Audit] = field(default_factory=list)
    token_requests: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def copy(self) -> Tenant:
        """Return an independent copy of the state."""
        values: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            values[one.name] = value.copy() if isinstance(value, dict | list) else value
        return Tenant(**values)

    def new_id(self) -> str:
        """Return the next identity; a restored tenant goes on where it was, so runs can be repeated."""
        self.sequence += 1
        return str(uuid.uuid5(uuid.UUID(self.id), str(self.sequence)))

    def log(
        self,
        collection: str,
        object_id: str,
        properties: frozenset[str] | None = frozenset(),
        *,
        added: frozenset[str] = frozenset(),
        removed: frozenset[str] = frozenset(),
    ) -> None:
        """Append to what delta queries read."""
        entry = Change(collection=collection, id=object_id, properties=properties, added=added, removed=removed)
        self.changes.append(entry)

    def service_principal_of(self, app_id: str) -> Record | None:
        """Return the application's presence in this tenant."""
        found = (one for one in self.service_principals.values() if one["appId"] == app_id)
        return next(found, None)

    def honours(self, principal: str) -> bool:
        """Say whether a token of that application is still taken."""
        return self.behaviour.tokens_outlive_application or principal in self.service_principals

    def snapshot(self) -> dict[str, Any]:
        """Return everything a customer could compare before and after, with nothing that only time changes."""
        return {
            "id": self.id,
            "name": self.name,
            "organization": _printed(self.organisation),
            "domains": _by_id(self.domains),
            "users": _by_id(self.users),
            "groups": [
                {
                    **_printed(group),
                    "members": sorted(self.members.get(key, ())),
                    "owners": sorted(self.owners.get(key, ())),
                    "exchange": _printed(self.group_settings.get(key, {})),
                }
                for key, group in sorted(self.groups.items())
            ],
            "deletedItems": _by_id(self.deleted),
            "servicePrincipals": [
                {
                    **_printed(one),
                    "appRoleAssignments": _assigned(self.app_role_assignments, key),
                    "oauth2PermissionGrants": _assigned(self.permission_grants, key),
                    "directoryRoles": _assigned(self.role_assignments, key),
                }
                for key, one in sorted(self.service_principals.items())
            ],
            "acceptedDomains": _by_id(self.accepted_domains),
            "organizationConfig": _printed(self.organisation_config),
            "inboundConnectors": _by_id(self.inbound_connectors),
            "outboundConnectors": _by_id(self.outbound_connectors),
            "transportRules": [_printed(rule) for rule in self.rules],
            "connectionFilter": _printed(self.connection_filter),
            "spoofItems": _by_id(self.spoof_items),
            "journalRules": _by_id(self.journal_rules),
            "remoteDomains": _by_id(self.remote_domains),
            "quarantine": _by_id(self.quarantine),
            "roleGroup": list(self.role_group),
        }


def _printed(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in VOLATILE}


def _by_id(records: dict[str, Record]) -> list[dict[str, Any]]:
    return [_printed(record) for _, record in sorted(records.items())]


def _assigned(records: dict[str, Record], principal: str) -> list[dict[str, Any]]:
    return [one for one in _by_id(records) if principal in (one.get("principalId"), one.get("clientId"))]
