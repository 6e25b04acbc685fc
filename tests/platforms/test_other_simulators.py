"""Our sign-in against one that we did not write, over TLS with an authority of its own.

What it does not have is not tested here: a directory, delegation, admin consent, certificates, AADSTS codes. Its app
tokens are of no tenant in particular, and it takes any token at all, so that what a token opens is not tested either.
"""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msal
import pytest
import trustme
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google.oauth2.id_token import verify_oauth2_token

from shared.deployment.identity import ISSUERS, Transport
from shared.engine.rows import Stage
from shared.flows import grant
from shared.flows.app import App
from shared.foundation.clock import SystemClock
from shared.foundation.errors import Permanent, Refused, Temporary
from shared.foundation.http_client import Wire
from shared.foundation.schedule import Site
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.sign_in import SCOPES, SignIn
from shared.platforms.microsoft365.credential import Credential
from shared.platforms.microsoft365.entra import Entra
from shared.service import build
from shared.storage.migrate import migrate
from shared.web import sign_in as console
from shared.web.accounts import actor
from shared.web.http import Request
from shared.web.views.connections import found
from tests.harness.world import MASTER_KEY, settings_from
from tests.programs.emulate import Emulate, emulate, missing

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=f"skipped: {WHY_NOT}")

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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def _google(authority: trustme.CA) -> Iterator[Emulate]:
    # Whose tokens Google's are is fixed in our code, as it is in Google's own.
    with emulate("google", authority, SEED, issuer="https://accounts.google.com") as part:
        yield part


@pytest.fixture(scope="module")
def _microsoft(authority: trustme.CA) -> Iterator[Emulate]:
    with emulate("microsoft", authority, SEED) as part:
        yield part


@pytest.fixture
def google(_google: Emulate) -> Emulate:
    _google.seen.clear()
    return _google


@pytest.fixture
def microsoft(_microsoft: Emulate) -> Emulate:
    _microsoft.seen.clear()
    return _microsoft


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
    return SignIn(app.settings.google, app.wire, app.keys, app.clock)


@pytest.fixture
def google_app(google: Emulate, authority: trustme.CA, tmp_path: Path) -> App:
    return app_at(authority, tmp_path, google=at_google(google))


@pytest.fixture
def sign_in(google_app: App) -> SignIn:
    return signing_in(google_app)


def consented(sign_in: SignIn, part: Emulate, address: str = ADMIN, **changed: str) -> str:
    """The code with which an administrator comes back."""
    url = sign_in.consent_url(redirect_uri=BACK, state="st&te", verifier=VERIFIER, nonce=NONCE, hint="contoso.com")
    where, said = part.pick(url, address, **changed)
    assert (where, said["state"]) == (BACK, "st&te")
    return said["code"]


def in_an_hour(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)


# Google


async def test_an_administrators_grant_from_its_consent_to_its_end(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    granted = await sign_in.exchange(code, redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)
    assert (granted.address, granted.domain) == (ADMIN, "contoso.com")
    assert granted.account
    first, second = [await sign_in.refresh(granted.refresh_token) for _ in range(2)]
    assert in_an_hour(first.expires_at)
    assert len({granted.access_token, first.access_token, second.access_token}) == 3
    assert first.refresh_token is None
    assert await sign_in.holds(granted.refresh_token)

    await sign_in.revoke(granted.refresh_token)
    with pytest.raises(TokenRefused, match="invalid_grant") as gone:
        await sign_in.refresh(granted.refresh_token)
    assert gone.value.family is Family.GRANT
    assert not await sign_in.holds(granted.refresh_token)
    await sign_in.revoke(granted.refresh_token)  # given back already
    addresses = " ".join(seen.path for seen in google.seen)
    for secret in (SECRET, VERIFIER, code, granted.refresh_token, granted.access_token):
        assert secret not in addresses
        assert secret not in str(gone.value)


async def test_a_code_is_good_once(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    await sign_in.exchange(code, redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)
    with pytest.raises(Refused, match="callback_not_valid"):
        await sign_in.exchange(code, redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)


async def test_a_code_is_good_for_whoever_began(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    with pytest.raises(Refused, match="callback_not_valid"):
        await sign_in.exchange(code, redirect_uri=BACK, verifier="w" * 43, nonce=NONCE)
    # It was the verifier, and nothing else.
    assert await sign_in.exchange(code, redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)


async def given_back(sign_in: SignIn, part: Emulate) -> bool:
    """Whether the one grant was given back, and does not hold any more."""
    (form,) = part.posted("/oauth2/revoke")
    return not await sign_in.holds(form["token"])


@pytest.mark.parametrize(
    ("address", "changed", "code"),
    [
        (PRIVATE, {}, "not_an_organisation"),
        (UNVERIFIED, {}, "callback_not_valid"),
        (ADMIN, {"scope": " ".join(SCOPES[:2])}, "consent_incomplete"),
        (ADMIN, {"nonce": "of-another-sign-in"}, "callback_not_valid"),
        (ADMIN, {"client_id": "another-client"}, "callback_not_valid"),
    ],
    ids=["private_account", "unverified_address", "box_not_ticked", "another_nonce", "another_audience"],
)
async def test_a_grant_that_is_not_good_is_given_back(
    sign_in: SignIn, google: Emulate, address: str, changed: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        await sign_in.exchange(
            consented(sign_in, google, address, **changed), redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE
        )
    assert await given_back(sign_in, google)


async def test_another_issuer_is_not_google_whatever_its_keys(authority: trustme.CA, tmp_path: Path) -> None:
    with emulate("google", authority, SEED) as other:
        sign_in = signing_in(app_at(authority, tmp_path, google=at_google(other)))
        with pytest.raises(Refused, match="callback_not_valid"):
            await sign_in.exchange(consented(sign_in, other), redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)
        assert await given_back(sign_in, other)


@pytest.mark.parametrize("wrong", [{"client_secret": "expired"}, {"client_id": "client-2"}])
async def test_google_does_not_know_us(
    sign_in: SignIn, google: Emulate, authority: trustme.CA, tmp_path: Path, wrong: dict[str, str]
) -> None:
    granted = await sign_in.exchange(consented(sign_in, google), redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)
    stranger = signing_in(app_at(authority, tmp_path, google=at_google(google, **wrong)))
    with pytest.raises(Permanent, match="our_credential") as refused:
        await stranger.exchange(consented(sign_in, google), redirect_uri=BACK, verifier=VERIFIER, nonce=NONCE)
    assert "expired" not in str(refused.value)
    # That says nothing about the grant, which is nobody's to throw away.
    with pytest.raises(Permanent, match="our_credential"):
        await stranger.holds(granted.refresh_token)
    assert await sign_in.holds(granted.refresh_token)


async def test_googles_own_client_says_the_same(google_app: App, sign_in: SignIn, google: Emulate) -> None:
    """google-auth by our way to the network: it refreshes what we were granted, and verifies what we verify."""
    certs, token_url = google_app.settings.google.certs_url, f"{google.url}/oauth2/token"
    transport = Transport(google_app.wire, google_app.clock, lambda url: certs if url.endswith("/certs") else url)
    form = {
        "grant_type": "authorization_code", "code": consented(sign_in, google), "redirect_uri": BACK,
        "code_verifier": VERIFIER, **US,
    }  # fmt: skip
    granted = json.loads(transport.post(token_url, data=form).data)
    told = verify_oauth2_token(granted["id_token"], transport, CLIENT)
    ours = await google_app.keys.claims(granted["id_token"], url=certs, audience=CLIENT, issuers=ISSUERS, require=())
    assert told == ours
    assert (told["email"], told["hd"], told["nonce"]) == (ADMIN, "contoso.com", NONCE)

    refresh = granted["refresh_token"]
    theirs = Credentials(None, refresh_token=refresh, token_uri=token_url, **US)
    theirs.refresh(transport)
    assert theirs.valid
    await sign_in.revoke(refresh)
    with pytest.raises(RefreshError, match="invalid_grant"):
        theirs.refresh(transport)


@pytest.fixture
async def migrated(google_app: App) -> AsyncIterator[App]:
    await migrate(google_app.database)
    yield google_app
    await google_app.database.close()


async def test_a_consent_whose_customer_cannot_be_known_is_given_back(migrated: App, google: Emulate) -> None:
    """The whole way from an operator's wish to the callback; there is no directory here to ask about the customer."""
    new = grant.NewConnection(platform="google", site=Site.EU, name="Contoso", tenant="contoso.com")
    made = await grant.create(migrated, new, "operator@msp.example")
    url = await grant.platform_url(migrated, await found(migrated, made["id"]))
    asked = httpx.URL(url).params
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", " ".join(SCOPES))
    _, said = google.pick(url, ADMIN)
    with pytest.raises(Temporary, match="unreadable_answer"):
        await grant.callback(migrated, "google", said)
    assert await given_back(signing_in(migrated), google)
    with pytest.raises(Refused, match="link_not_valid"):  # the state is used up, whatever came of it
        await grant.callback(migrated, "google", said)
    assert (await found(migrated, made["id"])).stage is Stage.NEW


# Microsoft


@pytest.fixture
def microsoft_app(microsoft: Emulate, authority: trustme.CA, tmp_path: Path) -> App:
    return app_at(authority, tmp_path, microsoft=at_microsoft(microsoft))


@pytest.fixture
def entra(microsoft_app: App) -> Iterator[Entra]:
    made = Entra(settings=microsoft_app.settings.microsoft, wire=microsoft_app.wire, clock=microsoft_app.clock)
    yield made
    made.close()


async def test_a_tenants_token(entra: Entra, microsoft: Emulate, microsoft_app: App) -> None:
    """Discovery is followed: the token endpoint is not where Microsoft has it, but on the same host."""
    settings = microsoft_app.settings.microsoft
    tokens = [await entra.token(TENANT, resource) for resource in (settings.graph_url, settings.exchange_url)]
    assert all(in_an_hour(token.expires_at) for token in tokens)
    assert len({token.value for token in tokens}) == 2
    assert [(seen.method, seen.path) for seen in microsoft.seen] == [
        ("GET", f"/{TENANT}/v2.0/.well-known/openid-configuration"),
        ("POST", "/oauth2/v2.0/token"),
        ("POST", "/oauth2/v2.0/token"),
    ]
    forms = microsoft.posted("/oauth2/v2.0/token")
    assert [form["scope"] for form in forms] == [f"{settings.graph_url}/.default", f"{settings.exchange_url}/.default"]
    assert {form["grant_type"] for form in forms} == {"client_credentials"}


async def test_a_tenants_id_is_read_from_the_issuer(entra: Entra) -> None:
    assert await entra.tenant_of(TENANT) == TENANT


@pytest.mark.parametrize("wrong", [{"client_secret": "expired"}, {"client_id": "client-2"}])
async def test_a_refusal_without_a_code_proves_nothing(
    microsoft: Emulate, authority: trustme.CA, tmp_path: Path, wrong: dict[str, str]
) -> None:
    """Microsoft says why in a code, and by that we decide; this sign-in has only OAuth's word, which may mean much."""
    app = app_at(authority, tmp_path, microsoft=at_microsoft(microsoft, **wrong))
    entra = Entra(settings=app.settings.microsoft, wire=app.wire, clock=app.clock)
    with pytest.raises(Temporary, match="token_refused") as refused:
        await entra.token(TENANT, app.settings.microsoft.graph_url)
    entra.close()
    assert "invalid_client" in refused.value.sentence
    assert "expired" not in str(refused.value)


async def test_nobody_is_believed_without_the_authority(microsoft: Emulate, microsoft_app: App) -> None:
    wire = Wire(clock=microsoft_app.clock, ca_file=None)
    entra = Entra(settings=microsoft_app.settings.microsoft, wire=wire, clock=microsoft_app.clock)
    with pytest.raises(Temporary, match="platform_unreachable"):
        await entra.token(TENANT, microsoft_app.settings.microsoft.graph_url)
    entra.close()
    assert microsoft.seen == []


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
            app.settings.microsoft.client_id, authority=authority, instance_discovery=False,
            client_credential=Credential(app.settings.microsoft, app.wire).for_tenant(authority),
            http_client=self.transport,
        )  # fmt: skip

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


@pytest.fixture
def person(microsoft_app: App, microsoft: Emulate) -> Person:
    return Person(microsoft_app, microsoft)


def test_a_person_signs_in_by_msal(person: Person) -> None:
    flow, back = person.begin()
    signed_in = person.finish(flow, back)
    assert signed_in["id_token_claims"]["tid"] == TENANT
    assert signed_in["id_token_claims"]["preferred_username"] == ADMIN
    assert person.finish(flow, back)["error"] == "invalid_grant"  # the code was used
    assert SECRET not in " ".join(seen.path for seen in person.part.seen)


def test_msal_keeps_what_is_whose(person: Person) -> None:
    flow, back = person.begin()
    with pytest.raises(ValueError, match="state"):
        person.finish(flow, {**back, "state": "another"})
    assert person.finish({**flow, "code_verifier": "w" * 43}, back)["error"] == "invalid_grant"
    with pytest.raises(RuntimeError, match="nonce"):
        person.finish({**flow, "nonce": "another"}, back)


def test_each_refresh_token_is_good_once_and_the_last_until_revoked(person: Person) -> None:
    first = person.finish(*person.begin())["refresh_token"]
    second = person.refresh(first)["refresh_token"]
    assert second != first
    assert person.refresh(first)["error"] == "invalid_grant"
    third = person.refresh(second)["refresh_token"]
    assert person.transport.post(f"{person.part.url}/oauth2/v2.0/revoke", data={"token": third}).status == 200
    assert person.refresh(third)["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("tenant", "audience", "status"),
    [(TENANT, CLIENT, 403), (TENANT, "api://other", 401), (TENANT[::-1], CLIENT, 401)],
    ids=["ours", "another_audience", "another_issuer"],
)
async def test_a_persons_token_at_our_own_door(
    person: Person, microsoft: Emulate, authority: trustme.CA, tmp_path: Path, tenant: str, audience: str, status: int
) -> None:
    """Its signature, issuer, audience and times hold; only the role is missing, which this sign-in knows none of."""
    token = person.finish(*person.begin())["id_token"]
    issuer = f"{microsoft.url}/{tenant}/v2.0"
    app = app_at(authority, tmp_path, operators={"issuer": issuer, "audience": audience})
    request = Request(method="GET", path="/", query={}, headers={"authorization": f"Bearer {token}"}, body=b"")
    with pytest.raises(Refused) as refused:
        await actor(app, request)
    assert refused.value.status == status


async def test_a_person_at_the_consoles_door(microsoft: Emulate, authority: trustme.CA, tmp_path: Path) -> None:
    """Discovery, PKCE, the code's exchange and the token's nonce hold with it too; again only the role is missing."""
    app = app_at(authority, tmp_path, operators={"issuer": f"{microsoft.url}/{TENANT}/v2.0", **US})
    await migrate(app.database)
    begun = await console.begin(app, Request(method="GET", path="/sign-in", query={}, headers={}, body=b""))
    where, said = microsoft.pick(begun.headers["Location"], ADMIN)
    assert where == CONSOLE
    cookie = {"cookie": begun.headers["Set-Cookie"].partition(";")[0]}
    with pytest.raises(Refused, match="no_role"):
        await console.back(app, Request(method="GET", path="/sign-in/back", query=said, headers=cookie, body=b""))
    await app.database.close()
