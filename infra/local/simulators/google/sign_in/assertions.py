"""The JWT-bearer grant: a service account for itself, or for a person of a customer that delegated to it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import jwt

from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.project import ServiceAccount
from infra.local.simulators.google.sign_in.errors import NOT_TIMELY, invalid_grant, not_delegated, token_refused
from infra.local.simulators.google.sign_in.grants import TOKEN_LIFE, life, minted
from infra.local.simulators.google.state import Google, Token
from infra.local.simulators.wire import Answer, Record

# Google's own libraries write this, wherever they are told to send the assertion.
AUDIENCE = "https://oauth2.googleapis.com/token"
MAX_LIFETIME_SECONDS = 3600  # seconds
SKEW = 300  # seconds


def exchange(google: Google, form: dict[str, str]) -> Answer:
    """Answer an assertion with an access token, or with the refusal that fits."""
    account, claims = _verified(google, form.get("assertion", ""))
    scopes = frozenset(str(claims.get("scope", "")).split())
    if not scopes:
        raise token_refused(400, "invalid_scope", "Empty or missing scope not allowed.")
    subject = claims.get("sub", claims.get("prn"))
    if subject is None or subject == account.email:
        token = Token(
            customer_id=None,
            user_id=None,
            client_id=account.client_id,
            scopes=scopes,
            expires_at=life(google),
            account=account.email,
        )
    else:
        customer, user = _person(google, subject)
        _check_delegation(google, customer, account.client_id, scopes, user)
        token = Token(
            customer_id=customer.id,
            user_id=user["id"],
            client_id=account.client_id,
            scopes=scopes,
            expires_at=life(google),
            delegated=True,
        )
    text = minted(google, token)
    return Answer(body={"access_token": text, "expires_in": TOKEN_LIFE, "token_type": "Bearer"})


def _verified(google: Google, assertion: str) -> tuple[ServiceAccount, dict[str, Any]]:
    try:
        unverified = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise invalid_grant("Invalid JWT: Failed to parse the token.") from error
    account = google.project.accounts.get(str(unverified.get("iss")))
    if account is None:
        raise invalid_grant("Invalid grant: account not found")
    try:
        claims = account.claims(assertion)
    except jwt.InvalidTokenError as error:
        raise invalid_grant("Invalid JWT Signature.") from error
    if claims.get("aud") != AUDIENCE:
        raise invalid_grant(f"Invalid JWT: Failed audience check. The right audience is {AUDIENCE}")
    # Google's library reads the machine's clock, and a test moves ours: an assertion may follow either.
    if not any(_timely(claims, moment) for moment in (google.clock.seconds(), time.time())):
        raise invalid_grant(NOT_TIMELY)
    return account, claims


def _timely(claims: dict[str, Any], now: float) -> bool:
    begin, end = claims.get("iat"), claims.get("exp")
    if not isinstance(begin, int | float) or not isinstance(end, int | float):
        return False
    return end - begin <= MAX_LIFETIME_SECONDS and begin - SKEW <= now < end + SKEW and begin < end


def _person(google: Google, subject: object) -> tuple[Customer, Record]:
    if not isinstance(subject, str) or not subject:
        raise token_refused(400, "invalid_request", 'Invalid impersonation "sub" field: ' + repr(subject))
    name, at, domain = subject.partition("@")
    if not name or not at or "." not in domain:
        raise invalid_grant("Not a valid email")
    customer = google.customer(domain)
    user = customer.user(subject) if customer else None
    if customer is None or user is None:
        if customer is not None and customer.deleted_user(subject):
            raise invalid_grant("The account has been deleted")
        raise invalid_grant("Invalid email or User ID")
    if user.get("suspended") or subject.lower() in customer.behaviour.restricted_users:
        raise token_refused(400, "access_denied", "Account restricted")
    return customer, user


def _check_delegation(google: Google, customer: Customer, client_id: str, scopes: frozenset[str], user: Record) -> None:
    behaviour = customer.behaviour
    delegation = customer.delegations.get(client_id)
    if delegation is None:
        raise not_delegated()
    calls = delegation.get("calls", 0) + 1
    customer.delegations[client_id] = {**delegation, "calls": calls}
    age = google.clock.seconds() - datetime.fromisoformat(delegation["at"]).timestamp()
    if calls <= behaviour.delegation_lag_calls or age < behaviour.delegation_lag_seconds:
        raise not_delegated()
    if not scopes <= set(delegation["scopes"]):
        raise not_delegated()
    if behaviour.client_blocked:
        raise token_refused(400, "access_denied", "Requested client not authorized")
    unit = behaviour.installed_org_unit
    if unit is not None and not f"{user['orgUnitPath']}/".startswith(f"{unit.rstrip('/')}/"):
        raise token_refused(401, "unauthorized_client", "Unauthorized client or scope in request.")
