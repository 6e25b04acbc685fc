"""Which rows, permissions and effects a connection has: by its modes, and by what it was made without."""

from collections.abc import Iterable

from shared.connections.record import Connection
from shared.engine.rows import Change, Row
from shared.platforms.contract import Permission, Platform


def in_modes(rows: Iterable[Row], modes: frozenset[str]) -> tuple[Row, ...]:
    """The rows of some modes; a row that names none belongs to every one."""
    return tuple(row for row in rows if not row.modes or row.modes & modes)


def rows_of(platform: Platform, connection: Connection) -> tuple[Row, ...]:
    """The rows that a connection has."""
    rows = in_modes(platform.rows(connection.brand), connection.modes)
    return tuple(row for row in rows if row.key not in connection.left_out)


def dispensable(rows: Iterable[Row]) -> tuple[Change, ...]:
    """The rows that a connection can be made without."""
    return tuple(row for row in rows if isinstance(row, Change) and row.instead)


def effects_of(platform: Platform, connection: Connection) -> tuple[str, ...]:
    """What to expect for the mail of a connection."""
    return tuple(one.text for one in platform.effects if not one.modes or one.modes & connection.modes)


def permissions_of(platform: Platform, rows: Iterable[Row]) -> tuple[Permission, ...]:
    """The permissions that some rows need, each with its reason: no more are asked for."""
    needed = {name for row in rows for name in row.permissions}
    return tuple(permission for permission in platform.permissions if permission.name in needed)
