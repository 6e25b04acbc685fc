"""Where a simulated Microsoft 365 misbehaves in a random life."""

from typing import Any

ABSENT = {"error": {"code": "Request_ResourceNotFound", "message": "none"}}
# What one stale answer may be about: once, and not again before it has been looked for a second time.
STALE: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    *(
        ({"cmdlet": cmdlet}, {"kind": kind})
        for cmdlet in (
            "Get-TransportRule",
            "Get-InboundConnector",
            "Get-OutboundConnector",
            "Get-TenantAllowBlockListSpoofItems",
        )
        for kind in ("empty_listing", "half_listing")
    ),
    (
        {"host": "graph", "method": "GET", "path": r"^/v1\.0/groups/[0-9a-f-]{36}$"},
        {"kind": "status", "status": 404, "body": ABSENT},
    ),
)
PLACES: tuple[dict[str, Any], ...] = (
    {"host": "graph"},
    {"host": "exchange"},
    {"host": "login"},
    {"host": "graph", "method": "POST", "path": "^/v1.0/groups$"},
    {"host": "graph", "method": "DELETE"},
    *(
        {"cmdlet": f"{verb}-{noun}"}
        for verb in ("New", "Set", "Remove", "Get")
        for noun in ("TransportRule", "InboundConnector", "OutboundConnector", "TenantAllowBlockListSpoofItems")
    ),
    {"cmdlet": "Enable-TransportRule"},
    {"cmdlet": "Set-HostedConnectionFilterPolicy"},
    {"cmdlet": "Set-UnifiedGroup"},
)
