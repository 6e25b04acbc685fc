"""Connections at a glance, as JSON: for the API, the pages and the local commands alike. Imports no flow."""

from collections.abc import Mapping
from typing import Any

from shared import connections, decisions, directory, quarantine
from shared.app import App
from shared.connections import Connection
from shared.errors import Refused
from shared.lifecycle import Stage


async def found(app: App, identifier: str) -> Connection:
    """The connection with this id. Raises Refused 404 if there is none."""
    connection = await connections.find(app.database, identifier)
    if connection is None:
        raise Refused(404, "no_such_connection", "There is no such connection.")
    return connection


def connection_view(app: App, connection: Connection) -> dict[str, Any]:
    """A connection without anything that is secret."""
    return {
        "id": connection.id,
        "platform": connection.platform,
        "platform_title": app.platforms.titles[connection.platform],
        "modes": sorted(connection.modes),
        "name": connection.name,
        "site": str(connection.site),
        "tenant": connection.tenant,
        "stage": connection.stage.name.lower(),
        "stage_title": connection.stage.title,
        "stage_since": connection.stage_since.isoformat(),
        "status": str(connection.status),
        "reason": connection.reason,
        "sentence": connection.sentence,
        "reason_since": connection.reason_since.isoformat() if connection.reason_since else None,
        "not_before": connection.not_before.isoformat() if connection.not_before else None,
        "synced_at": connection.synced_at.isoformat() if connection.synced_at else None,
        "generation": connection.generation,
        "repairs_drift": connection.repairs_drift,
    }


async def detail(app: App, connection: Connection) -> dict[str, Any]:
    """A connection with its directory in numbers, its domains, and what needs to be known of its mail."""
    domains = await directory.domains(app.database, connection.id)
    acted = await decisions.count(app.database, connection.id)
    return connection_view(app, connection) | {
        "mail": {
            "quarantined": await quarantine.count(app.database, connection.id),
            "uninspected": acted.get(decisions.UNINSPECTED, 0),
        },
        "directory": await directory.count(app.database, connection.id),
        "domains": [
            {
                "name": row["name"], "verified": row["verified"], "accepted": row["accepted"],
                "wanted_mx": row["wanted_mx"], "mx": row["mx"],
            }
            for row in domains
        ],
    }  # fmt: skip


async def every(app: App, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """All connections, filtered by `stage` and `platform`."""
    stage = query.get("stage")
    if stage is not None and stage.upper() not in Stage.__members__:
        raise Refused(400, "unknown_stage", f"There is no stage “{stage}”.")
    found = await connections.listed(
        app.database, stage=Stage[stage.upper()] if stage else None, platform=query.get("platform")
    )
    return [connection_view(app, connection) for connection in found]
