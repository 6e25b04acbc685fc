"""Google's sign-in with a person: the consent page, codes, refresh tokens, and how a grant ends."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from google.oauth2 import id_token

from infra.local.simulators.google import application
from tests.simulators.google_caller import PREFIX, REDIRECT, GoogleCaller, token_refusal
from tests.simulators.google_library import Transport

USERS = f"{PREFIX}admin.directory.user.readonly"
ADMIN = "admin@orchard.example"
SECOND = "agate.alder@orchard.example"


# The page


def test_the_page_lists_super_administrators_first(bare_google: GoogleCaller) -> None:
    def options(**changes: Any) -> list[str]:
        return re.findall(r'<option value="([^"]+)">', bare_google.page(**changes).text)

    assert options()[:3] == [ADMIN, SECOND, "admin@harbour.example"]
    assert options(hd="harbour.example")[0] == "admin@harbour.example"
    assert ADMIN in options(hd="harbour.example")
    assert options(login_hint="coral.bay@orchard.example")[0] == "coral.bay@orchard.example"
    page = bare_google.page().text
    assert re.findall(r'name="scope" value="([^"]+)" checked', page) == ["openid", "email", USERS]


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"client_id": "other"}, 401, "The OAuth client was not found."),
        ({"client_id": None}, 400, "Missing required parameter: client_id"),
        ({"redirect_uri": "https://elsewhere.example/api/consent/google"}, 400, "is not registered"),
        ({"redirect_uri": f"{REDIRECT}/x"}, 400, "is not registered"),
        ({"redirect_uri": f"{REDIRECT}?a=b"}, 400, "is not registered"),
        ({"response_type": "token"}, 400, "Invalid response_type"),
        ({"scope": "openid nonsense"}, 400, "invalid=[nonsense]"),
        ({"scope": None}, 400, "Missing required parameter: scope"),
        ({"prompt": "maybe"}, 400, "prompt"),
        ({"access_type": "always"}, 400, "access_type"),
        ({"code_challenge": "x" * 43}, 400, "code_challenge_method"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, 400, "code_challenge_method"),
        ({"colour": "red"}, 400, "Unknown parameter: colour"),
    ],
)
def test_the_page_refuses_without_redirecting(
    bare_google: GoogleCaller, changes: dict[str, Any], status: int, text: str
) -> None:
    answer = bare_google.page(**changes)
    assert (answer.status_code, "location" in answer.headers) == (status, False)
    assert text in answer.text


def test_what_the_browser_brings_back(bare_google: GoogleCaller) -> None:
    accepted = bare_google.decide(user=SECOND)
    assert {**accepted, "code": ""} == {
        "code": "",
        "state": "the state",
        "scope": f"openid email {USERS}",
        "hd": "orchard.example",
    }
    assert bare_google.decide("cancel") == {"error": "access_denied", "state": "the state"}
    bare_google.behave(admin_policy_enforced=True)
    assert bare_google.decide(user=ADMIN) == {"error": "admin_policy_enforced", "state": "the state"}
    # The customer named by hd is a hint; the person there may choose another account.
    assert bare_google.decide(user="admin@harbour.example", hd="orchard.example")["hd"] == "harbour.example"


def test_a_scope_can_be_unticked(bare_google: GoogleCaller) -> None:
    brought = bare_google.decide(without=[USERS])
    assert brought["scope"] == "openid email"
    tokens = bare_google.exchange(brought["code"]).json()
    assert tokens["scope"] == "openid email"
    refused = bare_google.directory("GET", "/users", token=tokens["access_token"], params={"customer": "my_customer"})
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


# The code


def test_a_code_becomes_tokens(bare_google: GoogleCaller) -> None:
    tokens = bare_google.granted(ADMIN, nonce="a nonce")
    assert (tokens["expires_in"], tokens["token_type"]) == (3599, "Bearer")
    wire = Transport(bare_google)
    for url in (bare_google.url("CERTS_URL"), bare_google.url("CERTS_URL").replace("v3", "v1")):
        claims = id_token.verify_token(tokens["id_token"], wire, application.CLIENT_ID, url, 5)
        user = bare_google.customer_state().user(ADMIN)
        assert user is not None
        assert claims["iss"] == "https://accounts.google.com"
        assert (claims["sub"], claims["email"], claims["email_verified"]) == (user["id"], ADMIN, True)
        assert (claims["hd"], claims["nonce"]) == ("orchard.example", "a nonce")
    url = bare_google.url("GROUPSSETTINGS_URL")
    answer = bare_google.client.get(
        f"{url}/oauth2/v2/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"}
    )
    assert (answer.json()["id"], answer.json()["hd"]) == (user["id"], "orchard.example")
    info = bare_google.client.get(f"{bare_google.oauth_url}/tokeninfo", params={"access_token": tokens["access_token"]})
    assert (info.json()["aud"], info.json()["sub"]) == (application.CLIENT_ID, user["id"])
    users = bare_google.directory("GET", "/users", token=tokens["access_token"], params={"customer": "my_customer"})
    assert len(users.json()["users"]) == 60


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": "other"}, (401, "invalid_client", "The OAuth client was not found.")),
        ({"client_secret": "wrong"}, (401, "invalid_client", "Unauthorized")),
        ({"code": "4/0Aunknown"}, (400, "invalid_grant", "Bad Request")),
        ({"redirect_uri": REDIRECT.replace("localhost", "127.0.0.1")}, (400, "redirect_uri_mismatch", "Bad Request")),
        ({"code_verifier": "x" * 43}, (400, "invalid_grant", "code_verifier or verifier is not needed.")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", "Invalid grant_type: password")),
    ],
)
def test_what_a_code_is_refused_for(
    bare_google: GoogleCaller, changes: dict[str, str], expected: tuple[int, str, str]
) -> None:
    form = {"code": bare_google.decide()["code"]} | changes
    assert token_refusal(bare_google.exchange(**form)) == expected


def test_a_code_is_good_once_and_not_for_long(bare_google: GoogleCaller) -> None:
    code = bare_google.decide()["code"]
    assert bare_google.exchange(code).status_code == 200
    assert token_refusal(bare_google.exchange(code))[:2] == (400, "invalid_grant")
    old = bare_google.decide()["code"]
    bare_google.advance(601)
    assert token_refusal(bare_google.exchange(old))[:2] == (400, "invalid_grant")


def test_proof_key(bare_google: GoogleCaller) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def code() -> str:
        return bare_google.decide(code_challenge=challenge, code_challenge_method="S256")["code"]

    assert token_refusal(bare_google.exchange(code()))[2] == "Missing code verifier."
    assert token_refusal(bare_google.exchange(code(), code_verifier="w" * 43))[2] == "Invalid code verifier."
    assert bare_google.exchange(code(), code_verifier=verifier).status_code == 200


@pytest.mark.parametrize("path", ["/token", "/revoke"])
def test_forms_only(bare_google: GoogleCaller, path: str) -> None:
    answer = bare_google.client.post(f"{bare_google.oauth_url}{path}", json={"grant_type": "refresh_token"})
    assert token_refusal(answer)[:2] == (400, "invalid_request")


# Refresh tokens


def test_who_gets_a_refresh_token(bare_google: GoogleCaller) -> None:
    assert "refresh_token" not in bare_google.granted(SECOND, access_type="online")
    assert "refresh_token" in bare_google.granted(SECOND)
    assert "refresh_token" not in bare_google.granted(SECOND)
    assert "refresh_token" in bare_google.granted(SECOND, prompt="consent")


def test_refreshing(bare_google: GoogleCaller) -> None:
    given = bare_google.granted()["refresh_token"]
    whole = bare_google.refresh(given).json()
    assert set(whole) == {"access_token", "expires_in", "scope", "token_type"}
    assert bare_google.refresh(given, scope="openid").json()["scope"] == "openid"
    assert token_refusal(bare_google.refresh(given, scope=f"{PREFIX}gmail.modify"))[:2] == (400, "invalid_scope")
    assert token_refusal(bare_google.refresh(given, client_id="other"))[:2] == (401, "invalid_client")
    dead = (400, "invalid_grant", "Token has been expired or revoked.")
    assert token_refusal(bare_google.refresh("1//0gunknown")) == dead
    bare_google.behave(reauth_required=True)
    refused = bare_google.refresh(given)
    assert token_refusal(refused) == (400, "invalid_grant", "reauth related error (invalid_rapt)")
    assert refused.json()["error_subtype"] == "invalid_rapt"
    bare_google.behave(reauth_required=False)
    bare_google.advance(181 * 86_400)
    assert token_refusal(bare_google.refresh(given)) == dead


def test_the_oldest_refresh_token_is_dropped(bare_google: GoogleCaller) -> None:
    bare_google.behave(refresh_token_limit=2)
    given = [bare_google.granted(prompt="consent")["refresh_token"] for _ in range(3)]
    assert [bare_google.refresh(one).status_code for one in given] == [400, 200, 200]


def test_granted_scopes_are_included_when_asked_for(bare_google: GoogleCaller) -> None:
    bare_google.granted()
    groups = f"{PREFIX}admin.directory.group"
    assert bare_google.granted(scope=groups)["scope"] == groups
    assert USERS in bare_google.granted(scope=groups, include_granted_scopes="true")["scope"].split()


# How a grant ends


@pytest.mark.parametrize("by", ["refresh_token", "access_token"])
def test_revoking_ends_the_whole_grant(bare_google: GoogleCaller, by: str) -> None:
    before = bare_google.snapshot()
    first, second = bare_google.granted(), bare_google.granted(prompt="consent")
    assert json.loads(bare_google.snapshot())["grants"]
    assert (bare_google.revoke(first[by]).status_code, bare_google.revoke(first[by]).status_code) == (200, 400)
    for one in (first, second):
        assert bare_google.refresh(one["refresh_token"]).status_code == 400
        assert bare_google.directory("GET", f"/users/{ADMIN}", token=one["access_token"]).status_code == 401
    assert bare_google.snapshot() == before


def test_access_tokens_may_live_on_a_little(bare_google: GoogleCaller) -> None:
    bare_google.behave(revocation_lag_seconds=60)
    tokens = bare_google.granted()
    assert bare_google.revoke(tokens["refresh_token"]).json() == {}
    assert bare_google.refresh(tokens["refresh_token"]).status_code == 400
    assert bare_google.directory("GET", f"/users/{ADMIN}", token=tokens["access_token"]).status_code == 200
    bare_google.advance(61)
    assert bare_google.directory("GET", f"/users/{ADMIN}", token=tokens["access_token"]).status_code == 401


def test_an_unknown_token_is_not_revoked(bare_google: GoogleCaller) -> None:
    assert token_refusal(bare_google.revoke("ya29.unknown"))[:2] == (400, "invalid_token")


def test_a_suspended_administrator_has_no_tokens(bare_google: GoogleCaller) -> None:
    tokens = bare_google.granted(SECOND)
    bare_google.administer("suspend-user", user=SECOND)
    assert bare_google.directory("GET", f"/users/{ADMIN}", token=tokens["access_token"]).status_code == 401
    assert bare_google.refresh(tokens["refresh_token"]).status_code == 400


def test_grants_are_seen_and_ended_by_the_administrator(google: GoogleCaller) -> None:
    tokens = google.granted(SECOND)
    (item,) = google.directory("GET", f"/users/{SECOND}/tokens").json()["items"]
    assert item["clientId"] == application.CLIENT_ID
    path = f"/users/{SECOND}/tokens/{application.CLIENT_ID}"
    assert USERS in google.directory("GET", path).json()["scopes"]
    assert google.directory("DELETE", path).status_code == 204
    assert google.directory("GET", path).status_code == 404
    assert google.refresh(tokens["refresh_token"]).status_code == 400
