"""Our sign-in in front of simulators that we did not write: who is known there, and an app that goes there.

What they do not have is not tested here: a directory, delegation, admin consent, certificates, AADSTS codes. Their app
tokens are of no tenant in particular, and they take any token at all, so that what a token opens is not tested either.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msal
import trustme

from shared.deployment.identity import Transport
from shared.flows.app import App
from shared.foundation.clock import SystemClock
from shared.platforms.google_workspace.sign_in import SignIn
from shared.platforms.microsoft365.credential import Credential
from shared.service import build
from tests.harness.settings import settings_from
from tests.harness.world import MASTER_KEY
from tests.programs.emulate import Emulate, missing

WHY_NOT = missing()
ADMIN, UNVERIFIED, PRIVATE = "admin@contoso.com", "new@contoso.com", "somebody@gmail.com"
TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT, SECRET = "client-1", "s3cret~of.the-app"
US = {"client_id": CLIENT, "client_secret": SECRET}
PUBLIC = "https://footprint.example"
BACK = f"{PUBLIC}/api/consent/google"
CONSOLE = f"{PUBLIC}/sign-in/back"
VERIFIER, NONCE = "v" * 43, "n0nce"
SEED = {
    "users": [
        {"email": ADMIN, "name": "Ada Min", "tenant_id": TENANT},
        {"email": UNVERIFIED, "email_verified": False},
        {"email": PRIVATE},
    ],
    "oauth_clients": [{**US, "name": "Footprint", "redirect_uris": [BACK, CONSOLE]}],
}


def at_google(part: Emulate, **more: str) -> dict[str, str]:
    """The settings that send us there instead of to Google."""
    paths = {"accounts_url": "", "token_url": "/oauth2", "certs_url": "/oauth2/v3/certs", "admin_url": ""}
    return {name: part.url + path for name, path in paths.items()} | US | more


def at_microsoft(part: Emulate, **more: str) -> dict[str, str]:
    """The settings that send us there instead of to Microsoft."""
    return {"login_url": part.url} | US | more


def app_at(authority: trustme.CA, folder: Path, **settings: Any) -> App:
    """An app as its environment would make it, with the machine's own time."""
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    environment = {"FOOTPRINT_CA_FILE": str(folder / "ca.pem"), "FOOTPRINT_PUBLIC_URL": PUBLIC} | {
        f"FOOTPRINT_{section}__{name}".upper(): value
        for section, values in settings.items()
        for name, value in values.items()
    }
    url = f"sqlite+aiosqlite:///{folder / 'footprint.db'}"
    return build(settings_from(environment, database_url=url, master_key={"value": MASTER_KEY}), SystemClock())


def signing_in(app: App) -> SignIn:
    return SignIn(app.settings.google, app.wire, app.issuers, app.clock)


def consented(sign_in: SignIn, part: Emulate, address: str = ADMIN, **changed: str) -> str:
    """The code with which an administrator comes back."""
    url = sign_in.consent_url(redirect_uri=BACK, state="st&te", verifier=VERIFIER, nonce=NONCE, hint="contoso.com")
    where, said = part.pick(url, address, **changed)
    assert (where, said["state"]) == (BACK, "st&te")
    return said["code"]


def in_an_hour(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)


class Person:
    """Somebody who signs in by msal: our credential and our way to the network, its flow.

    We sign nobody in at Microsoft (an administrator consents, and tokens are the application's), so this proves of our
    code what every call of msal goes by, and of msal what is left to it: state, nonce, PKCE, a new refresh token.
    """

    SCOPES = ("User.Read",)

    def __init__(self, app: App, part: Emulate) -> None:
        self.part, self.transport = part, Transport(app.wire, app.clock)
        authority = f"{app.settings.microsoft.login_url}/{TENANT}"
        self.msal = msal.ConfidentialClientApplication(
            app.settings.microsoft.client_id,
            authority=authority,
            instance_discovery=False,
            client_credential=Credential(app.settings.microsoft, app.wire).for_tenant(authority),
            http_client=self.transport,
        )

    def begin(self) -> tuple[dict[str, Any], dict[str, str]]:
        """A flow, and what the browser posts when it comes back."""
        flow = self.msal.initiate_auth_code_flow(list(self.SCOPES), redirect_uri=BACK, response_mode="form_post")
        where, said = self.part.pick(flow["auth_uri"], ADMIN)
        assert where == BACK
        return flow, said

    def finish(self, flow: dict[str, Any], back: dict[str, str]) -> dict[str, Any]:
        """What msal makes of the answer."""
        return dict(self.msal.acquire_token_by_auth_code_flow(flow, back))

    def refresh(self, secret: str) -> dict[str, Any]:
        """What msal makes of a refresh token."""
        return dict(self.msal.acquire_token_by_refresh_token(secret, list(self.SCOPES)))
