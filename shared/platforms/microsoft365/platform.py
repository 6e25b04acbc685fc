"""What this platform offers, in one place."""

import secrets
from collections.abc import Mapping
from typing import Any

from shared.connections.record import Connection
from shared.deployment.issuers import Keys
from shared.engine.ledger import State
from shared.engine.rows import Sighting
from shared.flows.app import App
from shared.foundation.clock import Clock
from shared.foundation.http_client import Wire
from shared.foundation.settings import Settings
from shared.platforms.contract import Claim, Effect, Platform
from shared.platforms.microsoft365 import NAME, TITLE, catalogue, consent
from shared.platforms.microsoft365.entra import Entra
from shared.platforms.microsoft365.groups import recycle_bin
from shared.platforms.microsoft365.published import PUBLISHED
from shared.platforms.microsoft365.tenant import Tenant, open_tenant


def offer(settings: Settings, wire: Wire, _keys: Keys, clock: Clock) -> Platform:
    """The platform, with one client of Microsoft's sign-in for the whole process."""
    entra = Entra(settings=settings.microsoft, wire=wire, clock=clock)

    async def application(tenant: Tenant, _identity: str | None) -> Sighting:
        return await consent.application(entra, str(tenant.connection.tenant), tenant.app)

    async def words(app: App, _connection: Connection) -> Mapping[str, str]:
        return {"client_id": app.settings.microsoft.client_id}

    async def disown(_app: App, _claim: Claim) -> None:
        """A claim here is only a name; there is nothing to give back."""

    return Platform(
        name=NAME,
        title=TITLE,
        rows=catalogue.rows(application),
        published=PUBLISHED,
        permissions=consent.PERMISSIONS,
        effects=(
            Effect(
                text="Mail that comes in for the people whom the policies protect, and mail that they send outside, "
                "passes through the service before it is delivered. Mail of everybody else, and mail within the "
                "organisation, flows as before."
            ),
            Effect(
                text="What comes back from the service has been scanned: Microsoft 365 does not filter it as spam a "
                "second time, and what the service found risky goes to the Junk folder."
            ),
            Effect(
                text="Routing is switched on last, when everything else has been read back and is as it should be, and "
                "it is switched off first. No message is changed or deleted while access is granted or revoked."
            ),
        ),
        after_consent=(
            "After consenting, assign the application the role Exchange Administrator in the Entra admin center, "
            "under Roles and administrators. Consent alone does not give it."
        ),
        how_it_ends=(
            "When access is revoked, mail is routed as before at once. Connectors and groups go when no mail uses them "
            "any more, the rest a day later, when all mail is back. You then remove the application, and receive a "
            "signed record of everything that was made and removed."
        ),
        words=words,
        consent_url=lambda _app, asked: consent.consent_url(entra, asked),
        claimed=consent.claimed,
        disown=disown,
        same_tenant=lambda expected, claim: consent.same_tenant(entra, expected, claim),
        prove=lambda app, _connection, claimed: consent.prove(entra, app, claimed),
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
