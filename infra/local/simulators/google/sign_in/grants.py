"""Access tokens, refresh tokens and authorisation codes: what they stand for, and how they end."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.simulators.google.admin import activities
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.wire import Record

if TYPE_CHECKING:  # The cloud keeps tokens and codes; here only its type is needed.
    from infra.local.simulators.cloud import Cloud

TOKEN_LIFE = 3599


@dataclass(frozen=True, kw_only=True)
class Token:
    """What an access token stands for. The string itself tells nothing, as Google's own does not."""

    customer_id: str | None  # None: a token of a service account for itself
    user_id: str | None
    client_id: str
    scopes: frozenset[str]
    expires_at: float
    delegated: bool = False
    account: str | None = None  # the service account's address, where it is a service account's token


@dataclass(frozen=True, kw_only=True)
class Code:
    """What an authorisation code stands for, until it is exchanged."""

    customer_id: str
    user_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    expires_at: float
    nonce: str = ""
    challenge: str = ""
    offline: bool = False
    consented: bool = False  # the page was shown again because the client asked for it


def minted(cloud: Cloud, token: Token) -> str:
    """Keep a token and return its string."""
    text = f"ya29.{secrets.token_urlsafe(48)}"
    cloud.google_tokens[text] = token
    return text


def life(cloud: Cloud) -> float:
    """Return when a token made now expires."""
    return cloud.clock.seconds() + TOKEN_LIFE


def grant_key(user_id: str, client_id: str) -> str:
    """Return under which name a customer's grants are kept."""
    return f"{user_id} {client_id}"


def end_grant(cloud: Cloud, customer: Customer, user_id: str, client_id: str) -> bool:
    """End all a person granted to a client; False if there was nothing. Access tokens may live on a little."""
    found = customer.grants.pop(grant_key(user_id, client_id), None)
    end = cloud.clock.seconds() + customer.behaviour.revocation_lag_seconds
    for text, token in list(cloud.google_tokens.items()):
        if (token.user_id, token.client_id, token.delegated) == (user_id, client_id, False):
            cloud.google_tokens[text] = dataclasses.replace(token, expires_at=min(end, token.expires_at))
    if found is None:
        return False
    user = customer.users.get(user_id)
    about = activities.event("auth", "revoke", client_id=client_id, scope=list(found["scopes"]))
    activities.log(customer, "token", about, actor=user, now=cloud.clock.now())
    return True


def live_token(cloud: Cloud, text: str) -> Token | None:
    """Return what a token stands for while it is taken, or None."""
    token = cloud.google_tokens.get(text)
    if token is None or token.expires_at <= cloud.clock.seconds():
        return None
    if token.customer_id is None:
        return token
    customer = cloud.customers[token.customer_id]
    user = customer.users.get(token.user_id or "")
    if user is None or user.get("suspended"):
        return None
    if token.delegated and not customer.behaviour.tokens_outlive_delegation:
        delegation = customer.delegations.get(token.client_id, {"scopes": ()})
        return token if token.scopes <= set(delegation["scopes"]) else None
    return token


def holder(cloud: Cloud, refresh_token: str) -> tuple[Customer, str, Record] | None:
    """Return whose refresh token this is: the customer, the key of the grant, and what is kept of the token."""
    for customer in cloud.customers.values():
        for key, grant in customer.grants.items():
            for kept in grant["refresh_tokens"]:
                if kept["token"] == refresh_token:
                    return customer, key, kept
    return None


def refresh_token(cloud: Cloud, customer: Customer, key: str, scopes: tuple[str, ...]) -> str:
    """Add a refresh token to a grant and return it; above the limit the oldest one is dropped silently."""
    made = f"1//0g{secrets.token_urlsafe(40)}"
    grant = customer.grants[key]
    kept = (*grant["refresh_tokens"], {"token": made, "scopes": scopes, "used_at": cloud.clock.seconds()})
    limit = customer.behaviour.refresh_token_limit
    customer.grants[key] = {**grant, "refresh_tokens": kept[-limit:]}
    return made


def used(cloud: Cloud, customer: Customer, key: str, refresh_token: str) -> None:
    """Note that a refresh token was used now."""
    grant, now = customer.grants[key], cloud.clock.seconds()
    kept = tuple({**one, "used_at": now} if one["token"] == refresh_token else one for one in grant["refresh_tokens"])
    customer.grants[key] = {**grant, "refresh_tokens": kept}
