"""One Workspace customer: its whole state, how it is copied and how it is printed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.simulators.google.behaviour import Behaviour
from infra.local.simulators.google.gmail.mailbox import Mailbox
from infra.local.simulators.wire import Record

# Values that say when something happened, or count, or follow from the rest.
VOLATILE = frozenset(
    [
        "etag",
        "creationTime",
        "deletionTime",
        "lastLoginTime",
        "suspensionTime",
        "archivalTime",
        "directMembersCount",
        "at",
        "calls",
        "refresh_tokens",
    ]
)


@dataclass(kw_only=True)
class Customer:
    """The state of one customer. Records are replaced, never edited, so `copy` only copies the containers."""

    id: str
    name: str
    domain: str  # the primary one
    behaviour: Behaviour = field(default_factory=Behaviour)
    sequence: int = 0
    # the directory
    users: dict[str, Record] = field(default_factory=dict)
    deleted_users: dict[str, Record] = field(default_factory=dict)
    groups: dict[str, Record] = field(default_factory=dict)
    members: dict[str, dict[str, Record]] = field(default_factory=dict)  # group -> member -> Member
    group_settings: dict[str, Record] = field(default_factory=dict)
    domains: dict[str, Record] = field(default_factory=dict)
    org_units: dict[str, Record] = field(default_factory=dict)
    # who may do what on its behalf
    installs: dict[str, Record] = field(default_factory=dict)  # by Marketplace application
    delegations: dict[str, Record] = field(default_factory=dict)  # by client
    grants: dict[str, Record] = field(default_factory=dict)  # by "user client"
    # Gmail's settings and mailboxes
    policies: dict[str, Record] = field(default_factory=dict)
    routes: dict[str, Record] = field(default_factory=dict)  # Hosts: no API shows them, only the audit log tells
    gateway: Record | None = None  # the same
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)  # by user, made when first needed
    # what only time and traffic decide; never printed
    group_made: dict[str, datetime] = field(default_factory=dict)
    audit: list[Record] = field(default_factory=list)
    spent: tuple[int, int] = (0, 0)  # the minute, and the quota units used in it
    _by_address: dict[str, str] = field(init=False, default_factory=dict, repr=False, compare=False)

    def copy(self) -> Customer:
        """Return an independent copy of the state."""
        values: dict[str, Any] = {}
        for one in (one for one in dataclasses.fields(self) if one.init):
            value = getattr(self, one.name)
            values[one.name] = value.copy() if isinstance(value, dict | list) else value
        values["members"] = {key: found.copy() for key, found in self.members.items()}
        return Customer(**values)

    def new_id(self) -> str:
        """Return the next identity; a restored customer goes on where it was, so runs can be repeated."""
        self.sequence += 1
        return self.key_of(str(self.sequence))

    def key_of(self, name: str) -> str:
        """Return the number that stands for a name here: 21 digits, always the same."""
        digest = hashlib.blake2b(f"{self.id} {name}".encode(), digest_size=9).digest()
        return f"1{int.from_bytes(digest, 'big') % 10**20:020}"

    def user(self, key: str) -> Record | None:
        """Find a user by identity, primary address or alias, in any letter case."""
        if key in self.users:
            return self.users[key]
        wanted = key.lower()
        if "@" not in wanted:
            return None
        found = self.users.get(self._by_address.get(wanted, ""))
        # The index follows the records only here: an entry is believed as long as its record bears it out.
        if found is None or wanted not in addresses(found):
            self._by_address = {address: one for one, record in self.users.items() for address in addresses(record)}
            found = self.users.get(self._by_address.get(wanted, ""))
        return found

    def deleted_user(self, address: str) -> Record | None:
        """Find a deleted user by any address it had."""
        return next((one for one in self.deleted_users.values() if address.lower() in addresses(one)), None)

    def group(self, key: str) -> Record | None:
        """Find a group by identity, address or alias, in any letter case, visible yet or not."""
        if key in self.groups:
            return self.groups[key]
        return next((one for one in self.groups.values() if key.lower() in addresses(one)), None)

    def owns_domain(self, name: str) -> bool:
        """Say whether this is one of its verified domains, an alias of one, or Google's own name for it."""
        return name.lower() in self.verified_domains() or name.lower() == f"{self.domain}.test-google-a.com"

    def verified_domains(self) -> frozenset[str]:
        """Return the names its mail goes to."""
        return frozenset(name for name, verified in self._names() if verified)

    def domain_names(self) -> frozenset[str]:
        """Return every name it ever entered, verified or not."""
        return frozenset(name for name, _ in self._names())

    def _names(self) -> Iterator[tuple[str, bool]]:
        for one in self.domains.values():
            yield one["domainName"], one["verified"]
            yield from ((alias["domainAliasName"], alias["verified"]) for alias in one.get("domainAliases", ()))

    def snapshot(self) -> dict[str, Any]:
        """Return everything a customer could compare before and after, with nothing that only time changes."""
        mailboxes = {key: box.snapshot() for key, box in sorted(self.mailboxes.items())}
        return {
            "id": self.id,
            "name": self.name,
            "domain": self.domain,
            "users": _by_id(self.users),
            "deletedUsers": _by_id(self.deleted_users),
            "groups": [
                {
                    **_printed(group),
                    "members": _by_id(self.members.get(key, {})),
                    "settings": _printed(self.group_settings.get(key, {})),
                }
                for key, group in sorted(self.groups.items())
            ],
            "domains": _by_id(self.domains),
            "orgUnits": _by_id(self.org_units),
            "installs": _keyed(self.installs),
            "delegations": _keyed(self.delegations),
            "grants": _keyed(self.grants),
            "policies": _by_id(self.policies),
            "routes": _by_id(self.routes),
            "gateway": self.gateway and _printed(self.gateway),
            # A mailbox that was looked into and holds nothing is no different from one that was not.
            "mailboxes": {key: box for key, box in mailboxes.items() if any(box.values())},
        }


def addresses(record: Record) -> set[str]:
    """Return every address of a user or a group, in lower case."""
    main = record.get("primaryEmail") or record.get("email") or ""
    return {one.lower() for one in (main, *record.get("aliases", ()), *record.get("nonEditableAliases", ()))}


def _printed(record: Record) -> dict[str, Any]:
    return {key: _plain(value) for key, value in record.items() if key not in VOLATILE}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _printed(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _by_id(records: Mapping[str, Record]) -> list[dict[str, Any]]:
    return [_printed(record) for _, record in sorted(records.items())]


def _keyed(records: Mapping[str, Record]) -> dict[str, dict[str, Any]]:
    return {key: _printed(record) for key, record in sorted(records.items())}
