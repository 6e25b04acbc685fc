"""Google's sign-in without a person: delegation, Google's own library, signing through IAM, and keys."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import jwt
import pytest
from google.auth import iam
from google.auth.exceptions import RefreshError
from google.oauth2 import credentials as oauth
from google.oauth2 import service_account

from infra.local.simulators.google import application
from tests.simulators.google_caller import CLOUD_PLATFORM, JWT_BEARER, PREFIX, GoogleCaller, token_refusal
from tests.simulators.google_library import Transport

USERS = f"{PREFIX}admin.directory.user.readonly"
ADMIN = "admin@orchard.example"
SECOND = "agate.alder@orchard.example"
NOT_DELEGATED = "unauthorized_client"


# Delegation


@pytest.mark.parametrize(
    ("subject", "claims", "expected"),
    [
        ("nobody@orchard.example", {}, (400, "invalid_grant", "Invalid email or User ID")),
        ("someone@nowhere.example", {}, (400, "invalid_grant", "Invalid email or User ID")),
        ("no address", {}, (400, "invalid_grant", "Not a valid email")),
        ("garnet.alder@orchard.example", {}, None),
        ("pearl.alder@orchard.example", {}, (400, "access_denied", "Account restricted")),
        (ADMIN, {"scope": f"{PREFIX}drive"}, (401, NOT_DELEGATED, "Client is unauthorized")),
        (ADMIN, {"scope": f"{USERS} {PREFIX}drive"}, (401, NOT_DELEGATED, "Client is unauthorized")),
        (ADMIN, {"scope": ""}, (400, "invalid_scope", "Empty or missing scope")),
        (ADMIN, {"aud": "http://127.0.0.1/token"}, (400, "invalid_grant", "Invalid JWT: Failed audience check")),
        (ADMIN, {"iss": "other@x.iam.gserviceaccount.com"}, (400, "invalid_grant", "Invalid grant: account not found")),
        (ADMIN, {"exp": 4_000_000_000}, (400, "invalid_grant", "Invalid JWT: Token must be a short-lived token")),
        (ADMIN, {"iat": 1_000_000_000}, (400, "invalid_grant", "Invalid JWT: Token must be a short-lived token")),
        ("", {}, (400, "invalid_request", "Invalid impersonation")),
        ("admin@harbour.example", {}, (401, NOT_DELEGATED, "Client is unauthorized")),
    ],
)
def test_what_an_assertion_is_refused_for(
    google: GoogleCaller, subject: str, claims: dict[str, Any], expected: tuple[int, str, str] | None
) -> None:
    google.administer("suspend-user", user="pearl.alder@orchard.example")
    answer = google.delegated(subject, [USERS], **claims)
    if expected is None:
        assert set(answer.json()) == {"access_token", "expires_in", "token_type"}
        return
    status, error, description = token_refusal(answer)
    assert (status, error, description[: len(expected[2])]) == expected


def test_other_refusals_of_assertions(google: GoogleCaller) -> None:
    def refused(subject: str = ADMIN) -> tuple[int, str, str]:
        return token_refusal(google.delegated(subject, [USERS]))

    forged = google.key() | {"private_key": google.key(runtime=True)["private_key"]}
    answer = google.ask_token(grant_type=JWT_BEARER, assertion=google.assertion(ADMIN, [USERS], forged))
    assert token_refusal(answer) == (400, "invalid_grant", "Invalid JWT Signature.")
    assert token_refusal(google.ask_token(grant_type=JWT_BEARER, assertion="x.y"))[:2] == (400, "invalid_grant")
    google.administer("delete-user", user=SECOND)
    assert refused(SECOND) == (400, "invalid_grant", "The account has been deleted")
    google.behave(installed_org_unit="/Press")
    assert refused() == (401, NOT_DELEGATED, "Unauthorized client or scope in request.")
    google.behave(installed_org_unit="/")
    assert google.delegated(ADMIN, [USERS]).status_code == 200
    google.behave(restricted_users=[ADMIN])
    assert refused() == (400, "access_denied", "Account restricted")
    google.behave(restricted_users=[], client_blocked=True)
    assert refused() == (400, "access_denied", "Requested client not authorized")


def test_a_delegation_takes_a_while_to_be_known(bare_google: GoogleCaller) -> None:
    assert token_refusal(bare_google.delegated(ADMIN, [USERS]))[:2] == (401, NOT_DELEGATED)
    bare_google.behave(delegation_lag_calls=2, delegation_lag_seconds=30)
    bare_google.administer("authorise-delegation", scopes=[USERS])
    assert [bare_google.delegated(ADMIN, [USERS]).status_code for _ in range(3)] == [401, 401, 401]
    bare_google.advance(31)
    assert bare_google.delegated(ADMIN, [USERS]).status_code == 200
    bare_google.behave(delegation_lag_calls=0, delegation_lag_seconds=0)
    assert bare_google.delegated(ADMIN, [f"{PREFIX}gmail.modify"]).status_code == 401


@pytest.mark.parametrize(("outlive", "status"), [(True, 200), (False, 401)])
def test_a_token_after_its_delegation(google: GoogleCaller, outlive: bool, status: int) -> None:  # noqa: FBT001
    google.behave(tokens_outlive_delegation=outlive)
    assert google.directory("GET", f"/users/{ADMIN}").status_code == 200
    google.administer("remove-delegation")
    assert google.directory("GET", f"/users/{ADMIN}").status_code == status
    assert token_refusal(google.delegated(ADMIN, [USERS]))[:2] == (401, NOT_DELEGATED)


def test_a_token_expires_and_is_saved_with_the_cloud(google: GoogleCaller) -> None:
    token = google.token(ADMIN)
    saved = google.sims.cloud.save()
    google.advance(3600)
    answer = google.directory("GET", f"/users/{ADMIN}", token=token)
    assert answer.status_code == 401
    assert answer.json()["error"]["errors"][0]["reason"] == "authError"
    google.sims.cloud.restore(saved)
    google.sims.cloud.restore(saved)
    assert google.directory("GET", f"/users/{ADMIN}", token=token).status_code == 200


# Google's own library


@pytest.mark.parametrize("proof", ["key", "signer"])
def test_googles_library_gets_a_delegated_token(google: GoogleCaller, proof: str) -> None:
    wire = Transport(google)
    if proof == "key":
        credentials = service_account.Credentials.from_service_account_info(google.key(), scopes=[USERS])
    else:
        runtime = service_account.Credentials.from_service_account_info(
            google.key(runtime=True), scopes=[CLOUD_PLATFORM]
        )
        signer = iam.Signer(wire, runtime, application.SERVICE_ACCOUNT)
        credentials = service_account.Credentials(signer, application.SERVICE_ACCOUNT, google.token_uri, scopes=[USERS])
    person = credentials.with_subject(ADMIN)
    person.refresh(wire)
    assert google.directory("GET", f"/users/{ADMIN}", token=person.token).status_code == 200
    assert not [one for one in wire.urls if "googleapis.com" in one]
    google.administer("remove-delegation")
    with pytest.raises(RefreshError) as raised:
        person.refresh(wire)
    assert raised.value.args[1]["error"] == NOT_DELEGATED
    assert raised.value.retryable is False


def test_googles_library_refreshes_a_grant(google: GoogleCaller) -> None:
    given = google.granted()["refresh_token"]
    credentials = google_credentials(google, given)
    credentials.refresh(Transport(google))
    assert google.directory("GET", f"/users/{ADMIN}", token=credentials.token).status_code == 200
    assert credentials.refresh_token == given
    google.administer("revoke-grant", user=ADMIN)
    with pytest.raises(RefreshError) as raised:
        credentials.refresh(Transport(google))
    assert raised.value.args[1]["error"] == "invalid_grant"


def google_credentials(caller: GoogleCaller, refresh_token: str) -> oauth.Credentials:
    return oauth.Credentials(
        None,
        refresh_token=refresh_token,
        token_uri=caller.token_uri,
        client_id=application.CLIENT_ID,
        client_secret=application.CLIENT_SECRET,
    )


# IAM and keys


def test_signing_needs_the_right(google: GoogleCaller) -> None:
    path = f"/v1/projects/-/serviceAccounts/{application.SERVICE_ACCOUNT}"

    def signed(what: str, body: Any, *, runtime: bool = True, **more: Any) -> httpx.Response:
        token = google.token(None, more.get("scopes", (CLOUD_PLATFORM,)), runtime=runtime)
        return google.call("IAM_URL", "POST", f"{path}:{what}", body, token=token)

    claims = {"iss": application.SERVICE_ACCOUNT, "sub": ADMIN, "scope": USERS, "aud": "x"}
    answer = signed("signJwt", {"payload": json.dumps(claims), "delegates": None}).json()
    assert jwt.get_unverified_header(answer["signedJwt"])["kid"] == answer["keyId"]
    blob = signed("signBlob", {"payload": base64.b64encode(b"blob").decode()}).json()
    assert len(base64.b64decode(blob["signedBlob"])) == 256
    assert signed("signBlob", {"payload": "eA=="}, runtime=False).status_code == 403
    assert signed("signBlob", {"payload": "eA=="}, scopes=(f"{PREFIX}gmail.modify",)).status_code == 403
    assert signed("signBlob", {"payload": "***"}).status_code == 400
    assert signed("signBlob", {"blob": "eA=="}).status_code == 400
    assert signed("signJwt", {"payload": "no json"}).status_code == 400
    assert signed("generateAccessToken", {"scope": [USERS]}).status_code == 501


def test_keys_turn(bare_google: GoogleCaller) -> None:
    old = bare_google.granted()["id_token"]
    first = bare_google.client.get(bare_google.url("CERTS_URL"))
    assert "max-age" in first.headers["cache-control"]
    bare_google.control("POST", "/rotate-google-keys", {})
    kids = [one["kid"] for one in bare_google.client.get(bare_google.url("CERTS_URL")).json()["keys"]]
    assert len(kids) == 2
    new = bare_google.granted(prompt="consent")["id_token"]
    assert [jwt.get_unverified_header(one)["kid"] for one in (new, old)] == kids


def test_where_everything_is(bare_google: GoogleCaller) -> None:
    url = f"{bare_google.url('ACCOUNTS_URL')}/.well-known/openid-configuration"
    found = bare_google.client.get(url).json()
    assert found["token_endpoint"] == bare_google.token_uri
    assert found["jwks_uri"] == bare_google.url("CERTS_URL")
    assert bare_google.client.get(f"{bare_google.url('ACCOUNTS_URL')}/nonsense").status_code == 501
    assert bare_google.client.get(bare_google.token_uri).status_code == 405
