"""A tenant as it will be with the service in it, and with nothing of the customer's in the way. Pure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.platforms.microsoft365.mail_flow.connectors import EXCHANGE
from shared.platforms.microsoft365.mail_flow.listing import Record
from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot

# Ours have no identity before they are made.
OURS = "ours "


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What we would add: rules in their order and things by kind, under the names of a snapshot."""

    rules: Sequence[Record]
    things: Mapping[str, Mapping[str, Any]]


def rule(name: str, settings: Mapping[str, Any]) -> Record:
    """A rule as it would be listed."""
    return {"Guid": OURS + name, "Name": name, "State": "Enabled", "Mode": "Enforce", **settings}


def connector(name: str, settings: Mapping[str, Any]) -> Record:
    """A connector as it would be listed."""
    return {"Guid": OURS + name, "Name": name, "Enabled": True, **settings}


def without(now: Snapshot, identities: Container[str]) -> Snapshot:
    """A tenant without some objects."""
    things = {
        kind: {key: one for key, one in some.items() if key not in identities} for kind, some in now.things.items()
    }
    return replace(now, rules=[one for one in now.rules if one["Guid"] not in identities], things=things)


def planned(now: Snapshot, ours: Setup) -> Snapshot:
    """A tenant with what we would add. Our rules go before the others: Exchange puts a new one where it is told."""
    things = {kind: {**now.things[kind], **ours.things.get(kind, {})} for kind in now.things}
    return replace(now, rules=[*ours.rules, *now.rules], things=things)


def alone(now: Snapshot, ours: Setup) -> Snapshot:
    """The same tenant with nothing but ours in it: its domains take their mail in Exchange, and nothing is blocked."""
    domains = {
        name: {"DomainName": name, "DomainType": "Authoritative", "Default": record.get("Default")}
        for name, record in now.things["domain"].items()
    }
    empty: dict[str, Mapping[str, Any]] = {kind: {} for kind in now.things}
    mail = {name: [f"{name.replace('.', '-')}{EXCHANGE[0]}"] for name in domains}
    bare = replace(now, rules=[], things={**empty, "domain": domains, "mx": mail, "group": now.things["group"]})
    return planned(bare, ours)
