"""A person signs in: the page on which they choose an account, the code, and the id token that it is exchanged for."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
import uuid
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from infra.local.simulators.microsoft import applications, consent
from infra.local.simulators.microsoft.sign_in_errors import sign_in_refusal
from infra.local.simulators.microsoft.state import Code, Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Record, Refusal, Request

PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/authorize")
DECISION_PATH = "/_sign-in"
CODE_LIFE = 600  # seconds
TOKEN_LIFE = 3599
SHOWN = 5  # accounts of a tenant besides its administrators
FIELDS = ("client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
SCOPES = frozenset({"openid", "profile", "email"})


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody with the tenant that they belong to."""

    tenant: Tenant
    user: Record


def answer(microsoft: Microsoft, request: Request) -> Answer:
    """Show the page, or act on the form it posts."""
    if request.path == DECISION_PATH:
        return _decide(microsoft, request) if request.method == "POST" else Answer(status=405)
    if request.method != "GET":
        return Answer(status=405)
    found = PATH.fullmatch(request.path)
    return _page(microsoft, found[1] if found else "", dict(request.query))


def _page(microsoft: Microsoft, authority: str, asked: dict[str, str]) -> Answer:
    if refusal := _refused(asked):
        return refusal
    tenant = microsoft.tenant(authority)
    if tenant is None and authority not in ("common", "organizations"):
        return consent.failure(90002, f"Tenant '{authority}' not found.")
    tenants = [tenant] if tenant else list(microsoft.tenants.values())
    hint = microsoft.tenant(asked.get("domain_hint", ""))
    tenants.sort(key=lambda one: one is not hint)
    people = [name for one in tenants for name in _administrators(one)]
    for one in tenants:
        people += islice((user["userPrincipalName"] for user in one.users.values()), SHOWN)
    options = "".join(
        f'<option value="{html.escape(one)}">{html.escape(one)}</option>' for one in dict.fromkeys(people)
    )
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(asked.get(name, ""))}">' for name in FIELDS
    )
    return Answer(
        body=f"""<!doctype html><html lang="en"><head><title>Sign in to your account</title></head><body>
<h1>Pick an account</h1>
<form method="post" action="{DECISION_PATH}">{hidden}
<label>Account <select name="user">{options}</select></label>
<button name="decision" value="accept">Sign in</button> <button name="decision" value="cancel">Cancel</button>
</form></body></html>""",
        content_type="text/html; charset=utf-8",
    )


def _administrators(tenant: Tenant) -> list[str]:
    held = {one["principalId"] for one in tenant.role_assignments.values()}
    return [tenant.users[key]["userPrincipalName"] for key in sorted(held & tenant.users.keys())]


def _refused(asked: dict[str, str]) -> Answer | None:
    if refusal := consent.refused(asked):
        return refusal
    if asked.get("response_type", "code") != "code":
        return consent.failure(700054, "response_type 'id_token' is not enabled for the application.")
    if unknown := sorted(set(asked["scope"].split()) - SCOPES):
        return consent.failure(70011, f"The provided value for the input parameter 'scope' is not valid: {unknown[0]}")
    if asked.get("code_challenge") and asked.get("code_challenge_method", "S256") != "S256":
        return consent.failure(501491, "Invalid size of Code_Challenge parameter.")
    return None


def _decide(microsoft: Microsoft, request: Request) -> Answer:
    form = request.form()
    if refusal := _refused(form):
        return refusal
    result = {"state": form["state"]} if form.get("state") else {}
    if form.get("decision") != "accept":
        result |= {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."}
    else:
        found = _account(microsoft, form.get("user", ""))
        if found is None:
            return consent.failure(50034, f"The user account {form.get('user')} does not exist in the directory.")
        if not found.user["accountEnabled"]:
            return consent.failure(50057, "The user account is disabled.")
        code = f"1.A{secrets.token_urlsafe(40)}"
        microsoft.codes[code] = Code(
            tenant_id=found.tenant.id,
            user_id=found.user["id"],
            redirect_uri=form["redirect_uri"],
            expires_at=microsoft.clock.seconds() + CODE_LIFE,
            nonce=form.get("nonce", ""),
            challenge=form.get("code_challenge", ""),
        )
        result |= {"code": code, "session_state": str(uuid.uuid4())}
    return Answer(status=302, headers={"Location": f"{form['redirect_uri']}?{urlencode(result)}"})


def _account(microsoft: Microsoft, name: str) -> Account | None:
    tenant = microsoft.tenant(name.rpartition("@")[2])
    users = tenant.users.values() if tenant else ()
    found = next((one for one in users if one["userPrincipalName"].lower() == name.lower()), None)
    return Account(tenant=tenant, user=found) if tenant and found else None


def exchange(microsoft: Microsoft, form: dict[str, str]) -> Answer:
    """Exchange a code, once, for an id token; the client has been checked already."""
    code = microsoft.codes.pop(form.get("code", ""), None)
    if code is None:
        raise _invalid(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code.")
    if code.expires_at <= microsoft.clock.seconds():
        raise _invalid(70008, "The provided authorization code has expired.")
    if form.get("redirect_uri") != code.redirect_uri:
        raise _invalid(50011, "The redirect URI does not match the one of the authorization request.")
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if code.challenge and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
        raise _invalid(501481, "The Code_Verifier does not match the code_challenge of the authorization request.")
    tenant = microsoft.tenants[code.tenant_id]
    user = tenant.users.get(code.user_id)
    if user is None:
        raise _invalid(50034, "The user account does not exist in the directory.")
    return Answer(
        body={
            "token_type": "Bearer",
            "scope": "openid profile",
            "expires_in": TOKEN_LIFE,
            "ext_expires_in": TOKEN_LIFE,
            "access_token": secrets.token_urlsafe(40),
            "id_token": _id_token(microsoft, tenant, user, code),
        },
        headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
    )


def _id_token(microsoft: Microsoft, tenant: Tenant, user: Record, code: Code) -> str:
    now = int(microsoft.clock.seconds())
    claims = {
        "aud": applications.CLIENT_ID,
        "iss": f"{microsoft.login_url}/{tenant.id}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + TOKEN_LIFE,
        "name": user["displayName"],
        "nonce": code.nonce,
        "oid": user["id"],
        "preferred_username": user["userPrincipalName"],
        # Another one for each application, unlike `oid`.
        "sub": hashlib.sha256(f"{user['id']} {applications.CLIENT_ID}".encode()).hexdigest(),
        "tid": tenant.id,
        "uti": str(uuid.uuid4()),
        "ver": "2.0",
    }
    # Only where the application's manifest asks for it, with groupMembershipClaims.
    if tenant.behaviour.roles_in_id_token:
        claims["wids"] = [*applications.directory_roles_of(tenant, user["id"]), applications.EVERY_USER]
    return microsoft.signer.sign(claims)


def _invalid(code: int, text: str) -> Refusal:
    return sign_in_refusal(code, "invalid_grant", text)
