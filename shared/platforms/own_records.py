"""What Footprint itself keeps of a tenant: tokens, policies, a copy of the directory. Changes like any other."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from shared.connections import baseline, snapshots
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.connections.tokens import Tokens
from shared.deployment.context import Context
from shared.engine.rows import Absent, Present, Settings
from shared.platforms.contract import OpenTenant
from shared.protection import decisions, directory, mailboxes, policies, quarantine, set_aside
from shared.protection.policies import EVERYONE
from shared.protection.targets import Targets


class Tenant(OpenTenant, Protocol):
    """What these resources need of an open tenant."""

    context: Context
    connection: Connection
    targets: Targets
    tokens: Tokens


class Sync(Protocol):
    """A platform's synchronisation of an open tenant."""

    def __call__(self, tenant: Any, /, *, accept_loss: bool) -> Awaitable[None]:
        """Bring the copy up to date."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredTokens:
    """The tenant's access tokens, sealed."""

    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: Tenant, _element: str) -> Settings | None:
        """One token for each thing that we hold tokens of."""
        return {"resources": sorted(tenant.tokens.resources)}

    async def observe(self, tenant: Tenant, _element: str, _identity: str | None) -> Present | Absent:
        """What is stored."""
        stored = await tenant.tokens.names()
        return Present(identity="tokens", settings={"resources": stored}) if stored else Absent()

    async def create(self, tenant: Tenant, _element: str, _desired: Settings) -> str:
        """Ask for them."""
        await tenant.tokens.renew_all()
        return ""

    async def update(self, tenant: Tenant, element: str, _present: Present, changes: Settings) -> str:
        """Ask for them again."""
        return await self.create(tenant, element, changes)

    async def remove(self, tenant: Tenant, _element: str, _present: Present) -> str:
        """Delete them."""
        await tenant.tokens.forget_all()
        return ""


@dataclass(frozen=True, kw_only=True)
class StoredDirectory:
    """Our copy of the tenant's users, groups and domains."""

    sync: Sync
    """How the platform brings the copy of an open tenant up to date."""
    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, _tenant: Tenant, _element: str) -> Settings | None:
        """A copy that was complete at least once."""
        return {"complete": True}

    async def observe(self, tenant: Tenant, _element: str, _identity: str | None) -> Present | Absent:
        """Whether anything is stored, and whether a complete listing stands behind it."""
        database, connection = tenant.context.database, tenant.connection.id
        complete = {"users", "groups"} <= (await directory.checkpoints(database, connection)).keys()
        anything = complete or any((await directory.count(database, connection)).values())
        return Present(identity="directory", settings={"complete": complete}) if anything else Absent()

    async def create(self, tenant: Tenant, _element: str, _desired: Settings) -> str:
        """Read the whole directory."""
        await self.sync(tenant, accept_loss=False)
        return ""

    async def update(self, tenant: Tenant, element: str, _present: Present, changes: Settings) -> str:
        """Read it again, to its end."""
        return await self.create(tenant, element, changes)

    async def remove(self, tenant: Tenant, _element: str, _present: Present) -> str:
        """Delete the copy, and what is kept about its users' mailboxes and messages, and about its mail flow."""
        async with tenant.context.database.write() as write:
            for owner in (baseline, snapshots, directory, mailboxes, decisions, quarantine, set_aside):
                await owner.forget_all(write, tenant.connection.id)
        return ""


@dataclass(frozen=True, kw_only=True)
class StoredPolicies:
    """What administrators have said about whom to protect and what to do."""

    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: Tenant, _element: str) -> Settings | None:
        """Whatever they say, even if it is nothing; when a connection is made again, something at first."""
        again = tenant.connection.stage is Stage.GRANT and tenant.connection.generation > 1
        said = await tenant.targets.policies()
        return {} if said or again else None

    async def observe(self, tenant: Tenant, _element: str, _identity: str | None) -> Present | Absent:
        """Whether anything is said."""
        stored = await tenant.targets.policies()
        return Present(identity="policies", settings={}) if stored else Absent()

    async def create(self, tenant: Tenant, _element: str, _desired: Settings) -> str:
        """Protect everyone, until somebody says otherwise."""
        async with tenant.context.database.write() as write:
            await policies.put(write, tenant.connection.id, EVERYONE)
        return ""

    async def update(self, _tenant: Tenant, _element: str, _present: Present, _changes: Settings) -> str:
        """Nothing of them is ours to change."""
        return ""

    async def remove(self, tenant: Tenant, _element: str, _present: Present) -> str:
        """Delete them."""
        async with tenant.context.database.write() as write:
            await policies.forget_all(write, tenant.connection.id)
        return ""
