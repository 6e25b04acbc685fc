"""Tokens by msal from a sign-in host on a real TLS socket: who we say we are there."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shared.deployment.identity import ManagedIdentity
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.platform_settings import Microsoft
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.entra import AccessToken, Entra, claims, scope
from tests.harness.entra import SECRET, TENANT, SignIn, granted, refused
from tests.harness.scripted_host import Host, Say, StillClock


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


async def test_another_tenants_token_is_one_request_to_its_own_address(
    entra: Entra, sign_in: SignIn, settings: Microsoft
) -> None:
    other = TENANT[::-1]
    for tenant in (TENANT, other, TENANT):
        await entra.token(tenant, settings.graph_url)
    assert [(seen.method, seen.path.split("/")[1]) for seen in sign_in.host.seen] == [
        ("GET", TENANT),
        ("POST", TENANT),
        ("POST", other),
        ("POST", TENANT),
    ]


async def test_addresses_of_a_tenant_asked_for_by_its_domain_are_nobody_elses(
    entra: Entra, sign_in: SignIn, settings: Microsoft
) -> None:
    await entra.token("contoso.example", settings.graph_url)
    sign_in.token_endpoint = sign_in.token_endpoint.replace(TENANT, TENANT[::-1])
    with pytest.raises(Permanent, match="AADSTS90002"):
        await entra.token(TENANT[::-1], settings.graph_url)
    assert [seen.path.split("/")[1] for seen in sign_in.posted] == [TENANT]


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
    Say(act="drop"),
    Say(act="cut", body={"access_token": "t"}),
    Say(body=b"<html>"),
    Say(body=[]),
    Say(status=500),
    Say(status=503, body=b"<html>"),
    Say(status=429, headers={"Retry-After": "7"}),
]


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


@pytest.mark.hazard(23)
async def test_a_secret_goes_to_no_other_host(entra: Entra, sign_in: SignIn, settings: Microsoft, other: Host) -> None:
    sign_in.token_endpoint = f"{other.url}/{TENANT}/oauth2/v2.0/token"
    with pytest.raises(Permanent, match="foreign_link"):
        await entra.token(TENANT, settings.graph_url)
    assert other.seen == []


async def test_the_environment_changes_nothing(
    entra: Entra, sign_in: SignIn, settings: Microsoft, other: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", other.url)
    assert (await entra.token(TENANT, settings.graph_url)).value == "t0k"
    assert other.seen == []


async def test_a_tenant_by_its_domain(entra: Entra, sign_in: SignIn) -> None:
    assert await entra.tenant_of("contoso.example") == TENANT


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
