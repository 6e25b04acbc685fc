"""What the operators' issuer keeps: who can sign in, the codes given out, and the keys that it signs with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.simulators.clock import Clock
from infra.local.simulators.signing import KeyRing

ROOT = "/operators"
AUDIENCE = "api://footprint"
CLIENT_ID = "7d1f0c52-6b0e-4a57-9f0e-2f4a3c1d5e90"
CLIENT_SECRET = "console~of-one-machine"  # noqa: S105 (of a client that exists nowhere else)
CLI_CLIENT_ID = "2b9e64a1-0d53-4c8e-8a77-91c0f5d2b3e6"  # a public client: it has no secret
REDIRECT_PATH = "/sign-in/back"
CUSTOMER_CLAIM, EVERYONE = "customer", "*"
TOKEN_LIFE = 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who can sign in."""

    address: str
    name: str
    roles: tuple[str, ...] = ()
    customer: str = EVERYONE


ACCOUNTS = (
    Account(address="olga@msp.example", name="Olga Larsen", roles=("operator",)),
    Account(address="ada@msp.example", name="Ada Moreau", roles=("admin",)),
    Account(address="victor@msp.example", name="Victor Brandt", roles=("viewer",)),
    Account(address="nora@msp.example", name="Nora Lindqvist"),
    Account(address="carl@contoso.com", name="Carl Weber", roles=("operator",), customer="contoso"),
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a code stands for."""

    account: Account
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str
    expires_at: float


@dataclass(kw_only=True)
class Device:
    """A sign-in that somebody finishes on another device: by whom, once they have."""

    user_code: str
    expires_at: float
    account: Account | None = None
    declined: bool = False


@dataclass(kw_only=True)
class Issuer:
    """The state behind the issuer's pages and endpoints. `claims` are put over those of every ID token."""

    clock: Clock
    addresses: Mapping[str, str]  # by the host's name
    signer: KeyRing = field(default_factory=KeyRing)
    codes: dict[str, Code] = field(default_factory=dict)
    refresh_tokens: dict[str, Code] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)  # by the device code
    renewals: dict[str, Account] = field(default_factory=dict)  # by the refresh token

    @property
    def base(self) -> str:
        """Where its endpoints are: on the port of the sign-in host, the one with TLS."""
        return f"{self.addresses['login']}{ROOT}"

    @property
    def name(self) -> str:
        """Its own name, as tokens carry it."""
        return f"{self.base}/v2.0"

    def copy(self) -> Issuer:
        """Return an independent copy."""
        return Issuer(
            clock=self.clock,
            addresses=self.addresses,
            signer=self.signer,
            codes=self.codes.copy(),
            refresh_tokens=self.refresh_tokens.copy(),
            claims=self.claims.copy(),
            devices={code: replace(one) for code, one in self.devices.items()},
            renewals=self.renewals.copy(),
        )

    def restore(self, saved: Issuer) -> None:
        """Go back to a saved state."""
        copy = saved.copy()
        self.signer, self.codes, self.claims = copy.signer, copy.codes, copy.claims
        self.refresh_tokens = copy.refresh_tokens
        self.devices, self.renewals = copy.devices, copy.renewals

    def token(
        self, name: str = "operator@msp.example", role: str | None = "operator", customer: str | None = EVERYONE
    ) -> str:
        """Return a token for the service's API, good by the simulated clock and by the machine's."""
        simulated = int(self.clock.seconds())
        real = int(simulated - self.clock.offset)
        claims = {
            "iss": self.name,
            "aud": AUDIENCE,
            "sub": subject(name),
            "name": name,
            "iat": min(simulated, real),
            "exp": max(simulated, real) + TOKEN_LIFE,
        }
        more = {CUSTOMER_CLAIM: customer, "roles": [role] if role else None}
        return self.signer.sign(claims | {name: value for name, value in more.items() if value is not None})


def subject(name: str) -> str:
    """Return the id of somebody, which is always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))
