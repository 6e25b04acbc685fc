"""Access tokens and refresh tokens: how they are made, whose they are, and how they end."""

from __future__ import annotations

import dataclasses
import secrets

from infra.local.simulators.google import activities
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.state import Google, Token
from infra.local.simulators.wire import Record

TOKEN_LIFE = 3599


def minted(google: Google, token: Token) -> str:
    """Keep a token and return its string."""
    text = f"ya29.{secrets.token_urlsafe(48)}"
    google.tokens[text] = token
    return text


def life(google: Google) -> float:
    """Return when a token made now expires."""
    return google.clock.seconds() + TOKEN_LIFE


def grant_key(user_id: str, client_id: str) -> str:
    """Return under which name a customer's grants are kept."""
    return f"{user_id} {client_id}"


def end_grant(google: Google, customer: Customer, user_id: str, client_id: str) -> bool:
    """End all a person granted to a client; False if there was nothing. Access tokens may live on a little."""
    found = customer.grants.pop(grant_key(user_id, client_id), None)
    end = google.clock.seconds() + customer.behaviour.revocation_lag_seconds
    for text, token in list(google.tokens.items()):
        if (token.user_id, token.client_id, token.delegated) == (user_id, client_id, False):
            google.tokens[text] = dataclasses.replace(token, expires_at=min(end, token.expires_at))
    if found is None:
        return False
    user = customer.users.get(user_id)
    about = activities.event("auth", "revoke", client_id=client_id, scope=list(found["scopes"]))
    activities.log(customer, "token", about, actor=user, now=google.clock.now())
    return True


def live_token(google: Google, text: str) -> Token | None:
    """Return what a token stands for while it is taken, or None."""
    token = google.tokens.get(text)
    if token is None or token.expires_at <= google.clock.seconds():
        return None
    if token.customer_id is None:
        return token
    customer = google.customers[token.customer_id]
    user = customer.users.get(token.user_id or "")
    if user is None or user.get("suspended"):
        return None
    if token.delegated and not customer.behaviour.tokens_outlive_delegation:
        delegation = customer.delegations.get(token.client_id, {"scopes": ()})
        return token if token.scopes <= set(delegation["scopes"]) else None
    return token


def holder(google: Google, refresh_token: str) -> tuple[Customer, str, Record] | None:
    """Return whose refresh token this is: the customer, the key of the grant, and what is kept of the token."""
    for customer in google.customers.values():
        for key, grant in customer.grants.items():
            for kept in grant["refresh_tokens"]:
                if kept["token"] == refresh_token:
                    return customer, key, kept
    return None


def refresh_token(google: Google, customer: Customer, key: str, scopes: tuple[str, ...]) -> str:
    """Add a refresh token to a grant and return it; above the limit the oldest one is dropped silently."""
    made = f"1//0g{secrets.token_urlsafe(40)}"
    grant = customer.grants[key]
    kept = (*grant["refresh_tokens"], {"token": made, "scopes": scopes, "used_at": google.clock.seconds()})
    limit = customer.behaviour.refresh_token_limit
    customer.grants[key] = {**grant, "refresh_tokens": kept[-limit:]}
    return made


def used(google: Google, customer: Customer, key: str, refresh_token: str) -> None:
    """Note that a refresh token was used now."""
    grant, now = customer.grants[key], google.clock.seconds()
    kept = tuple({**one, "used_at": now} if one["token"] == refresh_token else one for one in grant["refresh_tokens"])
    customer.grants[key] = {**grant, "refresh_tokens": kept}
