"""Microsoft 365, by name; its class is imported once a connection to it is in hand."""

from typing import TYPE_CHECKING

from shared.platforms.microsoft365.name import NAME, TITLE

if TYPE_CHECKING:
    from shared.deployment.context import Context
    from shared.platforms.contract import Platform

__all__ = ["NAME", "TITLE", "make"]


def make(context: "Context") -> "Platform":
    """The platform, for one process."""
    from shared.platforms.microsoft365.platform import Microsoft365

    return Microsoft365(context)
