"""Tokens by msal from a sign-in host on a real TLS socket, and what its refusals mean."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from shared.deployment.identity import ManagedIdentity
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.http_client import Wire
from shared.foundation.settings import Microsoft
from shared.platforms.microsoft365.entra import REFUSALS, AccessToken, Entra, claims, classify, scope
from tests.foundation.test_http_client import UNREADABLE
from tests.harness.scripted_host import Host, Say, Seen, StillClock

TENANT = "11111111-2222-4333-8444-555555555555"
SECRET = "s3cret~of.the-app"  # noqa: S105 - of nobody
Answer = Callable[[Seen], Say]


class SignIn:
    """Discovery for one tenant and its domain, and whatever a test wants of the token endpoint."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.tokens: list[Say] = [Say(body=granted("t0k"))]
        self.token_endpoint = f"{host.url}/{TENANT}/oauth2/v2.0/token"
        host.script = self._script

    def _script(self, seen: Seen) -> Say:
        if seen.path.endswith("/token"):
            return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        if seen.path.split("/")[1] not in (TENANT, "contoso.example"):
            return refused(90002)
        addresses = {
            "issuer": f"{self.host.url}/{TENANT}/v2.0",
            "authorization_endpoint": f"{self.host.url}/{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": self.token_endpoint,
        }
        return Say(body=addresses, headers={"Set-Cookie": "buid=of-one-tenant; Path=/; Secure"})

    @property
    def posted(self) -> list[Seen]:
        return [seen for seen in self.host.seen if seen.method == "POST"]


def granted(token: str) -> dict[str, Any]:
    return {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}


def refused(*codes: int, status: int = 400) -> Say:
    said = {"error": "refused", "error_description": f"AADSTS{codes[0]}: words {SECRET}", "error_codes": list(codes)}
    return Say(status=status, body=said)


@pytest.fixture
def sign_in(login: Host) -> SignIn:
    return SignIn(login)


@pytest.fixture
def settings(login: Host) -> Microsoft:
    return Microsoft(login_url=login.url, client_id="app-1", client_secret=SecretStr(SECRET))


@pytest.fixture
def entra(settings: Microsoft, wire: Wire, clock: StillClock) -> Iterator[Entra]:
    entra = Entra(settings=settings, wire=wire, clock=clock)
    yield entra
    entra.close()


async def test_a_secret(entra: Entra, sign_in: SignIn, settings: Microsoft, clock: StillClock) -> None:
    token = await entra.token(TENANT, settings.graph_url)
    assert token == AccessToken(value="t0k", expires_at=clock.time + timedelta(seconds=3599))
    assert "t0k" not in repr(token)
    form = sign_in.posted[0].form()
    assert form["grant_type"] == "client_credentials"
    assert (form["client_id"], form["client_secret"]) == ("app-1", SECRET)
    assert form["scope"] == "https://graph.microsoft.com/.default"


async def test_nothing_is_kept_but_the_addresses_for_a_day(
    entra: Entra, sign_in: SignIn, settings: Microsoft, clock: StillClock
) -> None:
    for hours in (0, 1, 24):
        clock.time += timedelta(hours=hours)
        await entra.token(TENANT, settings.exchange_url)
    assert [seen.method for seen in sign_in.host.seen] == ["GET", "POST", "POST", "GET", "POST"]
    assert all("cookie" not in seen.headers for seen in sign_in.host.seen)
    assert sign_in.posted[0].form()["scope"] == "https://outlook.office365.com/.default"


async def test_a_refusal_is_not_remembered(entra: Entra, sign_in: SignIn, settings: Microsoft) -> None:
    sign_in.tokens = [refused(7000229), Say(body=granted("t0k"))]
    with pytest.raises(Permanent, match="consent_missing"):
        await entra.token(TENANT, settings.graph_url)
    assert (await entra.token(TENANT, settings.graph_url)).value == "t0k"
    assert len(sign_in.posted) == 2


async def test_a_certificate_signs_what_the_public_key_verifies(
    login: Host, wire: Wire, clock: StillClock, sign_in: SignIn, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "footprint")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "app.pem").write_bytes(pem)
    settings = Microsoft(login_url=login.url, client_id="app-1", certificate=tmp_path / "app.pem")
    entra = Entra(settings=settings, wire=wire, clock=clock)
    (tmp_path / "app.pem").unlink()  # it was read once
    for _ in range(2):
        await entra.token(TENANT, settings.graph_url)
    entra.close()
    first, second = [seen.form() for seen in sign_in.posted]
    assertion = first["client_assertion"]
    said = jwt.decode(assertion, key.public_key(), algorithms=["PS256"], audience=sign_in.token_endpoint)
    assert (said["iss"], said["sub"]) == ("app-1", "app-1")
    assert said["exp"] - said["nbf"] == 600
    thumbprint = jwt.utils.base64url_encode(certificate.fingerprint(hashes.SHA256())).decode()
    assert jwt.get_unverified_header(assertion)["x5t#S256"] == thumbprint
    assert second["client_assertion"] != assertion
    assert first["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in first


@pytest.fixture
def federated(
    login: Host, wire: Wire, clock: StillClock, host: Host, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Entra]:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{host.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h3ader")
    settings = Microsoft(login_url=login.url, client_id="app-1", federated="identity-1")
    entra = Entra(settings=settings, wire=wire, clock=clock)
    yield entra
    entra.close()


async def test_a_managed_identity(federated: Entra, sign_in: SignIn, host: Host) -> None:
    host.says(Say(body={"access_token": "assertion", "expires_on": str(int(time.time()) + 3600), "resource": "r"}))
    assert (await federated.token(TENANT, "https://graph.microsoft.com")).value == "t0k"
    query = parse_qs(urlsplit(host.seen[0].path).query)
    assert query["resource"] == ["api://AzureADTokenExchange"]
    assert query["client_id"] == ["identity-1"]
    assert host.seen[0].headers["x-identity-header"] == "h3ader"
    assert sign_in.posted[0].form()["client_assertion"] == "assertion"


SILENT = [
    Say(act="drop"), Say(act="cut", body={"access_token": "t"}), Say(body=b"<html>"), Say(body=[]), Say(status=500),
    Say(status=503, body=b"<html>"), Say(status=429, headers={"Retry-After": "7"}),
]  # fmt: skip


@pytest.mark.parametrize("say", SILENT)
async def test_a_managed_identity_that_does_not_answer(federated: Entra, sign_in: SignIn, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(Temporary):
        await federated.token(TENANT, "https://graph.microsoft.com")
    assert sign_in.posted == []


async def test_a_managed_identity_that_is_not_assigned(federated: Entra, sign_in: SignIn, host: Host) -> None:
    host.says(Say(status=400, body={"statusCode": 400, "message": f"No identity, {SECRET}"}))
    with pytest.raises(Permanent, match="our_credential") as raised:
        await federated.token(TENANT, "https://graph.microsoft.com")
    assert SECRET not in str(raised.value)
    assert sign_in.posted == []


async def test_the_apps_own_identity(federated: Entra, wire: Wire, host: Host) -> None:
    host.says(Say(body={"access_token": "t", "expires_on": str(int(time.time()) + 3600), "resource": "r"}))
    identity = ManagedIdentity(wire, wire.clock, None)
    assert [await identity.token("https://vault.azure.net") for _ in range(2)] == ["t", "t"]
    (asked,) = host.seen  # the second time it was kept
    assert "client_id" not in asked.path


UNSURE = {
    "unknown_code": (refused(123456789), "token_refused"),
    "no_code": (Say(status=400, body={"error": "invalid_request"}), "token_refused"),
    "401_unknown": (refused(1, status=401), "token_refused"),
    "400_html": (Say(status=400, body=b"<html>"), "unreadable_answer"),
    "400_list": (Say(status=400, body=[]), "unreadable_answer"),
    "302": (Say(status=302, headers={"Location": "/"}), "unreadable_answer"),
    "no_lifetime": (Say(body={"access_token": "t0k"}), "unreadable_answer"),
    "odd_token": (Say(body=granted("x") | {"access_token": {}}), "unreadable_answer"),
    "429": (Say(status=429, headers={"Retry-After": "77"}), "throttled"),
    "500": (Say(status=500), "platform_unavailable"),
    "503": (Say(status=503, body=b"<html>"), "platform_unavailable"),
    "dropped": (Say(act="drop"), "platform_unreachable"),
    "cut": (Say(act="cut", body=granted(SECRET)), "platform_unreachable"),
} | {f"200_{name}": (Say(body=body), "unreadable_answer") for name, body in UNREADABLE.items()}


@pytest.mark.parametrize(("say", "code"), UNSURE.values(), ids=UNSURE)
async def test_hazard_01_no_answer_is_no_refusal(
    entra: Entra, sign_in: SignIn, settings: Microsoft, say: Say, code: str
) -> None:
    sign_in.tokens = [say]
    with pytest.raises(Temporary) as raised:
        await entra.token(TENANT, settings.graph_url)
    assert raised.value.code == code


async def test_the_wait_that_sign_in_asks_for(entra: Entra, sign_in: SignIn, settings: Microsoft) -> None:
    sign_in.tokens = [UNSURE["429"][0]]
    with pytest.raises(Temporary) as raised:
        await entra.token(TENANT, settings.graph_url)
    assert raised.value.after == timedelta(seconds=77)


@pytest.mark.parametrize(
    "say", [Say(status=500), Say(act="drop"), Say(status=404, body=b"<html>"), Say(body={}), Say(body=b"<html>")]
)
async def test_hazard_01_failed_discovery_is_no_missing_tenant(
    entra: Entra, login: Host, settings: Microsoft, say: Say
) -> None:
    login.says(say)
    with pytest.raises(Temporary):
        await entra.token(TENANT, settings.graph_url)
    with pytest.raises(Temporary):
        await entra.tenant_of("contoso.example")


async def test_hazard_23_a_secret_goes_to_no_other_host(
    entra: Entra, sign_in: SignIn, settings: Microsoft, other: Host
) -> None:
    sign_in.token_endpoint = f"{other.url}/{TENANT}/oauth2/v2.0/token"
    with pytest.raises(Permanent, match="foreign_link"):
        await entra.token(TENANT, settings.graph_url)
    assert other.seen == []


@pytest.mark.parametrize(
    "say",
    [
        refused(7000229),
        refused(7000215, status=401),
        Say(body=b'{"access_token": "' + SECRET.encode()),
        Say(status=400, body=f"<html>{SECRET}".encode()),
        Say(status=500, body=SECRET.encode()),
        Say(act="cut", body=granted(SECRET)),
    ],
)
async def test_neither_errors_nor_logs_tell_secrets(
    entra: Entra, sign_in: SignIn, settings: Microsoft, caplog: pytest.LogCaptureFixture, say: Say
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in.tokens = [say]
    with pytest.raises(FootprintError) as raised:
        await entra.token(TENANT, settings.graph_url)
    chain = [raised.value, raised.value.__cause__]
    assert SECRET not in "".join(map(str, chain)) + caplog.text
    assert raised.value.__cause__ is None


async def test_the_environment_changes_nothing(
    entra: Entra, sign_in: SignIn, settings: Microsoft, other: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", other.url)
    assert (await entra.token(TENANT, settings.graph_url)).value == "t0k"
    assert other.seen == []


async def test_a_tenant_by_its_domain(entra: Entra, sign_in: SignIn) -> None:
    assert await entra.tenant_of("contoso.example") == TENANT


@pytest.mark.parametrize("name", ["nobody.example", "../common", "a/b", "", "a?b", "-", "a@b"])
async def test_a_name_that_no_tenant_has(entra: Entra, sign_in: SignIn, settings: Microsoft, name: str) -> None:
    with pytest.raises(Permanent, match="tenant_not_found"):
        await entra.tenant_of(name)
    with pytest.raises(Permanent, match="tenant_"):
        await entra.token(name, settings.graph_url)
    assert sign_in.posted == []


@pytest.mark.parametrize("tenant", [None, TENANT])
def test_the_consent_page(entra: Entra, login: Host, tenant: str | None) -> None:
    url = entra.consent_url(tenant=tenant, redirect_uri="https://us.example/back?x=1", state="a&b")
    assert url.startswith(f"{login.url}/{tenant or 'organizations'}/v2.0/adminconsent?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["app-1"],
        "scope": ["https://graph.microsoft.com/.default"],
        "redirect_uri": ["https://us.example/back?x=1"],
        "state": ["a&b"],
    }


@pytest.mark.parametrize(
    ("aadsts", "kind", "code"),
    [
        (7000229, Permanent, "consent_missing"),
        (700016, Permanent, "consent_missing"),
        (65001, Permanent, "consent_missing"),
        (650056, Permanent, "consent_missing"),
        (7000215, Permanent, "our_credential"),
        (7000222, Permanent, "our_credential"),
        (500011, Permanent, "exchange_not_licensed"),
        (90002, Permanent, "tenant_gone"),
        (53003, Permanent, "blocked_by_customer"),
        (50196, Temporary, "token_loop"),
        (90006, Temporary, "platform_unavailable"),
        (424242, Temporary, "token_refused"),
    ],
)
def test_what_each_code_means(aadsts: int, kind: type[FootprintError], code: str) -> None:
    for said in ({"error_codes": [aadsts]}, {"error_description": f"AADSTS{aadsts}: words"}):
        found = classify(said)
        assert isinstance(found, kind)
        assert (found.code, f"AADSTS{aadsts}" in found.sentence) == (code, True)


def test_no_code_means_two_things() -> None:
    codes = [code for refusal in REFUSALS for code in refusal.codes]
    assert len(codes) == len(set(codes))


def test_a_loop_is_left_alone_for_an_hour() -> None:
    found = classify({"error_codes": [50196]})
    assert isinstance(found, Temporary)
    assert found.after == timedelta(hours=1)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "é.é.é"])
def test_a_token_that_says_nothing(token: str) -> None:
    assert claims(token) == {}


def test_scopes_by_cloud() -> None:
    global_cloud, china = (
        Microsoft(),
        Microsoft(
            login_url="https://login.partner.microsoftonline.cn", graph_url="https://microsoftgraph.chinacloudapi.cn"
        ),
    )
    assert scope(global_cloud, global_cloud.exchange_url) == "https://outlook.office365.com/.default"
    assert scope(china, china.graph_url) == "https://microsoftgraph.chinacloudapi.cn/.default"
