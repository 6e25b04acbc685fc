"""The state behind all simulated hosts: tenants, Workspace customers, clock, faults, and what was recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infra.local.simulators.clock import Clock
from infra.local.simulators.faults import Fault
from infra.local.simulators.google import application
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.project import project
from infra.local.simulators.google.sign_in.grants import Code, Token
from infra.local.simulators.google.sign_in.keys import KeyRing
from infra.local.simulators.issuer import Issuer
from infra.local.simulators.microsoft.client_proof import ClientProofs
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.signing import Signer
from infra.local.simulators.wire import Call


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the hosts answer; links in answers are built from these."""

    login: str
    graph: str
    exchange: str
    google: dict[str, str] = field(default_factory=dict)  # by the host's name: "accounts", "gmail", …


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The whole cloud at one moment."""

    tenants: dict[str, Tenant]
    customers: dict[str, Customer]
    google_tokens: dict[str, Token]
    google_codes: dict[str, Code]
    google_signer: KeyRing
    operators: Issuer
    faults: tuple[Fault, ...]
    offset: float


class Cloud:
    """Everything the simulated platforms know. The lock guards it between the server's thread and tests."""

    def __init__(
        self, addresses: Addresses, clock: Clock, tenants: Iterable[Tenant], customers: Iterable[Customer] = ()
    ) -> None:
        self.lock = threading.RLock()
        self.addresses = addresses
        self.clock = clock
        self.signer = Signer()
        self.proofs = ClientProofs()
        self.tenants: dict[str, Tenant] = {one.id: one for one in tenants}
        self.customers: dict[str, Customer] = {one.id: one for one in customers}
        self.google_project = project()
        self.google_push_account = application.PUSH_ACCOUNT
        self.google_push_subject = application.PUSH_SUBJECT
        self.google_signer = KeyRing()
        self.google_tokens: dict[str, Token] = {}
        self.google_codes: dict[str, Code] = {}
        self.operators = Issuer()
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.on_request: Callable[[Call], None] | None = None

    def register_certificate(self, pem: str) -> None:
        """Let the application prove itself with the key of this certificate."""
        self.proofs.add_certificate(pem)

    def register_federated(self, issuer: str, subject: str, public_key_pem: str) -> None:
        """Let the application prove itself with tokens of another issuer."""
        self.proofs.add_federated(issuer, subject, public_key_pem)

    def tenant(self, name: str) -> Tenant | None:
        """Find a tenant by its identity or by one of its verified domains."""
        name = name.lower()
        if name in self.tenants:
            return self.tenants[name]
        owners = (one for one in self.tenants.values() if one.domains.get(name, {}).get("isVerified"))
        return next(owners, None)

    def customer(self, name: str) -> Customer | None:
        """Find a Workspace customer by its identity or by one of its verified domains."""
        if name in self.customers:
            return self.customers[name]
        return next((one for one in self.customers.values() if one.owns_domain(name)), None)

    def save(self) -> Saved:
        """Return all that the death of a client's process would not change."""
        with self.lock:
            return Saved(
                tenants={key: one.copy() for key, one in self.tenants.items()},
                customers={key: one.copy() for key, one in self.customers.items()},
                google_tokens=self.google_tokens.copy(),
                google_codes=self.google_codes.copy(),
                google_signer=self.google_signer,
                operators=self.operators,
                faults=tuple(one.copy() for one in self.faults),
                offset=self.clock.offset,
            )

    def restore(self, saved: Saved) -> None:
        """Go back to a saved moment; one saved moment can be gone back to any number of times."""
        with self.lock:
            self.tenants = {key: one.copy() for key, one in saved.tenants.items()}
            self.customers = {key: one.copy() for key, one in saved.customers.items()}
            self.google_tokens = saved.google_tokens.copy()
            self.google_codes = saved.google_codes.copy()
            self.google_signer = saved.google_signer
            self.operators = saved.operators
            self.faults = [one.copy() for one in saved.faults]
            self.clock.set_offset(saved.offset)

    def record(self, call: Call) -> None:
        """Remember a finished platform request and tell the observer."""
        self.calls.append(call)
        if self.on_request is not None:
            self.on_request(call)
