"""How Microsoft's hosts write a moment."""

from __future__ import annotations

from datetime import datetime


def graph_time(moment: datetime) -> str:
    """Return a moment the way Graph writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def exchange_time(moment: datetime) -> str:
    """Return a moment the way Exchange writes it: seven digits of fraction."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
