"""Google Workspace, by name; its class is imported once a connection to it is in hand."""

from typing import TYPE_CHECKING

from shared.platforms.google_workspace.name import NAME, TITLE

if TYPE_CHECKING:
    from shared.deployment.context import Context
    from shared.platforms.contract import Platform

__all__ = ["NAME", "TITLE", "make"]


def make(context: "Context") -> "Platform":
    """The platform, for one process."""
    from shared.platforms.google_workspace.platform import GoogleWorkspace

    return GoogleWorkspace(context)
