"""The day's work over all connections: what needs somebody, grouped by reason, the worst effect on mail first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from shared.connections import search
from shared.connections.record import Connection
from shared.connections.search import Wanted
from shared.connections.status import WAITING_FOR_ADMINISTRATOR, Status
from shared.engine import worst_effects
from shared.engine.effects import SAID, WORST_FIRST
from shared.flows.app import App
from shared.foundation.errors import ConsentMissing

# More than these are counted and listed elsewhere.
MAX_LISTED, MAX_SHOWN = 2000, 8
# Of the week that a link lasts: reminders before that are only noise.
EXPIRES_SOON = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One reason for work: what is the matter, what to do next, and the button that leads there."""

    says: str
    step: str
    button: str = "Open"
    path: str = ""
    """Below the connection's page."""


_REPAIR = Kind(
    says="",
    step="Review what changed. Repair our objects; contact the customer's administrator about theirs.",
    button="Review and repair",
    path="/plan?for=repair",
)
KINDS: Mapping[str, Kind] = {
    **{f"drift.{effect}": Kind(**{**vars(_REPAIR), "says": f"mail {SAID[effect]}"}) for effect in WORST_FIRST},
    ConsentMissing.CODE: Kind(
        says="consent is missing or was withdrawn",
        step="Ask the customer's administrator to consent again.",
        button="Open the invitation",
    ),
    "implausible_loss": Kind(
        says="a large part of the directory is gone",
        step="Confirm with the customer, then sync and accept the loss.",
        button="Review",
    ),
    "drift": Kind(**{**vars(_REPAIR), "says": "objects were changed by others"}),
    "report_only_ended": Kind(
        says="a policy's report only has ended",
        step="Decide by the report: let the policy act, set another end, or delete it.",
        button="Open the policies",
        path="/policies",
    ),
    "expired": Kind(
        says="invitation expired without consent",
        step="Renew the invitation, or revoke the connection if the customer does not want it.",
        button="Renew",
    ),
    WAITING_FOR_ADMINISTRATOR: Kind(
        says="waiting for the customer's administrator",
        step="Remind the administrator: their steps, with values to copy, are on the invitation page.",
        button="Show the steps",
    ),
    "expires": Kind(
        says=f"invitation expires within {EXPIRES_SOON.days} days",
        step="Remind the customer's administrator, or renew the invitation.",
        button="Open the invitation",
    ),
}
_RANKS = {name: rank for rank, name in enumerate(KINDS)}
# Before what is only waited for, and behind everything that touches mail.
_ANY_OTHER = _RANKS["drift"] + 0.5
_RETRIED = float(len(KINDS))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Connections with the same work."""

    name: str
    kind: Kind
    status: Status
    reason: str | None
    connections: list[Connection] = field(default_factory=list)

    @property
    def title(self) -> str:
        """How many, and what is the matter."""
        many = len(self.connections)
        return f"{many:,} {'connection' if many == 1 else 'connections'}: {self.kind.says}"

    @property
    def shown(self) -> Sequence[Connection]:
        """The first of them."""
        return self.connections[:MAX_SHOWN]

    @property
    def rest(self) -> str:
        """Where all of them are listed."""
        return f"/connections?{urlencode({'status': self.status} | ({'reason': self.reason} if self.reason else {}))}"


async def work(app: App, customer: str | None) -> list[Group]:
    """What needs somebody, or may soon, among the connections that are this customer's; None: among all."""
    found: dict[str, Group] = {}
    urgent = await _of(app, customer, Status.ACTION_REQUIRED)
    effects = await worst_effects.worst(app.database, [one.id for one in urgent if one.reason == "drift"])
    for one in urgent:
        name = f"drift.{effects[one.id]}" if one.id in effects else one.reason or ""
        _add(found, name, one, Status.ACTION_REQUIRED)
    for one in await _of(app, customer, Status.DEGRADED):
        _add(found, f"retried.{one.reason}", one, Status.DEGRADED)
    now = app.clock.now()
    for one in await _of(app, customer, Status.AWAITING_CONSENT):
        expires = one.invitation_expires_at
        if expires is None or expires <= now + EXPIRES_SOON:
            _add(found, "expires" if expires and expires > now else "expired", one, Status.AWAITING_CONSENT)
    return sorted(found.values(), key=_rank)


async def _of(app: App, customer: str | None, status: Status) -> list[Connection]:
    return await search.every(app.database, Wanted(customer=customer, status=status), most=MAX_LISTED)


def _add(found: dict[str, Group], name: str, connection: Connection, status: Status) -> None:
    if name not in found:
        reason = connection.reason
        said = (reason or "action required").replace("_", " ")
        other = (
            Kind(says=f"degraded, {said}", step="Retried automatically; no action needed unless it lasts.")
            if status is Status.DEGRADED
            else Kind(says=said, step="Open the connection: its status says what to do.")
        )
        found[name] = Group(name=name, kind=KINDS.get(name, other), status=status, reason=reason)
    found[name].connections.append(connection)


def _rank(group: Group) -> tuple[float, int]:
    usual = _RETRIED if group.status is Status.DEGRADED else _ANY_OTHER
    return _RANKS.get(group.name, usual), -len(group.connections)


def said(groups: Iterable[Group], counts: Mapping[str, int]) -> str:
    """The day in a sentence: every group, and how many are healthy."""
    parts = [group.title for group in groups]
    return " · ".join([*parts, f"{counts[Status.HEALTHY]:,} healthy"])
