"""Microsoft 365: what this platform offers, in one place."""

import secrets
from typing import Any

from shared.clock import Clock
from shared.http import Wire
from shared.ledger import State
from shared.microsoft365 import catalogue, consent
from shared.microsoft365.entra import Entra
from shared.microsoft365.groups import recycle_bin
from shared.microsoft365.published import PUBLISHED
from shared.microsoft365.tenant import Tenant, open_tenant
from shared.platform import Platform
from shared.settings import Settings


def platform(settings: Settings, wire: Wire, clock: Clock) -> Platform:
    """The platform, with one client of Microsoft's sign-in for the whole process."""
    entra = Entra(settings=settings.microsoft, wire=wire, clock=clock)

    async def application_present(tenant: Tenant) -> bool:
        return await consent.application_present(entra, str(tenant.connection.tenant), tenant.app)

    return Platform(
        name="microsoft365",
        title="Microsoft 365",
        rows=catalogue.rows(application_present),
        published=PUBLISHED,
        permissions=consent.PERMISSIONS,
        after_consent=(
            "After consenting, assign the application the role Exchange Administrator in the Entra admin center, "
            "under Roles and administrators. Consent alone does not give it."
        ),
        client_id=lambda app: app.settings.microsoft.client_id,
        consent_url=lambda connection, redirect, state: consent.consent_url(entra, connection, redirect, state),
        claimed=consent.claimed,
        same_tenant=lambda expected, claimed: consent.same_tenant(entra, expected, claimed),
        prove=lambda app, claimed: consent.prove(entra, app, claimed),
        open=lambda app, connection, ledger: open_tenant(app, connection, ledger, entra),
        headers=lambda: {"return header": secrets.token_hex(16), "loop header": secrets.token_hex(16)},
        residue=_residue,
    )


async def _residue(tenant: Tenant) -> list[dict[str, Any]]:
    groups = [
        held.identity
        for key, held in tenant.ledger.holdings.items()
        if key in ("group-incoming", "group-outgoing") and held.state is State.GONE and held.identity
    ]
    return await recycle_bin(tenant, groups)
