"""What the tables are made of: one set of them, moments in UTC, the connection that a row is of."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no time zone, so it is taken off and put back on."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def of_connection(**options: Any) -> sa.Column[str]:
    """The column that says whose a row is."""
    return sa.Column("connection", sa.String, sa.ForeignKey("connections.id"), **options)
