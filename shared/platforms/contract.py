"""What a platform offers. Nothing here knows one platform from another."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.connections.grants import Grant
from shared.connections.lease import Lease
from shared.connections.record import Connection
from shared.connections.tokens import Tokens
from shared.engine.last_look import Search
from shared.engine.ledger import Ledger
from shared.engine.rows import Published, Row
from shared.engine.steps import Tenant
from shared.foundation.brand import Brand
from shared.foundation.codes import Code
from shared.platforms.history import History
from shared.protection.quarantine import QuarantinedMessage
from shared.protection.targets import Targets
from shared.storage.ids import ConnectionId


class OpenTenant(Tenant, Protocol):
    """A tenant that a flow may act on until the run ends."""

    targets: Targets


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One permission of the consent: why it is asked for, what does not work without it, and why no narrower one."""

    name: str
    why: str
    without: str
    narrower: str = ""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """One kind of protection of a platform; a connection has one or more of them."""

    name: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What changes for a customer's mail, in a sentence, in some modes or in all."""

    text: str
    modes: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Consent:
    """A consent on its way: for which connection, back to where, under which signed state.

    `signed_in` is the tenant that the administrator has signed in to before, as the state says; empty if not yet.
    """

    connection: Connection
    redirect_uri: str
    state: str
    signed_in: str = ""


@dataclass(frozen=True, kw_only=True)
class ConsentResult:
    """What a callback shows: the tenant of the administrator who signed in, and the grant that came with it."""

    tenant: str
    consented: bool = True
    """They have consented too. Else they go on to the page on which they do, with `Consent.signed_in`."""
    names: frozenset[str] = frozenset()
    """Other names of that tenant, in lower case."""
    grant: Grant | None = None


@dataclass(frozen=True, kw_only=True)
class UnknownChange:
    """What a platform's own log says that we did, and our books do not have. `id` is that log's own."""

    id: str
    target: str
    told: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A platform's own log of what we did beside our books: by method how often, (by ours, by theirs)."""

    methods: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unknown: Sequence[UnknownChange] = ()
    blind: Sequence[str] = ()
    """What could not be compared, and why, a sentence each."""


class Trash(Protocol):
    """The trash of a connection's mailboxes, in which quarantined messages lie.

    Each method raises Missing if the message is no longer in its mailbox, and another FootprintError if the mailbox
    cannot be opened.
    """

    async def holds(self, item: QuarantinedMessage) -> bool:
        """Whether a message is still there."""
        ...

    async def put_back(self, item: QuarantinedMessage) -> bool:
        """Put a message back where it was; False if it was not in the trash. Doing it twice equals doing it once."""
        ...

    async def content(self, item: QuarantinedMessage) -> bytes:
        """The whole message as it came."""
        ...


class Feed(Protocol):
    """Notifications that a platform sends about mailboxes, and the scan that they lead to."""

    source: str
    """Its name in the address to which notifications are sent."""
    reads: str
    """The call that reads one message, as the log of calls names it."""
    receiver: str
    """Who takes the mail in, by the name under which the results of authentication stand in a message."""

    async def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify a notification and note it. Raises Refused if the platform did not send it."""
        ...

    async def scan(self, connection: Connection) -> None:
        """Read what is new in a bounded number of the mailboxes that have news."""
        ...

    def trash(self, connection: Connection) -> AbstractAsyncContextManager[Trash]:
        """The trash of a connection's mailboxes, for one run."""
        ...


@dataclass(frozen=True, kw_only=True)
class AfterConsent:
    """What the administrator must still do after consenting: the consent alone does not give it."""

    reason: str
    """The code that a connection has while it is missing."""
    sentence: str
    link: str
    """The page on which it is done; `{name}` stands for what the platform's `words` say."""
    values: tuple[tuple[str, str], ...] = ()
    """What to look for or to type there, with its label; names are replaced in the same way."""


class Platform(Protocol):
    """One folder of `shared/platforms/`, registered with one line in `service.py`."""

    name: str
    title: str
    permissions: tuple[Permission, ...]
    modes: tuple[Mode, ...]
    """What a connection may be for, if there is a choice; no choice means no modes."""
    actions: frozenset[str]
    """What a policy may do to a message here, by itself."""
    effects: tuple[Effect, ...]
    """What to expect for the mail, for the administrator before consenting."""
    consent_by: str
    """Which administrator may consent, in a sentence."""
    after_consent: AfterConsent
    how_it_ends: str
    """What happens when access is revoked, for the administrator before consenting."""
    feed: Feed | None
    compares_books: bool
    """The daily synchronisation compares the platform's own log of what we did with ours."""
    tells_of_changes: bool
    """A log of the platform's own tells, in one call, whether anybody has changed settings."""
    searches: tuple[Search, ...]
    """Where an open tenant is searched for what bears our mark, name or addresses and was never recorded."""

    def codes(self) -> tuple[Code, ...]:
        """What a person does about each code that only this platform has."""
        ...

    def rows(self, brand: Brand) -> tuple[Row, ...]:
        """The whole catalogue, with the names of a brand."""
        ...

    def published(self, brand: Brand) -> tuple[Published, ...]:
        """The published table, with the names of a brand."""
        ...

    async def words(self, connection: Connection) -> Mapping[str, str]:
        """What stands for `{name}` in the administrator's instructions; `client_id` among them."""
        ...

    def new_secrets(self) -> dict[str, str]:
        """New secrets of a connection, by name."""
        ...

    async def consent_url(self, consent: Consent) -> str:
        """The platform's own page on which an administrator signs in, or after that consents."""
        ...

    async def consent_result(self, consent: Consent, query: Mapping[str, str]) -> ConsentResult:
        """Who has come, proven by their sign-in and not by a query. Raises Refused if they or the platform declined."""
        ...

    async def give_back(self, result: ConsentResult, *, of: ConnectionId | None = None) -> None:
        """Give back at the platform what a consent brought, unless a connection other than `of` uses the same grant."""
        ...

    async def same_tenant(self, expected: str, result: ConsentResult) -> bool:
        """Whether the operator's name for a tenant means the tenant of a consent."""
        ...

    async def prove(self, connection: Connection, claimed: str) -> str:
        """The tenant's id, read by using the consent of the claimed tenant. Raises while it is not effective."""
        ...

    def open(self, connection: Connection, ledger: Ledger) -> AbstractAsyncContextManager[OpenTenant]:
        """The connection's tenant, for one run."""
        ...

    def tokens(self, connection: Connection, lease: Lease) -> AbstractAsyncContextManager[Tokens]:
        """What renews the connection's tokens, without what acting on its tenant takes."""
        ...

    async def sync(self, tenant: Any, *, accept_loss: bool) -> None:
        """Bring our copy of an open tenant's directory up to date and return how much it holds, by kind."""
        ...

    async def residue(self, tenant: Any) -> list[dict[str, Any]]:
        """What an open tenant still keeps for a while by itself, such as a recycle bin."""
        ...

    async def not_checkable(self, tenant: Any) -> list[dict[str, Any]]:
        """What may stay in an open tenant and no call of ours can see; nothing is asked of the platform for it."""
        ...

    def history(self) -> History | None:
        """How snapshots of the mail flow are read; None where none are kept."""
        ...

    async def compared(self, tenant: Any, begin: datetime, end: datetime) -> Compared:
        """The platform's own log of what we did in a span of time, held against our books."""
        ...

    async def unused(self, connection: Connection, since: datetime) -> Sequence[Permission]:
        """The permissions that no call since then has used; none where no log tells."""
        ...

    async def quiet_since(self, tenant: Any, since: datetime) -> bool:
        """Whether the platform's own log says that nobody has changed settings since."""
        ...
