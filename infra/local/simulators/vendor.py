"""What a vendor's folder offers to the frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from infra.local.simulators import faults
from infra.local.simulators.faults import Subject
from infra.local.simulators.state import Customer, State, Zone
from infra.local.simulators.wire import Answer, Request


class Host(Protocol):
    """What all simulated hosts have in common."""

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request. `quirk` is a fault that only the host itself can play."""


class Vendor:
    """One vendor: its state, its hosts and its part of the control API. What a vendor lacks stays as it is here."""

    name: str
    state: State
    # By name, in the order of their ports.
    hosts: Mapping[str, Host] = {}
    # Those of them that are reached by TLS.
    secure: Collection[str] = ()
    # Hosts on the port of another vendor's host: its name, and the beginning of the paths they answer.
    guests: Mapping[tuple[str, str], Host] = {}
    # Kinds of fault that its hosts play themselves.
    quirks: frozenset[str] = frozenset()
    # Its part of the control API: by method and path, and for one customer by method and last segment.
    routes: Mapping[tuple[str, str], Callable[[Any], Answer]] = {}
    customer_routes: Mapping[tuple[str, str], Callable[[Any, Any], Answer]] = {}

    def settings(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 (a vendor may write key files there)
        """Return how the service finds this vendor: environment variables and their values."""
        return {}

    def subject(self, host: str, request: Request) -> Subject:
        """Say what a request to one of its hosts is about."""
        return Subject(host=host, method=request.method, path=request.path, cmdlet=None, tenant=None)

    def worded(self, host: str, fault: Mapping[str, Any]) -> Answer:  # noqa: ARG002 (most vendors' hosts differ)
        """Say in the vendor's words what a fault gives only as a kind and a status."""
        return faults.plain(fault)

    def customers(self) -> list[Customer]:
        """Return the customers there are."""
        return []

    def find(self, name: str) -> Customer | None:  # noqa: ARG002 (a vendor without customers finds none)
        """Find a customer by its id or by one of its verified domains."""
        return None

    def add(self, name: str, domain: str, users: int) -> Customer:  # noqa: ARG002 (the same)
        """Add a customer, plain and of a given size."""
        raise ValueError(f"{self.name} has no customers.")

    def zone(self, domain: str) -> Zone | None:  # noqa: ARG002 (the same)
        """Return what stands in the DNS for a domain of one of its customers."""
        return None

    async def run(self) -> None:
        """Do what the vendor does by itself, until cancelled."""
