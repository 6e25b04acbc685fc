"""The token endpoint's refusals, which have a shape of their own."""

from __future__ import annotations

from infra.local.simulators.wire import Answer, Refusal

NOT_DELEGATED = (
    "Client is unauthorized to retrieve access tokens using this method, "
    "or client not authorized for any of the scopes requested."
)
NOT_TIMELY = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


def token_refused(status: int, error: str, description: str, subtype: str = "") -> Refusal:
    """Return a refusal to raise."""
    body = {"error": error, "error_description": description}
    if subtype:
        body["error_subtype"] = subtype
    return Refusal(Answer(status=status, body=body, content_type="application/json; charset=utf-8"))


def invalid_grant(description: str) -> Refusal:
    """Return the refusal of a code, a refresh token or an assertion."""
    return token_refused(400, "invalid_grant", description)


def not_delegated() -> Refusal:
    """Return the refusal of a client that no delegation covers: all of its scopes, or nothing."""
    return token_refused(401, "unauthorized_client", NOT_DELEGATED)
