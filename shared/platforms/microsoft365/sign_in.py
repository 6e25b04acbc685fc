"""Who consents: the administrator signs in, and their id token says to which tenant and with which directory roles.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc and, for the claims,
https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference.
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import jwt

from shared.deployment import openid
from shared.deployment.context import Context
from shared.foundation.errors import Permanent, Refused
from shared.platforms.contract import Consent, ConsentResult
from shared.platforms.microsoft365.credential import Credential
from shared.platforms.microsoft365.entra import GRAPH
from shared.platforms.microsoft365.entra import claims as unverified
from shared.platforms.microsoft365.sign_in_refusals import classify

# Whatever organisation the person belongs to; no private accounts.
AUTHORITY = "organizations"
SCOPES = ("openid", "profile")
PKCE, NONCE = "pkce", "nonce"
# Who may consent to permissions of an application for the whole tenant, by role template:
# https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
MAY_CONSENT = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
}

log = logging.getLogger(__name__)


class SignIn:
    """Microsoft's sign-in of a person, for every administrator of this deployment's customers."""

    def __init__(self, context: Context, credential: Credential) -> None:
        self._context, self._credential = context, credential
        self._settings = context.settings.microsoft

    async def url(self, consent: Consent) -> str:
        """The page on which an administrator signs in; after that, the consent page of the tenant they signed in to."""
        if consent.signed_in:
            return self._consent_url(consent)
        expected = consent.connection.expected_tenant
        # A hint fills the person's domain in. Who really signs in is checked afterwards.
        hint = {"domain_hint": expected} if expected and "." in expected else {}
        return openid.authorization_url(
            f"{self._settings.login_url}/{AUTHORITY}/oauth2/v2.0/authorize",
            openid.Client(id=self._settings.client_id),
            redirect_uri=consent.redirect_uri,
            scopes=SCOPES,
            state=consent.state,
            verifier=await self._secret(PKCE, consent),
            nonce=await self._secret(NONCE, consent),
            # Nobody consents with whatever account the browser happens to be signed in with.
            prompt="select_account",
            **hint,
        )

    def _consent_url(self, consent: Consent) -> str:
        query = {
            "client_id": self._settings.client_id,
            "scope": f"{GRAPH}/.default",
            "redirect_uri": consent.redirect_uri,
            "state": consent.state,
        }
        return f"{self._settings.login_url}/{consent.signed_in}/v2.0/adminconsent?{urlencode(query)}"

    async def result(self, consent: Consent, query: Mapping[str, str]) -> ConsentResult:
        """The tenant of an administrator who has signed in; or that they have consented for it, if they had before.

        Decides on `error` first, for `admin_consent=True` comes with errors too.
        """
        if query.get("error"):
            raise Refused(
                403,
                "consent_declined",
                "Microsoft reports that consent was not given. Open the invitation again and sign in as a Global "
                f"Administrator to accept. ({_code(query)})",
            )
        if not consent.signed_in:
            return ConsentResult(tenant=await self._tenant(consent, query.get("code", "")), consented=False)
        # The parameter says nothing that was not known; that it is another shows that something is wrong.
        if query.get("tenant", "").lower() != consent.signed_in:
            raise Refused(
                409,
                "another_tenant",
                "Consent came for another organisation than the one you signed in to. Nothing was changed.",
            )
        return ConsentResult(tenant=consent.signed_in)

    async def _tenant(self, consent: Consent, code: str) -> str:
        """The tenant that the code's owner has signed in to, if they may consent there."""
        reply, answer = await openid.exchange(
            self._context.wire,
            f"{self._settings.login_url}/{AUTHORITY}/oauth2/v2.0/token",
            await self._client(),
            code,
            redirect_uri=consent.redirect_uri,
            verifier=await self._secret(PKCE, consent),
        )
        if reply.status != 200:
            if answer.get("error") == "invalid_grant":
                raise _not_valid("Microsoft does not take this answer any more. Open the invitation again.")
            raise classify(answer)
        claims = await self._proven(str(answer.get("id_token")), await self._secret(NONCE, consent))
        roles = claims.get("wids")
        if not isinstance(roles, list):
            log.error("Microsoft's id tokens do not name directory roles: set groupMembershipClaims to DirectoryRole")
            raise Permanent(
                "roles_not_shown",
                "Microsoft does not say which directory roles you have, so you cannot consent yet. Your provider "
                "has to have their application ask for it (groupMembershipClaims: DirectoryRole).",
            )
        if not MAY_CONSENT.keys() & {str(role) for role in roles}:
            raise Refused(
                403,
                "not_an_administrator",
                f"Only a {' or a '.join(MAY_CONSENT.values())} can connect an organisation. Open the invitation "
                "again and sign in as one.",
            )
        return str(claims["tid"])

    async def _proven(self, id_token: str, nonce: str) -> dict[str, Any]:
        # Each tenant is an issuer of its own, so the token's signature is held against the name that it gives.
        tenant = str(unverified(id_token).get("tid"))
        login = self._settings.login_url
        try:
            claims = await openid.verified(
                self._context.issuers,
                id_token,
                openid.Client(id=self._settings.client_id),
                nonce=nonce,
                keys_url=f"{login}/{AUTHORITY}/discovery/v2.0/keys",
                names=(f"{login}/{UUID(tenant)}/v2.0",),
                require=("sub", "tid", "oid"),
            )
        except (jwt.InvalidTokenError, ValueError):
            raise _not_valid("Microsoft's answer does not say reliably who signed in. Open the link again.") from None
        return claims

    async def _client(self) -> openid.Client:
        # A federated identity asks its cloud, and waits for the answer.
        proof = await self._context.wire.aside(self._credential.proof, f"{self._settings.login_url}/{AUTHORITY}")
        return openid.Client(id=self._settings.client_id, **proof)

    async def _secret(self, what: str, consent: Consent) -> str:
        """What proves a callback to be this one's is worked out from the state, and kept nowhere."""
        return await self._context.seal.secret(what, consent.state)


def _not_valid(sentence: str) -> Refused:
    return Refused(400, "callback_not_valid", sentence)


def _code(query: Mapping[str, str]) -> str:
    """Microsoft's code for people to search for; the rest of its text is anybody's to write."""
    words = query.get("error_description", "").split(":")[0].split()
    found = [word for word in words if word.startswith("AADSTS") and word[6:].isdigit()]
    return found[0] if found else "no code"
