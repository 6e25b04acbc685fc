"""What a cmdlet gets to work with, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.simulators.microsoft.exchange.errors import already_exists, dehydrated, invalid_argument, not_found
from infra.local.simulators.microsoft.exchange.parameters import ListChange
from infra.local.simulators.microsoft.exchange.ranges import addresses
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import exchange_time
from infra.local.simulators.wire import Record


@dataclass(kw_only=True)
class CmdletCall:
    """One running cmdlet: whose it is, its bound parameters, and the warnings it leaves."""

    cmdlet: str
    tenant: Tenant
    now: datetime
    given: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    def refuse_while_dehydrated(self) -> None:
        """The flag flips at once, yet writes go on failing for half an hour."""
        behaviour = self.tenant.behaviour
        if self.tenant.organisation_config["IsDehydrated"]:
            raise dehydrated(self.cmdlet)
        made = self.tenant.hydrated_at
        if made is not None and (self.now - made).total_seconds() < behaviour.hydration_seconds:
            raise dehydrated(self.cmdlet)

    def find(
        self,
        records: Mapping[str, Record],
        identity: str | None = None,
        by: tuple[str, ...] = ("Guid", "Name", "Identity"),
    ) -> Record:
        """Return the record a cmdlet's Identity means, by whichever of its properties identify it."""
        identity = str(self.given["Identity"]) if identity is None else identity
        for record in records.values():
            if identity.lower() in (str(record[name]).lower() for name in by):
                return record
        raise not_found(self.cmdlet, identity)

    def refuse_taken_name(self, records: Iterable[Record], name: str, guid: str | None = None) -> None:
        """Names are unique among objects of one kind."""
        if any(one["Name"].lower() == name.lower() and one["Guid"] != guid for one in records):
            raise already_exists(self.cmdlet, name)

    def stamps(self) -> dict[str, str]:
        """Return the time stamps of an object made now."""
        moment = exchange_time(self.now)
        return {"WhenChangedUTC": moment, "WhenCreatedUTC": moment}

    def listed(self, current: Iterable[str], value: tuple[str, ...] | ListChange | None) -> tuple[str, ...]:
        """Apply a list parameter: a bare list overwrites, a table adds and removes single elements."""
        if value is None:
            return ()
        if not isinstance(value, ListChange):
            return tuple(dict.fromkeys(value))
        kept = {addresses(one): one for one in current}
        for one in value.remove:
            if kept.pop(addresses(one), None) is None:
                raise invalid_argument(self.cmdlet, f"The value '{one}' can't be removed: it isn't in the list.")
        for one in value.add:
            if addresses(one) in kept:
                raise invalid_argument(self.cmdlet, f"The value '{one}' is already present in the collection.")
            kept[addresses(one)] = one
        return tuple(kept.values())


Cmdlet = Callable[[CmdletCall], list[Record]]
