"""The administrator's own grant: made by their consent, given back by us when access is revoked."""

from dataclasses import dataclass
from datetime import timedelta

from shared.connections import grants
from shared.connections.grants import Grant
from shared.connections.stages import Stage
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Temporary
from shared.platforms.google_workspace.shared_application import in_use_elsewhere
from shared.platforms.google_workspace.tenant import WorkspaceCustomer, no_consent


def accounts(tenant: WorkspaceCustomer) -> list[str]:
    """The accounts whose grants we keep."""
    return [grant.account for grant in tenant.granted]


@dataclass(frozen=True, kw_only=True)
class AdministratorGrant:
    """One account's grant. The one in use is the newest; an older one of another account is given back."""

    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: WorkspaceCustomer, element: str) -> Settings | None:
        """Alive, as long as it is the one in use."""
        in_use = tenant.grant is not None and tenant.grant.account == element
        return {"alive": True} if in_use and tenant.connection.stage < Stage.REVOKE else None

    async def observe(self, tenant: WorkspaceCustomer, element: str, _identity: str | None) -> Present | Absent:
        """Whether we keep it, and whether it held when it was last used: at least hourly, while running."""
        grant = _kept(tenant, element)
        return Present(identity=element, settings={"alive": grant.alive}) if grant else Absent()

    async def create(self, _tenant: WorkspaceCustomer, _element: str, _desired: Settings) -> str:
        """Only a person can grant it."""
        raise no_consent()

    async def update(self, _tenant: WorkspaceCustomer, _element: str, _present: Present, _changes: Settings) -> str:
        """Only a person can grant it anew."""
        raise no_consent()

    async def remove(self, tenant: WorkspaceCustomer, element: str, _present: Present) -> str:
        """Give it back to Google, see that it does not hold any more, and only then let go of our copy.

        It is one with the grant of every other connection to the same account, so while another one stands, or
        another product of ours, only our own copy goes.
        """
        grant = _kept(tenant, element)
        if grant is None:
            return ""
        if why := await _needed(tenant, element):
            await tenant.ledger.remark(f"grant/{element}", f"The grant was not revoked at Google: {why}.")
        else:
            await _give_back(tenant, grant)
        await grants.forget(tenant.context.database, tenant.connection.id, element)
        tenant.granted = [other for other in tenant.granted if other.account != element]
        return ""


def _kept(tenant: WorkspaceCustomer, account: str) -> Grant | None:
    return next((grant for grant in tenant.granted if grant.account == account), None)


async def _needed(tenant: WorkspaceCustomer, account: str) -> str | None:
    holders = await grants.holders(tenant.context.database, tenant.connection.platform, account)
    standing = {other.id for other in tenant.others if other.stage < Stage.REVOKE}
    if standing & set(holders):
        return "another connection of this organisation has it too"
    return in_use_elsewhere(tenant)


async def _give_back(tenant: WorkspaceCustomer, grant: Grant) -> None:
    sign_in = tenant.credentials.sign_in
    await sign_in.revoke(grant.secret)
    if await sign_in.holds(grant.secret):
        raise Temporary("still_there", "Google has taken the grant back but still gives tokens for it.")
