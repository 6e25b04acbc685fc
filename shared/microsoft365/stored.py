"""What Footprint itself keeps of a tenant: its tokens and its copy of the directory. Changes like any other."""

from dataclasses import dataclass
from datetime import timedelta

from shared import directory, tokens
from shared.lifecycle import Absent, Present, Settings
from shared.microsoft365.tenant import Tenant, resources


@dataclass(frozen=True, kw_only=True)
class StoredTokens:
    """The access tokens of Graph and Exchange, sealed."""

    shared: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: Tenant, _element: str) -> Settings | None:
        """One token for each of the two services."""
        return {"resources": sorted(resources(tenant.microsoft))}

    async def observe(self, tenant: Tenant, _element: str, _identity: str | None) -> Present | Absent:
        """What is stored."""
        stored = await tokens.stored(tenant.app.database, tenant.connection.id)
        return Present(identity="tokens", settings={"resources": stored}) if stored else Absent()

    async def create(self, tenant: Tenant, _element: str, _desired: Settings) -> str:
        """Ask for both."""
        await tenant.renew_tokens()
        return ""

    async def update(self, tenant: Tenant, element: str, _present: Present, changes: Settings) -> str:
        """Ask for both again."""
        return await self.create(tenant, element, changes)

    async def remove(self, tenant: Tenant, _element: str, _present: Present) -> str:
        """Delete them."""
        await tokens.forget(tenant.app.database, tenant.connection.id)
        return ""


@dataclass(frozen=True, kw_only=True)
class StoredDirectory:
    """Our copy of the tenant's users, groups and domains."""

    shared: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, _tenant: Tenant, _element: str) -> Settings | None:
        """A copy that was complete at least once."""
        return {"complete": True}

    async def observe(self, tenant: Tenant, _element: str, _identity: str | None) -> Present | Absent:
        """Whether anything is stored, and whether a complete listing stands behind it."""
        database, connection = tenant.app.database, tenant.connection.id
        complete = all([await directory.checkpoint(database, connection, kind) for kind in ("users", "groups")])
        anything = complete or any((await directory.count(database, connection)).values())
        return Present(identity="directory", settings={"complete": complete}) if anything else Absent()

    async def create(self, tenant: Tenant, _element: str, _desired: Settings) -> str:
        """Read the whole directory."""
        await tenant.sync(accept_loss=False)
        return ""

    async def update(self, tenant: Tenant, element: str, _present: Present, changes: Settings) -> str:
        """Read it again, to its end."""
        return await self.create(tenant, element, changes)

    async def remove(self, tenant: Tenant, _element: str, _present: Present) -> str:
        """Delete the copy."""
        await directory.forget(tenant.app.database, tenant.connection.id)
        return ""
