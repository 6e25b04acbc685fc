"""The operators' issuer: discovery, keys, a page with a button for each account, and codes that become ID tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from infra.local.simulators.issuer import device
from infra.local.simulators.issuer.refusals import oauth
from infra.local.simulators.issuer.state import (
    ACCOUNTS,
    CLI_CLIENT_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    CUSTOMER_CLAIM,
    REDIRECT_PATH,
    ROOT,
    TOKEN_LIFE,
    Code,
    Issuer,
    subject,
)
from infra.local.simulators.wire import Answer, Refusal, Request

CODE_LIFE = 60  # seconds
FORM = "application/x-www-form-urlencoded"
VERIFIER = re.compile(r"[\w.~-]{43,128}", re.ASCII)
FIELDS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)


class IssuerHost:
    """Answers what a browser and an OpenID Connect client ask."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def answer(self, request: Request, quirk: str | None = None) -> Answer:  # noqa: ARG002 (all hosts alike)
        """Answer one request; refusals come back in the shape of OAuth."""
        issuer = self._issuer
        try:
            match request.method, request.path.removeprefix(ROOT):
                case "GET", "/v2.0/.well-known/openid-configuration":
                    return _discovery(issuer)
                case "GET", "/discovery/v2.0/keys":
                    return Answer(body=issuer.signer.jwks)
                case "GET", "/oauth2/v2.0/authorize":
                    return _page(dict(request.query))
                case "POST", "/oauth2/v2.0/authorize":
                    return _decide(issuer, request.form())
                case "POST", "/oauth2/v2.0/devicecode":
                    return device.begin(issuer, request.form())
                case "GET", "/oauth2/v2.0/deviceauth":
                    return device.page()
                case "POST", "/oauth2/v2.0/deviceauth":
                    return device.decide(issuer, request.form())
                case "POST", "/oauth2/v2.0/token":
                    return _token(issuer, request)
        except Refusal as refusal:
            return refusal.answer
        text = f"At the operators' issuer, {request.method} {request.path} is not simulated."
        return Answer(status=501, body={"error": "not_simulated", "error_description": text})


def _discovery(issuer: Issuer) -> Answer:
    base = issuer.base
    return Answer(
        body={
            "issuer": issuer.name,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "grant_types_supported": ["authorization_code", "refresh_token", device.GRANT],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "code_challenge_methods_supported": ["S256"],
        },
        headers={"Cache-Control": "max-age=86400, private"},
    )


def _page(asked: dict[str, str]) -> Answer:
    if refusal := _refused(asked):
        return refusal
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(asked[name])}">' for name in FIELDS if name in asked
    )
    buttons = "".join(
        f'<p><button name="account" value="{one.address}">{html.escape(one.name)}, {one.address}</button></p>'
        for one in ACCOUNTS
    )
    return Answer(
        body=f"""<!doctype html><html lang="en"><head><title>Pick an account</title></head><body>
<main><h1>Pick an account</h1><form method="post" action="{ROOT}/oauth2/v2.0/authorize">{hidden}
{buttons}<p><button name="account" value="">Decline</button></p></form></main></body></html>""",
        content_type="text/html; charset=utf-8",
    )


def _refused(asked: Mapping[str, str]) -> Answer | None:
    """Return an error page where a redirect could go anywhere, and an error by redirect for the rest."""
    if asked.get("client_id") != CLIENT_ID:
        return _failure("unauthorized_client", "No application has this client_id.")
    target = urlsplit(asked.get("redirect_uri", ""))
    registered = target.hostname in ("127.0.0.1", "localhost") and target.path == REDIRECT_PATH
    if not registered or target.scheme not in ("http", "https") or target.query or target.fragment:
        return _failure("invalid_request", "The redirect_uri is not one of the application's.")
    if asked.get("response_type") != "code":
        return _back(asked, error="unsupported_response_type", error_description="response_type has to be code.")
    if "openid" not in asked.get("scope", "").split():
        return _back(asked, error="invalid_scope", error_description="scope lacks openid.")
    if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
        return _back(asked, error="invalid_request", error_description="A code_challenge by S256 is required.")
    return None


def _decide(issuer: Issuer, form: dict[str, str]) -> Answer:
    if refusal := _refused(form):
        return refusal
    account = next((one for one in ACCOUNTS if one.address == form.get("account")), None)
    if account is None:
        return _back(form, error="access_denied", error_description="The user declined to sign in.")
    code = secrets.token_urlsafe(64)
    meant = Code(
        account=account,
        redirect_uri=form["redirect_uri"],
        challenge=form["code_challenge"],
        nonce=form.get("nonce", ""),
        scope=form["scope"],
        expires_at=issuer.clock.seconds() + CODE_LIFE,
    )
    issuer.codes[code] = meant
    # Like others it sends more than it was asked for.
    return _back(form, code=code, session_state=str(uuid.uuid4()))


def _back(asked: Mapping[str, str], **result: str) -> Answer:
    if asked.get("state"):
        result["state"] = asked["state"]
    return Answer(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(result)}"})


def _failure(error: str, text: str) -> Answer:
    page = f"<!doctype html><html><head><title>Sign in</title></head><body>{error}: {html.escape(text)}</body></html>"
    return Answer(status=400, body=page, content_type="text/html; charset=utf-8")


def _token(issuer: Issuer, request: Request) -> Answer:
    fields = request.fields()
    form = dict(fields)
    if (request.header("content-type") or "").partition(";")[0].strip().lower() != FORM:
        raise oauth("invalid_request", f"The content type has to be {FORM}.")
    if len(form) != len(fields):
        raise oauth("invalid_request", "A parameter is there twice.")
    if form.get("client_id") == CLI_CLIENT_ID:
        return device.token(issuer, form)
    if not hmac.compare_digest(form.get("client_secret", ""), CLIENT_SECRET) or form.get("client_id") != CLIENT_ID:
        raise oauth("invalid_client", "The client or its secret is not known.", 401)
    match form.get("grant_type"):
        case "authorization_code":
            return _told(issuer, _code(issuer, form))
        case "refresh_token":
            again = issuer.refresh_tokens.get(form.get("refresh_token", ""))
            if again is None:
                raise oauth("invalid_grant", "The refresh token is not known.")
            # An ID token that comes with a refresh has no nonce.
            return _told(issuer, replace(again, nonce=""))
    raise oauth("unsupported_grant_type", "grant_type has to be authorization_code or refresh_token.")


def _code(issuer: Issuer, form: dict[str, str]) -> Code:
    # Gone with the first attempt, whether that goes well or not.
    code = issuer.codes.pop(form.get("code", ""), None)
    if code is None or code.expires_at <= issuer.clock.seconds():
        raise oauth("invalid_grant", "The code is not known, was used already, or is too old.")
    if form.get("redirect_uri") != code.redirect_uri:
        raise oauth("invalid_grant", "The redirect_uri is not the one that the code was asked for with.")
    if not _fits(form.get("code_verifier", ""), code.challenge):
        raise oauth("invalid_grant", "The code_verifier does not fit the code_challenge.")
    return code


def _told(issuer: Issuer, code: Code) -> Answer:
    more = {}
    if "offline_access" in code.scope.split():
        more["refresh_token"] = secrets.token_urlsafe(64)
        issuer.refresh_tokens[more["refresh_token"]] = code
    return Answer(
        body={
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
            "scope": code.scope,
            "access_token": secrets.token_urlsafe(48),
            "id_token": issuer.signer.sign(_claims(issuer, code)),
            **more,
        },
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    )


def _fits(verifier: str, challenge: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return VERIFIER.fullmatch(verifier) is not None and digest == challenge


def _claims(issuer: Issuer, code: Code) -> dict[str, Any]:
    now, account = int(issuer.clock.seconds()), code.account
    claims: dict[str, Any] = {
        "iss": issuer.name,
        "aud": CLIENT_ID,
        "sub": subject(account.address),
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE,
        "ver": "2.0",
        CUSTOMER_CLAIM: account.customer,
    }
    if "profile" in code.scope.split():
        claims |= {"preferred_username": account.address, "name": account.name}
    if "email" in code.scope.split():
        claims["email"] = account.address
    if code.nonce:
        claims["nonce"] = code.nonce
    # An account without a role has no such claim at all.
    if account.roles:
        claims["roles"] = list(account.roles)
    return {name: value for name, value in (claims | issuer.claims).items() if value is not None}
