"""The sign-in host: discovery, tokens, what they carry, and its error codes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.simulators.caller import EXCHANGE, GRAPH, Caller

REDIRECT = "http://localhost:8080/api/consent/microsoft365"


def pem(key: rsa.RSAPrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "footprint")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def test_discovery_turns_a_domain_into_the_tenant(stranger: Caller) -> None:
    url = f"{stranger.login_url}/contoso.com/v2.0/.well-known/openid-configuration"
    found = stranger.client.get(url).json()
    assert found["token_endpoint"] == f"{stranger.login_url}/{stranger.tenant}/oauth2/v2.0/token"
    assert stranger.client.get(found["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"
    assert stranger.client.get(f"{stranger.login_url}/common/discovery/instance").json()["api-version"] == "1.1"
    unknown = stranger.client.get(url.replace("contoso.com", "nobody.example.com"))
    assert unknown.json()["error_codes"] == [90002]


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"client_secret": "wrong"}, 7000215, 401),
        ({"client_secret": ""}, 7000218, 401),
        ({"client_id": "0" * 8}, 700016, 400),
        ({"tenant": "nobody.example.com"}, 90002, 400),
        ({"tenant": "common"}, 900023, 400),
        ({"scope": "https://storage.example.com/.default"}, 500011, 400),
        ({"scope": f"{GRAPH}/User.Read.All"}, 1002012, 400),
        ({"grant_type": "password"}, 70003, 400),
        ({"scope": ""}, 900144, 400),
    ],
)
def test_refusals_name_their_code(caller: Caller, changes: dict[str, str], code: int, status: int) -> None:
    answer = caller.ask_token(**changes)  # type: ignore[arg-type]
    assert (answer.json()["error_codes"], answer.status_code) == ([code], status)
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")


def test_no_consent_then_lag_then_token_then_disabled(stranger: Caller) -> None:
    assert stranger.ask_token().json()["error_codes"] == [7000229]
    stranger.behave(consent_lag_calls=2, consent_lag_seconds=30)
    stranger.administer("consent")
    assert [stranger.ask_token().json()["error_codes"] for _ in range(3)] == [[700016]] * 3
    stranger.advance(31)
    granted = stranger.ask_token().json()
    assert granted["expires_in"] == 3599
    assert granted["token_type"] == "Bearer"  # noqa: S105 (a word of the protocol)
    stranger.administer("disable-application")
    assert stranger.ask_token().json()["error_codes"] == [7000112]
    stranger.administer("remove-application")
    assert stranger.ask_token().json()["error_codes"] == [7000229]


def test_a_token_keeps_what_it_carried_when_minted(stranger: Caller) -> None:
    stranger.administer("consent")
    assert stranger.exchange("Get-OrganizationConfig").status_code == 403
    stranger.administer("assign-role")
    refused = stranger.exchange("Get-OrganizationConfig")
    assert refused.status_code == 403
    assert refused.content == b"\0" * 4096
    stranger.tokens.clear()
    assert stranger.exchange("Get-OrganizationConfig").status_code == 200
    stranger.administer("unassign-role")
    assert stranger.exchange("Get-OrganizationConfig").status_code == 200
    stranger.advance(3600)
    assert stranger.exchange("Get-OrganizationConfig").status_code == 401


def test_claims(caller: Caller) -> None:
    claims = jwt.decode(caller.token(EXCHANGE), options={"verify_signature": False})
    assert claims["roles"] == ["Exchange.ManageAsApp"]
    assert "29232cdf-9323-42fd-ade2-1d097af3e4de" in claims["wids"]
    assert (claims["aud"], claims["tid"]) == (EXCHANGE, caller.tenant)
    graph = jwt.decode(caller.token(GRAPH), options={"verify_signature": False})
    assert graph["roles"] == ["Domain.Read.All", "Group.ReadWrite.All", "User.Read.All"]


def test_identical_requests_without_a_cache_end_as_a_loop(caller: Caller) -> None:
    caller.behave(token_loop_limit=3)
    codes = [caller.ask_token().json().get("error_codes") for _ in range(4)]
    assert codes == [None, None, None, [50196]]
    caller.advance(61)
    assert caller.ask_token().status_code == 200


@pytest.mark.parametrize("proof", ["secret", "thumbprint", "certificate"])
def test_msal_gets_a_token(
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    proof: str,
) -> None:
    # Where these are set, requests prefers them to the file it is given.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    settings = caller.sims.settings
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    caller.sims.microsoft.proofs.add_certificate(text)
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303
    credentials = {
        "secret": settings["FOOTPRINT_MICROSOFT__CLIENT_SECRET"],
        "thumbprint": {"private_key": pem(key), "thumbprint": thumbprint},
        "certificate": {"private_key": pem(key), "public_certificate": text},
    }
    application = msal.ConfidentialClientApplication(
        settings["FOOTPRINT_MICROSOFT__CLIENT_ID"],
        authority=f"{caller.login_url}/{caller.tenant}",
        client_credential=credentials[proof],
        instance_discovery=False,
        verify=settings["FOOTPRINT_CA_FILE"],
    )
    found = application.acquire_token_for_client([f"{GRAPH}/.default"])
    assert found["expires_in"] == 3599, found
    assert caller.client.get(
        f"{caller.graph_url}/v1.0/domains", headers={"authorization": f"Bearer {found['access_token']}"}
    ).is_success


def test_federated_assertion(caller: Caller, key: rsa.RSAPrivateKey) -> None:
    issuer, now = "https://issuer.example.com", int(caller.sims.cloud.clock.seconds())
    good = {"iss": issuer, "sub": "identity", "aud": "api://AzureADTokenExchange", "exp": now + 600}
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    def exchanged(**changes: object) -> list[int] | None:
        assertion = jwt.encode({**good, **changes}, pem(key), algorithm="RS256")
        answer = caller.ask_token(client_secret="", client_assertion=assertion, client_assertion_type=kind)
        codes: list[int] | None = answer.json().get("error_codes")
        return codes

    assert exchanged() == [700211]
    caller.sims.microsoft.proofs.add_federated(issuer, "identity", public_pem(key))
    assert exchanged() is None
    assert exchanged(aud="api://other") == [700212]
    assert exchanged(sub="Identity") == [700213]
    assert exchanged(exp=now - 1) == [700024]
    assert exchanged(iss=caller.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_ID"]) == [700027]


def consent_url(caller: Caller, authority: str, **changes: str) -> tuple[str, dict[str, str]]:
    asked = {
        "client_id": caller.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_ID"],
        "scope": f"{GRAPH}/.default",
        "redirect_uri": REDIRECT,
        "state": "signed",
    } | changes
    return f"{caller.login_url}/{authority}/v2.0/adminconsent", asked


def test_consent_page_and_both_answers(stranger: Caller) -> None:
    url, asked = consent_url(stranger, "organizations")
    page = stranger.client.get(url, params=asked)
    assert "User.Read.All" in page.text
    assert re.findall(r'<option value="([^"]+)"', page.text) == list(stranger.sims.microsoft.tenants)
    form = {**asked, "tenant": stranger.tenant}
    declined = stranger.client.post(f"{stranger.login_url}/_consent", data={**form, "decision": "cancel"})
    query = parse_qs(urlsplit(declined.headers["location"]).query)
    assert (query["admin_consent"], query["error"], query["state"]) == (["True"], ["consent_required"], ["signed"])
    assert stranger.ask_token().status_code == 400
    accepted = stranger.client.post(f"{stranger.login_url}/_consent", data={**form, "decision": "accept"})
    assert accepted.headers["location"].startswith(REDIRECT)
    query = parse_qs(urlsplit(accepted.headers["location"]).query)
    assert (query["tenant"], query["admin_consent"]) == ([stranger.tenant], ["True"])
    assert stranger.ask_token().status_code == 200


def test_single_scopes_grant_no_application_permission(stranger: Caller) -> None:
    _, asked = consent_url(stranger, "organizations", scope=f"{GRAPH}/User.Read.All")
    form = {**asked, "tenant": stranger.tenant, "decision": "accept"}
    stranger.client.post(f"{stranger.login_url}/_consent", data=form)
    assert stranger.graph("GET", "/users").status_code == 403


@pytest.mark.parametrize(
    ("authority", "changes", "code"),
    [
        ("common", {}, "90009"),
        ("organizations", {"scope": ""}, "900144"),
        ("organizations", {"redirect_uri": "https://evil.example.net/api/consent/microsoft365"}, "50011"),
        ("organizations", {"client_id": "other"}, "700016"),
        ("nobody.example.com", {}, "90002"),
    ],
)
def test_consent_links_that_are_not_even_redirected(
    stranger: Caller, authority: str, changes: dict[str, str], code: str
) -> None:
    url, asked = consent_url(stranger, authority, **changes)
    answer = stranger.client.get(url, params=asked)
    assert answer.status_code == 400
    assert f"AADSTS{code}" in answer.text
