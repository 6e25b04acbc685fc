"""What the public functions' user may do in the database: read and write rows, and neither make tables nor users.

The user that migrates owns the tables, and gives the rights: https://www.postgresql.org/docs/current/sql-grant.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.storage.tables import metadata

if TYPE_CHECKING:
    from shared.storage.database import AsyncConnection

GRANTED = sa.text("SELECT has_table_privilege(oid, 'alembic_version', 'SELECT') FROM pg_roles WHERE rolname = :name")
THERE = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name")


@dataclass(frozen=True)
class User:
    """A user of the server that is there, or one that is made, with its label: the label's provider, and its text."""

    name: str
    label: tuple[str, str] | None = None


async def granted(read: "AsyncConnection", user: User) -> bool:
    """Whether the user has its rights in a migrated database: all are given in one transaction."""
    return bool((await read.execute(GRANTED, {"name": user.name})).scalar())


async def grant(write: "AsyncConnection", user: User) -> None:
    """Give the user its rights to all tables, and make it first if that is for us to do."""
    quoted = write.dialect.identifier_preparer.quote_identifier
    name, tables = quoted(user.name), ", ".join(map(quoted, metadata.tables))
    statements = [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {name}",
        f"GRANT SELECT ON alembic_version TO {name}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
    ]
    if user.label is not None:
        provider, text = user.label
        statements.insert(0, f"SECURITY LABEL FOR {provider} ON ROLE {name} IS '{text}'")
        if not (await write.execute(THERE, {"name": user.name})).scalar():
            statements.insert(0, f"CREATE ROLE {name} LOGIN")
    for statement in statements:
        await write.exec_driver_sql(statement)
