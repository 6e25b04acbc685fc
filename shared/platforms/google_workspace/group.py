"""The virtual group by which the content compliance rule knows whose mail to route, known by its id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.connections.record import Connection
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.platforms.google_workspace.api import GoogleRefused, Record
from shared.platforms.google_workspace.methods import (
    GROUPS_DELETE,
    GROUPS_GET,
    GROUPS_INSERT,
    GROUPS_PATCH,
    SETTINGS_GET,
    SETTINGS_PATCH,
)
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

FIELDS = ("name", "email", "description")
# Nobody from outside is in it and no address list shows it; only managers write to it, and it has none: to let nobody
# write would make it an archive. Google takes words for booleans.
CLOSED = {
    "whoCanPostMessage": "ALL_MANAGERS_CAN_POST",
    "whoCanJoin": "INVITED_CAN_JOIN",
    "whoCanViewMembership": "ALL_MANAGERS_CAN_VIEW",
    "allowExternalMembers": "false",
    "includeInGlobalAddressList": "false",
}


def address_of(connection: Connection, domain: str) -> str:
    """The group's address, which no customer has for anything else."""
    return f"{connection.brand.word.lower()}-inline-incoming-gmail-{connection.label[:12]}@{domain}"


@dataclass(frozen=True, kw_only=True)
class VirtualGroup:
    """The group, known by its id, whatever it is called or addressed by later."""

    hardened: bool
    shared: bool = False
    identified: bool = True
    visible_within: timedelta = timedelta(minutes=5)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: WorkspaceCustomer, _element: str) -> Settings | None:
        """Its name, address and mark, and who may do what with it."""
        held = tenant.ledger.holdings.get("group")
        seen = (held.seen or {}).get("email") if held else None
        address = seen or address_of(tenant.connection, str((await tenant.customer())["customerDomain"]))
        wanted = {"name": tenant.brand.gmail_group, "email": address, "description": tenant.mark}
        return wanted | (CLOSED if self.hardened else {})

    async def observe(self, tenant: WorkspaceCustomer, _element: str, identity: str | None) -> Present | Absent:
        """The group by its id, or without one by its address and our mark together."""
        key = identity or address_of(tenant.connection, str((await tenant.customer())["customerDomain"]))
        fields = {"fields": "id,name,email,description"}
        try:
            group = await tenant.admin.call(GROUPS_GET, {"groupKey": key}, params=fields)
        except Missing:
            return Absent()
        if identity is None and group.get("description") != tenant.mark:
            return Absent()  # somebody else's
        settings: Record = {name: group.get(name) for name in FIELDS}
        if self.hardened:
            settings |= await self._access(tenant, str(group["email"]))
        return Present(identity=group["id"], settings=settings)

    async def _access(self, tenant: WorkspaceCustomer, address: str) -> Mapping[str, Any]:
        try:
            found = await tenant.groups_settings.call(
                SETTINGS_GET, {"groupUniqueId": address}, params={"alt": "json", "fields": ",".join(CLOSED)}
            )
        except Missing:
            return dict.fromkeys(CLOSED)  # it learns of a new group a little later
        return {name: found.get(name) for name in CLOSED}

    async def create(self, tenant: WorkspaceCustomer, _element: str, desired: Settings) -> str:
        """Make it."""
        try:
            await tenant.admin.call(GROUPS_INSERT, body={name: desired[name] for name in FIELDS})
        except GoogleRefused as refused:
            if refused.status != 409:
                raise
            await _refuse_taken(tenant, str(desired["email"]))
            # An interrupted run made it, unless a person or an alias has the address.
            raise Temporary(
                "not_visible_yet", f"Google says that {desired['email']} exists. We are waiting to see whose it is."
            ) from None
        if self.hardened:
            await self._close(tenant, str(desired["email"]), CLOSED)
        return ""

    async def _close(self, tenant: WorkspaceCustomer, address: str, settings: Mapping[str, Any]) -> None:
        try:
            # This API answers in XML unless it is told otherwise.
            await tenant.groups_settings.call(
                SETTINGS_PATCH, {"groupUniqueId": address}, params={"alt": "json"}, body=dict(settings)
            )
        except Missing:
            raise Temporary(
                "not_visible_yet", f"Google does not list {tenant.brand.gmail_group} everywhere yet."
            ) from None

    async def update(self, tenant: WorkspaceCustomer, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs."""
        own = {name: value for name, value in changes.items() if name in FIELDS}
        if own:
            await tenant.admin.call(GROUPS_PATCH, {"groupKey": present.identity}, body=own)
        access = {name: value for name, value in changes.items() if name in CLOSED}
        if access:
            await self._close(tenant, str(own.get("email") or present.settings["email"]), access)
        return ""

    async def remove(self, tenant: WorkspaceCustomer, _element: str, present: Present) -> str:
        """Delete it by its id."""
        await tenant.admin.call(GROUPS_DELETE, {"groupKey": present.identity})
        return ""


async def _refuse_taken(tenant: WorkspaceCustomer, address: str) -> None:
    """Raises Permanent if a group that does not bear our mark has the address."""
    try:
        group = await tenant.admin.call(GROUPS_GET, {"groupKey": address}, params={"fields": "id,description"})
    except Missing:
        return
    if group.get("description") != tenant.mark:
        raise Permanent(
            "name_taken",
            f"The organisation has something with the address {address} that we did not make. Remove it there, then "
            "reconcile again.",
        ) from None
