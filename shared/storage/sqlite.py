"""How a file of SQLite is opened, and how a transaction in it begins and ends."""

import sqlite3
from typing import Any

import sqlalchemy as sa

BUSY_MILLISECONDS = 20_000
PRAGMAS = (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")


class SqliteConnection(sqlite3.Connection):
    """A connection whose transaction ends with it.

    SQLite keeps one that is closed, and its lock on the whole file, until its last statement is gone
    (https://www.sqlite.org/c3ref/close.html). A run that was cancelled within a statement holds that statement for as
    long as somebody holds the run's error.
    """

    def close(self) -> None:
        """Take back what was not committed, and close."""
        if self.in_transaction:
            self.rollback()
        super().close()


def prepare(connection: Any, _record: Any) -> None:
    """Set up a new connection, before anything else is asked of it."""
    connection.isolation_level = None  # we say BEGIN ourselves, or the driver says it too late
    cursor = connection.cursor()
    # The first makes the others wait while another process makes the file.
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin(connection: sa.Connection) -> None:
    """Begin a transaction of a writer at once: two of them wait in line instead of failing half-way."""
    if not connection.get_execution_options().get("looking"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
