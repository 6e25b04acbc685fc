"""What something costs in counts, which are the same on every machine: statements, transactions, calls of a platform.

Counted where they leave us: in SQLAlchemy, below our own code, and at the simulators' doors.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shared.storage.database import Database

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Counted:
    """Every statement with its values, in order, how many transactions there were, and rows written of each table."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    transactions: int = 0
    rows: "Counter[str]" = field(default_factory=Counter)

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

    def written(_connection: Any, cursor: Any, text: str, _values: Any, _context: Any, _many: Any) -> None:
        if text.startswith(WRITES) and cursor.rowcount > 0:
            found.rows[text.split()[1 if text.startswith("UPDATE") else 2]] += cursor.rowcount

    def begun(connection: sa.Connection) -> None:
        found.transactions += not connection.get_execution_options().keys() & {"looking", "isolation_level"}

    sa.event.listen(engine, "before_cursor_execute", executed)
    sa.event.listen(engine, "after_cursor_execute", written)
    sa.event.listen(engine, "begin", begun)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", executed)
        sa.event.remove(engine, "after_cursor_execute", written)
        sa.event.remove(engine, "begin", begun)
