"""What Microsoft keeps: the customers' tenants, the key that tokens are signed with, and our application's proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.simulators.clock import Clock
from infra.local.simulators.microsoft.client_proof import ClientProofs
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.signing import Signer
from shared.foundation.brand import Brand


@dataclass(frozen=True, kw_only=True)
class Code:
    """What an authorisation code stands for, until it is exchanged."""

    tenant_id: str
    user_id: str
    redirect_uri: str
    expires_at: float
    nonce: str
    challenge: str


@dataclass(kw_only=True)
class Microsoft:
    """The state behind the sign-in host, Graph and Exchange Online."""

    clock: Clock
    addresses: Mapping[str, str]  # by the host's name
    brand: Brand  # what our application is called
    tenants: dict[str, Tenant] = field(default_factory=dict)  # by id
    codes: dict[str, Code] = field(default_factory=dict)  # a restored state has none on its way
    # Of our own deployment, and so the same at every moment that is gone back to.
    signer: Signer = field(default_factory=Signer)
    proofs: ClientProofs = field(default_factory=ClientProofs)

    @property
    def login_url(self) -> str:
        """Where the sign-in host answers."""
        return self.addresses["login"]

    @property
    def graph_url(self) -> str:
        """Where Graph answers; links in its answers are built from this."""
        return self.addresses["graph"]

    @property
    def exchange_url(self) -> str:
        """Where Exchange answers; links in its answers are built from this."""
        return self.addresses["exchange"]

    def tenant(self, name: str) -> Tenant | None:
        """Find a tenant by its id or by one of its verified domains."""
        name = name.lower()
        if name in self.tenants:
            return self.tenants[name]
        owners = (one for one in self.tenants.values() if one.domains.get(name, {}).get("isVerified"))
        return next(owners, None)

    def copy(self) -> Microsoft:
        """Return an independent copy of the tenants."""
        return Microsoft(
            clock=self.clock,
            addresses=self.addresses,
            brand=self.brand,
            tenants={key: one.copy() for key, one in self.tenants.items()},
            signer=self.signer,
            proofs=self.proofs,
        )

    def restore(self, saved: Microsoft) -> None:
        """Go back to the tenants of a saved state."""
        self.tenants = saved.copy().tenants
