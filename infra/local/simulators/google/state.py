"""What Google keeps: the customers, the tokens and codes given out, and the keys that it signs with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.simulators.clock import Clock
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.project import Project, project
from infra.local.simulators.signing import KeyRing
from shared.foundation.brand import Brand

PUSH_AUDIENCE = "http://127.0.0.1:8080/api/notifications/gmail"


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


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where pushes go. Without an address they wait to be taken."""

    url: str | None = None
    audience: str = PUSH_AUDIENCE


@dataclass(kw_only=True)
class Google:
    """The state behind all of Google's hosts."""

    clock: Clock
    addresses: Mapping[str, str]  # by the host's name
    brand: Brand  # what our application is called
    customers: dict[str, Customer] = field(default_factory=dict)  # by id
    tokens: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    signer: KeyRing = field(default_factory=KeyRing)
    disabled_services: frozenset[str] = frozenset()  # hosts whose API is switched off in our own project
    # Of our own deployment, and so the same at every moment that is gone back to.
    project: Project = field(default_factory=project)
    push_endpoint: Endpoint = field(default_factory=Endpoint)

    def customer(self, name: str) -> Customer | None:
        """Find a customer by its id or by one of its verified domains."""
        if name in self.customers:
            return self.customers[name]
        return next((one for one in self.customers.values() if one.owns_domain(name)), None)

    def copy(self) -> Google:
        """Return an independent copy."""
        return Google(
            clock=self.clock,
            addresses=self.addresses,
            brand=self.brand,
            customers={key: one.copy() for key, one in self.customers.items()},
            tokens=self.tokens.copy(),
            codes=self.codes.copy(),
            signer=self.signer,
            disabled_services=self.disabled_services,
            project=self.project,
            push_endpoint=self.push_endpoint,
        )

    def restore(self, saved: Google) -> None:
        """Go back to a saved state, all but where pushes go."""
        copy = saved.copy()
        self.customers, self.tokens, self.codes, self.signer = copy.customers, copy.tokens, copy.codes, copy.signer
        self.disabled_services = copy.disabled_services
