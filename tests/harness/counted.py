"""What something costs in counts, which are the same on every machine: statements, transactions, calls of a platform.

Counted where they leave us: in SQLAlchemy, below our own code, and at the simulators' doors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shared.storage.database import Database

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Counted:
    """Every statement with its values, in order, and how many transactions there were."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    transactions: int = 0

    @property
    def writes(self) -> list[str]:
        """The statements that write."""
        return [text for text, _ in self.statements if text.startswith(WRITES)]


@contextmanager
def counted(database: Database) -> Iterator[Counted]:
    """Count what is sent to the database inside the block."""
    found, engine = Counted(), database.engine.sync_engine

    def executed(_connection: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: Any) -> None:
        if not text.startswith("BEGIN"):
            found.statements.append((text, values))

    def begun(connection: sa.Connection) -> None:
        found.transactions += not connection.get_execution_options().keys() & {"looking", "isolation_level"}

    sa.event.listen(engine, "before_cursor_execute", executed)
    sa.event.listen(engine, "begin", begun)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", executed)
        sa.event.remove(engine, "begin", begun)
