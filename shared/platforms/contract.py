"""What a platform offers. Nothing here knows one platform from another."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from typing_extensions import TypedDict

from shared.connections.grants import Grant
from shared.connections.record import Connection
from shared.engine.ledger import Ledger
from shared.engine.rows import ByAdministrator, Published, Row
from shared.engine.steps import Tenant
from shared.flows.app import App
from shared.protection.quarantine import Item


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
class Mode:
    """One kind of protection of a platform; a connection has one or more of them."""

    name: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a customer's mail has of it, in a sentence, in some modes or in all."""

    text: str
    modes: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a consent's callback came to: the tenant it says it is for, and what must be kept of the consent itself."""

    tenant: str
    names: frozenset[str] = frozenset()
    """Other names of that tenant, in lower case."""
    grant: Grant | None = None


@dataclass(frozen=True, kw_only=True)
class Consent:
    """A consent on its way: for which connection, back to where, under which signed state."""

    connection: Connection
    redirect_uri: str
    state: str


class Bins(Protocol):
    """The bins of a connection's mailboxes, in which quarantined messages lie.

    Each method raises Missing if the message is not in its mailbox any more, and another FootprintError if the mailbox
    cannot be opened.
    """

    async def holds(self, item: Item) -> bool:
        """Whether a message still lies there."""
        ...

    async def put_back(self, item: Item) -> bool:
        """Put a message back where it was; False if it was not in the bin. Twice comes to the same as once."""
        ...

    async def content(self, item: Item) -> bytes:
        """The whole message as it came."""
        ...


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Notifications that a platform sends about mailboxes, and the reading that they lead to."""

    source: str
    """Its name in the address to which notifications are sent."""
    take: Callable[[App, Mapping[str, str], bytes], Awaitable[None]]
    """(app, headers, body): verify a notification and note it. Raises Refused if it is not the platform's."""
    scan: Callable[[App, Connection], Awaitable[None]]
    """Read what is new in a bounded number of the mailboxes that have news."""
    bins: Callable[[App, Connection], AbstractAsyncContextManager[Bins]]
    reads: str
    """The call by which it reads one message, as the log of calls names it."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One folder of `shared/`, registered with one line in `service.py`."""

    name: str
    title: str
    rows: tuple[Row, ...]
    published: tuple[Published, ...]
    permissions: tuple[Permission, ...]
    modes: tuple[Mode, ...] = ()
    """What a connection may be for, if there is a choice; no choice means no modes."""
    actions: frozenset[str] = frozenset()
    """What a policy may do to a message here, by itself."""
    proves_who: bool = False
    """The consent shows who gave it, so that a tenant we have known before cannot be claimed by a stranger's link."""
    effects: tuple[Effect, ...]
    """What to expect for the mail, for the administrator before consenting."""
    after_consent: str
    """What the administrator must still do after consenting, in a sentence; empty if nothing."""
    how_it_ends: str
    """What happens when access is revoked, for the administrator before consenting."""
    words: Callable[[App, Connection], Awaitable[Mapping[str, str]]]
    """What stands for `{name}` in the administrator's instructions; `client_id` among them."""
    consent_url: Callable[[App, Consent], Awaitable[str]]
    """The platform's own page on which an administrator consents."""
    claimed: Callable[[App, Consent, Mapping[str, str]], Awaitable[Claim]]
    """What a callback's query claims. Raises Refused if the administrator or the platform declined."""
    disown: Callable[[App, Claim], Awaitable[None]]
    """Give back what a claim brought that will not be used."""
    same_tenant: Callable[[str, Claim], Awaitable[bool]]
    """(expected, claim): whether the operator's name for a tenant and a claimed one are the same."""
    prove: Callable[[App, Connection, str], Awaitable[str]]
    """(app, connection, claimed) to the tenant's id, by using the consent there. Raises while it is not effective."""
    open: Callable[[App, Connection, Ledger], AbstractAsyncContextManager[OpenTenant]]
    headers: Callable[[], dict[str, str]]
    """New secrets of a connection, by name."""
    residue: Callable[[Any], Awaitable[list[dict[str, Any]]]]
    """What an open tenant still keeps for a while by itself, such as a recycle bin."""
    feed: Feed | None = None
    recorded: Callable[[Any, datetime, datetime], Awaitable[dict[str, int]]] | None = None
    """(open tenant, from, to) to how often the platform's own log says that we called what; None if it keeps none."""


def in_modes(rows: Iterable[Row], modes: frozenset[str]) -> tuple[Row, ...]:
    """The rows of some modes; a row that names none belongs to every one."""
    return tuple(row for row in rows if not row.modes or row.modes & modes)


def effects_of(platform: Platform, connection: Connection) -> tuple[str, ...]:
    """What to expect for the mail of a connection."""
    return tuple(one.text for one in platform.effects if not one.modes or one.modes & connection.modes)


def rows_of(platform: Platform, connection: Connection) -> tuple[Row, ...]:
    """The rows that a connection has."""
    return in_modes(platform.rows, connection.modes)


def permissions_of(platform: Platform, rows: Iterable[Row]) -> tuple[Permission, ...]:
    """The permissions that some rows need, each with its reason: no more are asked for."""
    needed = {name for row in rows for name in row.permissions}
    return tuple(permission for permission in platform.permissions if permission.name in needed)


class StepValue(TypedDict):
    """What is to be typed where."""

    label: str
    value: str


class Instruction(TypedDict):
    """What the administrator is told: the sentence, the page, and for setting up what to type where."""

    sentence: str
    link: str
    values: list[StepValue]


def instruction(row: ByAdministrator, words: Mapping[str, str], *, removal: bool) -> Instruction:
    """An administrator's step in words."""
    values: list[StepValue] = (
        [] if removal else [{"label": label, "value": text.format(**words)} for label, text in row.values]
    )
    return {"sentence": (row.removal if removal else row.set_up).format(**words), "link": row.link, "values": values}
