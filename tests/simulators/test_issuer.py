"""The operators' issuer: what it grants, to whom, and how strictly it is asked; msal's client gets along with it."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import msal
import pytest

from infra.local.simulators.issuer.state import ACCOUNTS
from tests.simulators.caller import Caller

REDIRECT = "http://127.0.0.1:8080/sign-in/back"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
OLGA = "olga@msp.example"


def discovered(caller: Caller) -> dict[str, Any]:
    issuer = caller.sims.settings["FOOTPRINT_OPERATORS__ISSUER"]
    found = dict(caller.client.get(f"{issuer}/.well-known/openid-configuration").json())
    assert found["issuer"] == issuer
    return found


def picked(caller: Caller, account: str, **changes: str) -> dict[str, str]:
    """What the browser is sent back with after a button was pressed."""
    asked = {
        "client_id": caller.sims.settings["FOOTPRINT_OPERATORS__CLIENT_ID"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid profile email",
        "state": "st&te",
        "nonce": "n0nce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    url = discovered(caller)["authorization_endpoint"]
    page = caller.client.get(url, params={name: value for name, value in asked.items() if value})
    back = page
    if page.status_code == 200:
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.replace("&amp;", "&")))
        back = caller.client.post(url, data={**hidden, "account": account})
    assert back.status_code == 302, back.text
    return dict(parse_qsl(urlsplit(back.headers["location"]).query))


def exchanged(caller: Caller, code: str, **changes: str) -> httpx.Response:
    settings = caller.sims.settings
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "client_id": settings["FOOTPRINT_OPERATORS__CLIENT_ID"],
        "client_secret": settings["FOOTPRINT_OPERATORS__CLIENT_SECRET"],
    } | changes
    return caller.client.post(discovered(caller)["token_endpoint"], data=form)


def test_each_account_has_its_own_claims(stranger: Caller) -> None:
    stranger.advance(86_400)
    for account in ACCOUNTS:
        back = picked(stranger, account.address)
        assert back["state"] == "st&te"
        token = exchanged(stranger, back["code"]).json()["id_token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["preferred_username"], claims["nonce"]) == (account.address, "n0nce")
        assert (claims.get("roles"), claims["customer"]) == (list(account.roles) or None, account.customer)
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(claims["iat"] - stranger.sims.cloud.clock.seconds()) < 10
    assert picked(stranger, "")["error"] == "access_denied"


def test_a_code_is_good_once_and_for_a_minute(stranger: Caller) -> None:
    code = picked(stranger, OLGA)["code"]
    assert exchanged(stranger, code).status_code == 200
    assert exchanged(stranger, code).json()["error"] == "invalid_grant"
    code = picked(stranger, OLGA)["code"]
    stranger.advance(61)
    assert exchanged(stranger, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant", 400),
        ({"code_verifier": ""}, "invalid_grant", 400),
        ({"redirect_uri": "http://localhost:8080/sign-in/back"}, "invalid_grant", 400),
        ({"client_secret": "wrong"}, "invalid_client", 401),
        ({"client_id": "another"}, "invalid_client", 401),
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
    ],
)
def test_what_the_token_endpoint_refuses(stranger: Caller, changes: dict[str, str], error: str, status: int) -> None:
    answer = exchanged(stranger, picked(stranger, OLGA)["code"], **changes)
    assert (answer.json()["error"], answer.status_code) == (error, status)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
    ],
)
def test_what_the_page_sends_back_at_once(stranger: Caller, changes: dict[str, str], error: str) -> None:
    back = picked(stranger, OLGA, **changes)
    assert (back["error"], back["state"]) == (error, "st&te")


@pytest.mark.parametrize("changes", [{"client_id": "another"}, {"redirect_uri": "https://evil.example/sign-in/back"}])
def test_a_stranger_is_not_redirected_to(stranger: Caller, changes: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match=r"unauthorized_client|invalid_request"):
        picked(stranger, OLGA, **changes)


@pytest.mark.parametrize("keep", [True, False])
def test_the_key_turns(stranger: Caller, keep: bool) -> None:  # noqa: FBT001
    settings = stranger.sims.settings

    def check(token: str) -> str:
        keys = jwt.PyJWKSet.from_dict(stranger.client.get(discovered(stranger)["jwks_uri"]).json())
        key = keys[jwt.get_unverified_header(token)["kid"]].key
        audience, issuer = settings["FOOTPRINT_OPERATORS__AUDIENCE"], settings["FOOTPRINT_OPERATORS__ISSUER"]
        return str(jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer)["name"])

    before = stranger.sims.operator_token("pat@msp.example", "auditor")
    stranger.advance(86_400)
    stranger.control("POST", "/operators/rotate", {"keep": keep})
    asked = {"name": "pat@msp.example", "role": "auditor", "customer": "contoso"}
    after = stranger.control("POST", "/operator-token", asked).json()["token"]
    assert check(after) == "pat@msp.example"
    assert jwt.decode(after, options={"verify_signature": False})["customer"] == "contoso"
    if keep:
        assert check(before) == "pat@msp.example"
    else:
        with pytest.raises(KeyError):
            check(before)


def test_msal_signs_in(stranger: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where these are set, requests prefers them to the file it is given.
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    settings = stranger.sims.settings
    client = msal.ConfidentialClientApplication(
        settings["FOOTPRINT_OPERATORS__CLIENT_ID"],
        client_credential=settings["FOOTPRINT_OPERATORS__CLIENT_SECRET"],
        oidc_authority=settings["FOOTPRINT_OPERATORS__ISSUER"],
        verify=settings["FOOTPRINT_CA_FILE"],
    )
    # It would rather have the answer posted; then the browser leaves at home the cookie that says who began.
    with pytest.warns(UserWarning, match="form_post"):
        flow = client.initiate_auth_code_flow(["email"], redirect_uri=REDIRECT)
    asked = dict(parse_qsl(urlsplit(flow["auth_uri"]).query))
    found = client.acquire_token_by_auth_code_flow(flow, picked(stranger, OLGA, **asked))
    assert found["id_token_claims"]["preferred_username"] == OLGA
