"""What a platform offers, and what every handler is given. Nothing here knows one platform from another."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.clock import Clock
from shared.connections import Connection
from shared.database import Database
from shared.http import Wire
from shared.ledger import Ledger
from shared.lifecycle import Published, Row
from shared.plan import Tenant
from shared.queues import Queue
from shared.seal import Seal
from shared.settings import Settings


class OpenTenant(Tenant, Protocol):
    """A tenant that a handler may act on until the run ends."""

    async def sync(self, *, accept_loss: bool) -> dict[str, int]:
        """Bring our copy of the directory up to date and return what was counted."""
        ...

    async def renew_tokens(self) -> None:
        """Replace every stored token by a new one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One permission of the consent, and why it is asked for."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One folder of `shared/`, registered with one line in `service.py`."""

    name: str
    title: str
    rows: tuple[Row, ...]
    published: tuple[Published, ...]
    permissions: tuple[Permission, ...]
    after_consent: str
    """What the administrator must still do after consenting, in a sentence; empty if nothing."""
    client_id: Callable[["App"], str]
    consent_url: Callable[[Connection, str, str], Awaitable[str]]
    """(connection, redirect_uri, state) to the platform's own page."""
    claimed: Callable[[Mapping[str, str]], str]
    """The tenant that a callback's query claims. Raises Refused if the administrator or the platform declined."""
    same_tenant: Callable[[str, str], Awaitable[bool]]
    """(expected, claimed): whether the operator's name for a tenant and a claimed one are the same."""
    prove: Callable[["App", str], Awaitable[str]]
    """(app, claimed) to the tenant's id, by using the consent there. Raises while it is not effective."""
    open: Callable[["App", Connection, Ledger], AbstractAsyncContextManager[OpenTenant]]
    headers: Callable[[], dict[str, str]]
    """New secrets of a connection, by name."""
    residue: Callable[[Any], Awaitable[list[dict[str, Any]]]]
    """What an open tenant still keeps for a while by itself, such as a recycle bin."""


@dataclass(frozen=True, kw_only=True)
class App:
    """Everything a handler needs, built once from settings by `service.build`."""

    settings: Settings
    clock: Clock
    database: Database
    queue: Queue
    seal: Seal
    wire: Wire
    platforms: Mapping[str, Platform]
    issuer_keys: dict[str, Any] = field(default_factory=dict)
    """The operators' issuer's public keys by id, fetched when an unknown one is met."""
