"""The operators' issuer as a part of the simulated cloud: the settings that name it, and its control API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.issuer.host import IssuerHost
from infra.local.simulators.issuer.state import (
    AUDIENCE,
    CLI_CLIENT_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    CUSTOMER_CLAIM,
    ROOT,
    Issuer,
)
from infra.local.simulators.signing import KeyRing
from infra.local.simulators.vendor import Vendor
from infra.local.simulators.wire import Answer


class IssuerVendor(Vendor):
    """The issuer whose tokens the service's own API and console take."""

    name = "operators"

    def __init__(self, cloud: Cloud) -> None:
        self.state = self._issuer = Issuer(clock=cloud.clock, addresses=cloud.addresses)
        self.guests = {("login", f"{ROOT}/"): IssuerHost(self._issuer)}
        self.routes = {
            ("POST", "/_sim/operator-token"): self._token,
            ("POST", "/_sim/operators/rotate"): self._rotate,
            ("POST", "/_sim/operators/claims"): self._claim,
        }

    def settings(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 (nothing here is told by a file)
        """Return which issuer the service trusts, and who the console is to it."""
        return {
            "FOOTPRINT_OPERATORS__ISSUER": self._issuer.name,
            "FOOTPRINT_OPERATORS__AUDIENCE": AUDIENCE,
            "FOOTPRINT_OPERATORS__CLIENT_ID": CLIENT_ID,
            "FOOTPRINT_OPERATORS__CLIENT_SECRET": CLIENT_SECRET,
            "FOOTPRINT_OPERATORS__CLI_CLIENT_ID": CLI_CLIENT_ID,
            "FOOTPRINT_OPERATORS__CUSTOMER_CLAIM": CUSTOMER_CLAIM,
        }

    def _token(self, body: Any) -> Answer:
        return Answer(body={"token": self._issuer.token(**(body or {}))})

    def _rotate(self, body: Any) -> Answer:
        """Sign with a new key; tokens signed with the one before still verify, unless `keep` is false."""
        keep = (body or {}).get("keep", True)
        self._issuer.signer = self._issuer.signer.rotated() if keep else KeyRing()
        return Answer(body={})

    def _claim(self, body: Any) -> Answer:
        """Put claims over those of every ID token from now on."""
        self._issuer.claims = body or {}
        return Answer(body={})
