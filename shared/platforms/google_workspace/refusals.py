"""What a refusal of Google's token endpoint means, by family: the tenant, one user, the grant, ourselves, or nothing.

The endpoint answers with an OAuth error and a sentence; some errors are told apart by the sentence's beginning only
(observed by GAM, facts of google-auth).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from shared.foundation.errors import FootprintError, Permanent, Temporary


class Family(Enum):
    """Whose matter a refusal is."""

    TENANT = "the customer's delegation"
    USER = "one user's account"
    GRANT = "the administrator's grant"
    OURS = "this deployment's own credential"
    PASSING = "nothing that lasts"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One way of refusing: the error, and how its description begins; empty for any."""

    error: str
    begins: str
    family: Family


def _refusal(family: Family, error: str, begins: str = "") -> Refusal:
    return Refusal(error=error, begins=begins, family=family)


# In order: the first that fits counts. developers.google.com/identity/protocols/oauth2/service-account#error-codes
REFUSALS = (
    _refusal(Family.TENANT, "unauthorized_client"),
    _refusal(Family.TENANT, "admin_policy_enforced"),
    _refusal(Family.USER, "access_denied", "Account"),
    _refusal(Family.TENANT, "access_denied"),
    _refusal(Family.USER, "invalid_account"),
    _refusal(Family.USER, "invalid_grant", "Invalid email or User ID"),
    _refusal(Family.USER, "invalid_grant", "Not a valid email"),
    _refusal(Family.USER, "invalid_grant", "The account has been deleted"),
    _refusal(Family.USER, "invalid_grant", "Account"),
    _refusal(Family.USER, "invalid_request", "Invalid impersonation"),
    _refusal(Family.OURS, "invalid_grant", "Invalid JWT"),
    _refusal(Family.GRANT, "invalid_grant"),
    _refusal(Family.OURS, "invalid_client"),
    _refusal(Family.OURS, "deleted_client"),
    _refusal(Family.OURS, "disabled_client"),
    _refusal(Family.OURS, "restricted_client"),
    _refusal(Family.OURS, "org_internal"),
    _refusal(Family.OURS, "invalid_scope"),
    _refusal(Family.OURS, "redirect_uri_mismatch"),
    _refusal(Family.PASSING, "internal_failure"),
    _refusal(Family.PASSING, "rate_limit_exceeded"),
    _refusal(Family.PASSING, "server_error"),
    _refusal(Family.PASSING, "temporarily_unavailable"),
)


class TokenRefused(FootprintError):
    """The token endpoint has refused; what it means depends on whose token was asked for."""

    def __init__(self, family: Family, error: str, description: str) -> None:
        super().__init__("token_refused", f"Google gave no token ({error}: {description[:200]}).")
        self.family = family


def classify(answer: Mapping[str, Any]) -> FootprintError:
    """What an error answer means. One that nobody knows proves nothing and is asked again later."""
    error, description = str(answer.get("error", "")), str(answer.get("error_description", ""))
    for refusal in REFUSALS:
        if error == refusal.error and description.startswith(refusal.begins):
            if refusal.family is Family.PASSING:
                return Temporary("platform_unavailable", f"Google's sign-in has a passing fault ({error}).")
            if refusal.family is Family.OURS:
                return our_credential(error, description)
            return TokenRefused(refusal.family, error, description)
    return Temporary("token_refused", f"Google gave no token ({error or 'no code'}).", after=timedelta(minutes=15))


def our_credential(error: str, description: str) -> Permanent:
    """Google does not take who we say we are, which concerns every customer and none in particular."""
    return Permanent(
        "our_credential",
        "Google does not accept this deployment's own credential. Check the client, the service account's key and the "
        f"clock ({error}: {description[:120]}).",
    )
