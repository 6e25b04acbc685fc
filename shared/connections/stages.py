"""Where a connection stands, from the invitation to the exit certificate."""

from enum import IntEnum


class Stage(IntEnum):
    """Where a connection stands. Grant to clean-up are the published table's four stages."""

    NEW = 0
    GRANT = 1
    RUN = 2
    REVOKE = 3
    CLEANUP = 4
    CLOSED = 5

    @property
    def title(self) -> str:
        """As people read it."""
        return TITLES[self]


TITLES = {
    Stage.NEW: "Waiting for consent",
    Stage.GRANT: "Granting access",
    Stage.RUN: "Service running",
    Stage.REVOKE: "Revoking access",
    Stage.CLEANUP: "Clean-up",
    Stage.CLOSED: "Closed",
}
