"""The token host: codes, refresh tokens and assertions become access tokens here, and grants end."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
from typing import Any

from infra.local.simulators.google import application
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.sign_in import assertions
from infra.local.simulators.google.sign_in.errors import invalid_grant, token_refused
from infra.local.simulators.google.sign_in.grants import (
    TOKEN_LIFE,
    end_grant,
    grant_key,
    holder,
    life,
    live_token,
    minted,
    refresh_token,
    used,
)
from infra.local.simulators.google.state import Code, Google, Token
from infra.local.simulators.wire import Answer, Record, Refusal, Request

FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ISSUER = "https://accounts.google.com"


class OAuth:
    """Answers what an OAuth client asks without a person being there."""

    def __init__(self, google: Google) -> None:
        self._google = google

    def answer(self, request: Request, quirk: str | None = None) -> Answer:  # noqa: ARG002 (all hosts alike)
        """Answer one request; refusals come back in the token endpoint's own shape."""
        try:
            match request.method, request.path:
                case "POST", "/token":
                    return self._token(_form(request))
                case "POST", "/revoke":
                    return self._revoke(_form(request).get("token", ""))
                case (("GET" | "POST"), "/tokeninfo"):
                    return self._token_info(dict(request.query) | request.form())
                case _, "/token" | "/revoke" | "/tokeninfo":
                    return Answer(status=405)
        except Refusal as refusal:
            return refusal.answer
        text = f"The token host's {request.path} is not simulated."
        return Answer(status=501, body={"error": "not_simulated", "error_description": text})

    def _token(self, form: dict[str, str]) -> Answer:
        match form.get("grant_type"):
            case "authorization_code":
                _check_client(form)
                return self._exchange(form)
            case "refresh_token":
                _check_client(form)
                return self._refresh(form)
            case given if given == JWT_BEARER:
                return assertions.exchange(self._google, form)
            case None:
                raise token_refused(400, "invalid_request", "Missing required parameter: grant_type")
            case given:
                raise token_refused(400, "unsupported_grant_type", f"Invalid grant_type: {given}")

    def _exchange(self, form: dict[str, str]) -> Answer:
        # Gone with the first attempt, whether that goes well or not.
        code = self._google.codes.pop(form.get("code", ""), None)
        if code is None or code.expires_at <= self._google.clock.seconds():
            raise invalid_grant("Bad Request")
        if form.get("redirect_uri") != code.redirect_uri:
            raise token_refused(400, "redirect_uri_mismatch", "Bad Request")
        _check_verifier(code, form.get("code_verifier"))
        customer = self._google.customers[code.customer_id]
        user = customer.users.get(code.user_id)
        if user is None or user["suspended"]:
            raise invalid_grant("Bad Request")
        key = grant_key(user["id"], application.CLIENT_ID)
        known = customer.grants[key]["refresh_tokens"] if key in customer.grants else ()
        extra: dict[str, Any] = {}
        if code.offline and key in customer.grants and (not known or code.consented):
            extra["refresh_token"] = refresh_token(self._google, customer, key, code.scopes)
        if "openid" in code.scopes:
            extra["id_token"] = self._id_token(customer, user, code)
        return self._granted(customer, user["id"], code.scopes, extra)

    def _refresh(self, form: dict[str, str]) -> Answer:
        given = form.get("refresh_token", "")
        found = holder(self._google, given)
        if found is None:
            raise invalid_grant("Token has been expired or revoked.")
        customer, key, kept = found
        behaviour = customer.behaviour
        user_id, _, client_id = key.partition(" ")
        user = customer.users.get(user_id)
        idle = self._google.clock.seconds() - kept["used_at"] > behaviour.refresh_token_idle_seconds
        if idle or user is None or user["suspended"] or client_id != form["client_id"]:
            raise invalid_grant("Token has been expired or revoked.")
        if behaviour.reauth_required:
            text = "reauth related error (invalid_rapt)"
            raise token_refused(400, "invalid_grant", text, "invalid_rapt")
        scopes = tuple(form["scope"].split()) if form.get("scope") else tuple(kept["scopes"])
        if not set(scopes) <= set(kept["scopes"]):
            raise token_refused(400, "invalid_scope", "Some requested scopes were not granted.")
        used(self._google, customer, key, given)
        return self._granted(customer, user_id, scopes, {})

    def _granted(self, customer: Customer, user_id: str, scopes: tuple[str, ...], extra: dict[str, Any]) -> Answer:
        token = Token(
            customer_id=customer.id,
            user_id=user_id,
            client_id=application.CLIENT_ID,
            scopes=frozenset(scopes),
            expires_at=life(self._google),
        )
        text = minted(self._google, token)
        told = {"access_token": text, "expires_in": TOKEN_LIFE, "scope": " ".join(scopes), "token_type": "Bearer"}
        return Answer(body=told | extra, headers={"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"})

    def _id_token(self, customer: Customer, user: Record, code: Code) -> str:
        now = int(self._google.clock.seconds())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "azp": application.CLIENT_ID,
            "aud": application.CLIENT_ID,
            "sub": user["id"],
            "hd": customer.domain,
            "iat": now,
            "exp": now + 3600,
        }
        if code.nonce:
            claims["nonce"] = code.nonce
        if "email" in code.scopes or "https://www.googleapis.com/auth/userinfo.email" in code.scopes:
            claims |= {"email": user["primaryEmail"], "email_verified": True}
        return self._google.signer.sign(claims)

    def _revoke(self, text: str) -> Answer:
        """A refresh token, or an access token of a grant, ends the grant; a delegated one ends by itself."""
        if found := holder(self._google, text):
            customer, key, _ = found
            user_id, _, client_id = key.partition(" ")
            end_grant(self._google, customer, user_id, client_id)
            return Answer(body={})
        token = live_token(self._google, text)
        if token is None:
            raise token_refused(400, "invalid_token", "Token expired or revoked")
        if token.customer_id is None or token.user_id is None or token.delegated:
            self._google.tokens[text] = dataclasses.replace(token, expires_at=0)
        else:
            end_grant(self._google, self._google.customers[token.customer_id], token.user_id, token.client_id)
        return Answer(body={})

    def _token_info(self, asked: dict[str, str]) -> Answer:
        token = live_token(self._google, asked.get("access_token", ""))
        if token is None:
            raise token_refused(400, "invalid_token", "Invalid Value")
        told = {
            "azp": token.client_id,
            "aud": token.client_id,
            "scope": " ".join(sorted(token.scopes)),
            "exp": str(int(token.expires_at)),
            "expires_in": str(int(token.expires_at - self._google.clock.seconds())),
            "access_type": "offline",
        }
        if token.user_id is not None:
            told["sub"] = token.user_id
        return Answer(body=told)


def _form(request: Request) -> dict[str, str]:
    """Return the form; anything but a form is refused."""
    if (request.header("content-type") or "").partition(";")[0].strip().lower() != FORM:
        raise token_refused(400, "invalid_request", f"The request's content type is not {FORM}.")
    return request.form()


def _check_client(form: dict[str, str]) -> None:
    if form.get("client_id") != application.CLIENT_ID:
        raise token_refused(401, "invalid_client", "The OAuth client was not found.")
    if not hmac.compare_digest(form.get("client_secret", ""), application.CLIENT_SECRET):
        raise token_refused(401, "invalid_client", "Unauthorized")


def _check_verifier(code: Code, verifier: str | None) -> None:
    if not code.challenge:
        if verifier is not None:
            raise invalid_grant("code_verifier or verifier is not needed.")
        return
    if verifier is None:
        raise invalid_grant("Missing code verifier.")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if digest != code.challenge:
        raise invalid_grant("Invalid code verifier.")
