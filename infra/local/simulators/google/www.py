"""The www host: the keys that verify Google's tokens, and the two old APIs that live beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.admin import groups_settings
from infra.local.simulators.google.api.host import Api, Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.sign_in.certificates import certificates
from infra.local.simulators.google.state import Google
from infra.local.simulators.wire import Answer, Request

KEYS_FRESH = "public, max-age=19800, must-revalidate, no-transform"


class Www:
    """Answers for the keys itself and leaves the rest to the frame of the APIs."""

    def __init__(self, google: Google) -> None:
        self._google = google
        self.api = Api(google, "www", {**groups_settings.HANDLERS, **HANDLERS})

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request."""
        ring = self._google.signer
        match request.method, request.path:
            case "GET", "/oauth2/v3/certs":
                return Answer(body=ring.jwks, headers={"Cache-Control": KEYS_FRESH})
            case "GET", "/oauth2/v1/certs":
                return Answer(body=certificates(ring), headers={"Cache-Control": KEYS_FRESH})
        return self.api.answer(request, quirk)


def _userinfo(asked: Asked) -> Mapping[str, Any]:
    """Say who the token's person is; the address only to those who may know it."""
    if asked.actor is None:
        raise refused(401, "authError", "Invalid Credentials")
    told: dict[str, Any] = {"id": asked.actor["id"], "hd": asked.customer.domain}
    if not asked.scopes.isdisjoint({"email", "https://www.googleapis.com/auth/userinfo.email"}):
        told |= {"email": asked.actor["primaryEmail"], "verified_email": True}
    return told


HANDLERS: Mapping[str, Handler] = {
    "oauth2.userinfo.get": _userinfo,
    "oauth2.userinfo.v2.me.get": _userinfo,
}
