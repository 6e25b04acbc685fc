"""What is told of a database that does not answer, or is not migrated: which of its errors are no mistakes of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from shared.foundation.errors import Temporary

log = logging.getLogger(__name__)

# SQLite has one kind of error for an outage and for our own mistakes; these are the outages.
OUTAGES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN")


@contextmanager
def outage_told() -> Iterator[None]:
    """Inside the block an outage is raised as Temporary, and anything else as it is."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        if _lacks_a_table(error):
            log.exception("the database has not this version's tables")
            raise _not_migrated() from None
        if not _is_outage(error):
            raise
        cause = getattr(error, "orig", None) or error
        # A statement's error may hold what is stored; that of a connection only says where it was to go.
        why = str(cause) if getattr(error, "statement", None) is None else type(cause).__name__
        log.warning("database is not available", extra={"why": why})
        raise unavailable() from None


def unavailable() -> Temporary:
    """The error of an outage."""
    return Temporary(
        "database_unavailable", "The database does not answer just now. Nothing is lost; try again in a minute."
    )


def _not_migrated() -> Temporary:
    return Temporary(
        "database_not_migrated",
        "The database does not have this version's tables yet: the timer `migrate` makes them within five minutes.",
    )


def _lacks_a_table(error: sa.exc.SQLAlchemyError) -> bool:
    cause = getattr(error, "orig", None)
    # https://www.postgresql.org/docs/current/errcodes-appendix.html; SQLite has no code for it.
    return getattr(cause, "sqlstate", None) == "42P01" or str(cause).startswith("no such table: ")


def _is_outage(error: sa.exc.SQLAlchemyError) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return True  # every connection of this process is taken
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(OUTAGES)
    # A server that has just lost its place to another one still answers, but takes nothing.
    replaced = getattr(error.orig, "sqlstate", None) == "25006"
    return replaced or error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
