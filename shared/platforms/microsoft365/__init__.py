"""Microsoft 365, by name; what it offers is imported once a connection to it is in hand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.deployment.issuers import Keys
    from shared.foundation.clock import Clock
    from shared.foundation.http_client import Wire
    from shared.foundation.settings import Settings
    from shared.platforms.contract import Platform

NAME, TITLE = "microsoft365", "Microsoft 365"


def make(settings: "Settings", wire: "Wire", keys: "Keys", clock: "Clock") -> "Platform":
    """The platform, for one process."""
    from shared.platforms.microsoft365.platform import offer

    return offer(settings, wire, keys, clock)
