"""Ids of our own rows."""

from typing import NewType
from uuid import uuid4

ConnectionId = NewType("ConnectionId", str)
"""The id of a connection's row: 32 hexadecimal digits. A connection itself is a `connections.record.Connection`."""


def new_id() -> str:
    """32 hexadecimal digits that say nothing and cannot be guessed."""
    return uuid4().hex
