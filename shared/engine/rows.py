"""The life of a connection as data: the four kinds of row, and the one rule that says what is wanted.

Pure: nothing here reads a clock, a database or a platform. A platform's catalogue is a tuple of these rows; the
engine, the consent page, the README's table, the certificate and the administrator's checklist all read it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Protocol, TypeVar

from shared.connections.stages import Stage

Settings = Mapping[str, Any]
"""An object's settings by the platform's own names; values are JSON."""

T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Present:
    """The object is there. `identity` is the platform's own, which never changes and is never reused."""

    identity: str
    settings: Settings


@dataclass(frozen=True)
class Absent:
    """The platform answered, completely and decisively, that the object is not there.

    `with_its_owner`: our ledger says that what it was a part of is gone, so that no second look is needed.
    """

    with_its_owner: bool = False


class Resource(Protocol[T_contra]):
    """One kind of object: how it should be, how it is, and how it is made, changed and unmade.

    `observe` and `remove` never ask what is desired, so that nothing is needed to remove an object but its identity.
    `tenant` is the platform's open tenant; `element` is the entry of a shared list, empty for a single object.
    Every method may raise Temporary or Permanent; none may answer Absent when it is not sure.
    """

    @property
    def shared(self) -> bool:
        """Elements of a list that the customer uses too: what was there before us is borrowed, not taken."""
        ...

    @property
    def identified(self) -> bool:
        """Its identity is the platform's own and never used again: one object is told from another that is like it."""
        ...

    @property
    def visible_within(self) -> timedelta:
        """How long after its creation an object may still be missing from a listing."""
        ...

    @property
    def set_last(self) -> frozenset[str]:
        """Settings that are only changed once everything else reads back as it should."""
        ...

    async def desired(self, tenant: T_contra, element: str) -> Settings | None:
        """The settings it should have, or None if it should not exist now. Compared name by name."""
        ...

    async def observe(self, tenant: T_contra, element: str, identity: str | None) -> Present | Absent:
        """Look for it by its recorded identity, or without one by the mark that we leave on what we make."""
        ...

    async def create(self, tenant: T_contra, element: str, desired: Settings) -> str:
        """Make it and return the platform's request id."""
        ...

    async def update(self, tenant: T_contra, element: str, present: Present, changes: Settings) -> str:
        """Change only the settings in `changes` and return the platform's request id."""
        ...

    async def remove(self, tenant: T_contra, element: str, present: Present) -> str:
        """Unmake it and return the platform's request id. Already gone is success."""
        ...


@dataclass(frozen=True, kw_only=True)
class BaselineRule:
    """A rule of a public security baseline that looks at an object of ours, and what it finds.

    `met` is None where it depends on others. `worth` says what the exception costs or gains, `exclusion` is an entry
    for the tool that checks the rule.
    """

    id: str
    baseline: str
    asks: str
    met: bool | None
    why: str
    worth: str
    exclusion: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What every row says: a stable key, the name people see, why it exists, the published lines it accounts for."""

    key: str
    title: str
    why: str
    accounts_for: tuple[str, ...]
    modes: frozenset[str] = frozenset()
    """The modes of a connection to which it belongs; empty means all of them."""
    permissions: tuple[str, ...] = ()
    """Names of the platform's permissions without which it could not be."""
    baselines: tuple[BaselineRule, ...] = ()
    """Rules of public security baselines that look at it."""


@dataclass(frozen=True, kw_only=True)
class Change(Row):
    """A resource that exists from one stage to another."""

    resource: Resource[Any]
    created_in: Stage = Stage.GRANT
    removed_in: Stage
    needs: tuple[str, ...] = ()
    """Keys that must be there before this is made."""
    serves: tuple[str, ...] = ()
    """Keys that must be gone before this may go."""
    kept_for: timedelta = timedelta(0)
    """How long it outlives the recorded removal of what it serves."""
    kept_at_least: timedelta | None = None
    """How long at least, if there is evidence that nothing is in flight any more; None: `kept_for` in any case."""
    without: str = ""
    """What happens to mail when it is missing or not as we made it: shown with a drift."""
    routes: bool = False
    """It routes mail to the scanner, and is switched off while the connection is paused."""
    local: bool = False
    """Kept in our own database, so it can always be removed, whatever the platform answers."""
    made_at_once: bool = False
    """One call makes it, so that its refusal means that nothing was made."""
    ours_alone: bool = False
    """Nobody else can change it, so a difference is ours to mend and never drift."""
    ours_in_it: frozenset[str] = frozenset()
    """Settings that only we change: the resource tells what others did in settings of its own."""
    elements: Callable[[Any], Iterable[str]] | None = None
    """For entries of a shared list: one resource per element."""
    instead: str = ""
    """What does its work in a connection that was made without it; empty: every connection has it."""
    offered: bool = False
    """The published table leaves it behind: it goes only when somebody has asked for that by its step."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What a look at an administrator's doing came to. `present` is None where no machine can tell."""

    present: bool | None
    evidence: str
    identity: str | None = None


@dataclass(frozen=True, kw_only=True)
class ByAdministrator(Row):
    """Only a person can do it and undo it: printed as exact instructions, and looked at by machine where one can.

    In the instructions and values `{name}` stands for one of the platform's words for the connection.
    """

    created_in: Stage = Stage.GRANT
    removed_in: Stage
    serves: tuple[str, ...] = ()
    kept_for: timedelta = timedelta(0)
    implied: bool = False
    """Comes with the consent, and while it is wanted every call depends on it: nobody is asked for it."""
    only_if_found: bool = False
    """Left behind by what we remove: nobody sets it up, and its removal is asked for only where a look finds it."""
    lets_us_see: bool = False
    """When it is gone, nobody of ours can look any more at what the other rows made."""
    set_up: str = ""
    removal: str
    link: str = ""
    """The page on which it is done."""
    values: tuple[tuple[str, str], ...] = ()
    """What to type where, when it is set up."""
    check: Callable[[Any, str | None], Awaitable[Sighting]]
    """(open tenant, recorded identity) to what is seen; raises when it is not sure."""
    confirmed_after: timedelta = timedelta(0)
    """Its absence is believed when a second look, this long after the first, does not see it either."""
    without: str = ""
    still_used: Callable[[Any], str | None] | None = None
    """(open tenant) to who else of ours needs it, so that it is left to them; None if nobody does."""
    held_up: Callable[[Any], str | None] | None = None
    """(open tenant) to whose end must be waited for before its removal is asked for; None if nobody's."""


@dataclass(frozen=True, kw_only=True)
class Activity(Row):
    """Work on a timer, for the connections that are in one of the stages."""

    job: str
    stages: frozenset[Stage] = frozenset({Stage.RUN})
    when: str


@dataclass(frozen=True, kw_only=True)
class OnDemand(Row):
    """Made where it is first needed, by the code that needs it."""


class Area(StrEnum):
    """A column of the published table."""

    ADMIN_CENTER = "Admin center"
    MAIL = "Mail platform"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One line of the published table: what the vendor tells customers it will do."""

    id: str
    stage: Stage
    area: Area
    text: str


class Wanted(Enum):
    """What should be true of a row now."""

    PRESENT = "present"
    ABSENT = "absent"
    LEAVE = "leave alone"


@dataclass(frozen=True, kw_only=True)
class Want:
    """The rule's answer: what is wanted, and if it is to be left alone, until when (None: until others are gone)."""

    wanted: Wanted
    until: datetime | None = None


def wanted(
    row: Change | ByAdministrator,
    stage: Stage,
    now: datetime,
    gone_since: Callable[[str], datetime | None],
    drained_at: datetime | None,
) -> Want:
    """What should be true of `row` in `stage`.

    `gone_since` answers, for the key of another row, since when the ledger knows it to be gone; None while it is
    not. A row outlives what it serves by `kept_for`, counted from that record and not from the button, or by
    `kept_at_least` if it is known at `drained_at`, not before that, that nothing is in flight.
    """
    if stage < row.created_in:
        return Want(wanted=Wanted.LEAVE)
    if stage < row.removed_in:
        return Want(wanted=Wanted.PRESENT)
    since = [gone_since(key) for key in row.serves]
    if any(moment is None for moment in since):
        return Want(wanted=Wanted.LEAVE)
    last = max((moment for moment in since if moment), default=now - row.kept_for)
    until, least = last + row.kept_for, row.kept_at_least if isinstance(row, Change) else None
    if least is not None and drained_at is not None and drained_at >= last + least:
        until = min(until, drained_at)
    return Want(wanted=Wanted.ABSENT) if until <= now else Want(wanted=Wanted.LEAVE, until=until)
