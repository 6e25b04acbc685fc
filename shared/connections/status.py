"""How a connection is doing, for everybody who is shown it: one table of rules, read by Python and by the database."""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.connections.record import Status as Outcome
from shared.connections.stages import Stage
from shared.storage import tables as db

# Until then somebody has to act, though nothing fails: the customer's administrator.
WAITING_FOR_ADMINISTRATOR = "waiting_for_administrator"


class Status(StrEnum):
    """The status of a connection, the most urgent first."""

    ACTION_REQUIRED = "action_required"
    DEGRADED = "degraded"
    AWAITING_CONSENT = "awaiting_consent"
    SETTING_UP = "setting_up"
    REVOKING = "revoking"
    HEALTHY = "healthy"
    CLOSED = "closed"

    @property
    def words(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A status, and what is true of a connection that has it; what is None does not matter."""

    status: Status
    stages: frozenset[Stage] = frozenset(Stage)
    outcome: Outcome | None = None
    reason: str | None = None
    consented: bool | None = None
    """Whether a consent was given and is being verified."""
    synced: bool | None = None

    def holds(self, connection: Connection) -> bool:
        """Whether all of it is true of a connection."""
        return (
            connection.stage in self.stages
            and self.outcome in (None, connection.status)
            and self.reason in (None, connection.reason)
            and self.consented in (None, connection.claimed_tenant is not None)
            and self.synced in (None, connection.synced_at is not None)
        )

    def clause(self) -> sa.ColumnElement[bool]:
        """The same for the database."""
        table = db.connections.c
        parts: list[sa.ColumnElement[bool]] = [table.stage.in_([int(stage) for stage in self.stages])]
        if self.outcome is not None:
            parts.append(table.status == str(self.outcome))
        if self.reason is not None:
            # A comparison with nothing is neither true nor false.
            parts.append(sa.func.coalesce(table.reason, "") == self.reason)
        for column, wanted in ((table.claimed_tenant, self.consented), (table.synced_at, self.synced)):
            if wanted is not None:
                parts.append(column.is_not(None) if wanted else column.is_(None))
        return sa.and_(*parts)


ENDING = frozenset({Stage.REVOKE, Stage.CLEANUP})
# The first that holds decides; the last one always does.
RULES = (
    Rule(status=Status.CLOSED, stages=frozenset({Stage.CLOSED})),
    Rule(status=Status.ACTION_REQUIRED, outcome=Outcome.ATTENTION),
    Rule(status=Status.ACTION_REQUIRED, reason=WAITING_FOR_ADMINISTRATOR),
    Rule(status=Status.REVOKING, stages=ENDING),
    Rule(status=Status.AWAITING_CONSENT, stages=frozenset({Stage.NEW}), consented=False),
    Rule(status=Status.SETTING_UP, stages=frozenset({Stage.NEW, Stage.GRANT})),
    Rule(status=Status.DEGRADED, outcome=Outcome.WAITING),
    Rule(status=Status.SETTING_UP, synced=False),
    Rule(status=Status.HEALTHY),
)
URGENCY = {str(status): rank for rank, status in enumerate(Status)}


def status_of(connection: Connection) -> Status:
    """The status of a connection."""
    return next(rule.status for rule in RULES if rule.holds(connection))


def column() -> sa.ColumnElement[str]:
    """The status of each row of the table of connections."""
    *some, last = RULES
    return sa.case(*((rule.clause(), str(rule.status)) for rule in some), else_=str(last.status))
