"""Entries of the ledger as a SIEM reads them: OCSF 1.5.0, class Entity Management (https://schema.ocsf.io/1.5.0)."""

from collections.abc import Mapping
from typing import Any

from shared import __version__
from shared.engine.chain import Act, LedgerEntry

VERSION = "1.5.0"
CATEGORY, CLASS = 3, 3004
OTHER = 99
ACTIVITIES: Mapping[Act, int] = {
    Act.CREATE: 1,
    Act.READ: 2,
    Act.UPDATE: 3,
    Act.REMOVE: 4,
    Act.PURGE: 4,
    Act.ERASE: 4,
}
SUCCESS, FAILURE = 1, 2
STATUSES = {"done": SUCCESS, "failed": FAILURE}
INFORMATIONAL, MEDIUM = 1, 3


def event(entry: LedgerEntry, software: str) -> dict[str, Any]:
    """One entry as an OCSF event; `software` is what this product calls itself. Times are in milliseconds."""
    activity = ACTIVITIES.get(entry.act, OTHER)
    status = STATUSES.get(entry.state, OTHER)
    entity = {"name": entry.key, "uid": entry.identity or entry.key}
    found: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": str(entry.act),
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "time": int(entry.at.timestamp() * 1000),
        "severity_id": MEDIUM if status == FAILURE or entry.act is Act.DRIFT else INFORMATIONAL,
        "status_id": status,
        "status": entry.state,
        "message": entry.note or f"{entry.act} {entry.key}: {entry.state}",
        "actor": _actor(entry, software),
        "entity": entity | ({"data": entry.before} if entry.before is not None else {}),
        "metadata": {
            "version": VERSION,
            "product": {"name": software, "version": __version__},
            "log_name": "ledger",
            "uid": f"{entry.connection}/{entry.number}",
            "sequence": entry.number,
        },
        "unmapped": {
            "connection": entry.connection,
            "generation": entry.generation,
            "request_id": entry.request_id,
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        },
    }
    if entry.after is not None:
        found["entity_result"] = entity | {"data": entry.after}
    if entry.intent is not None:
        found["metadata"]["correlation_uid"] = f"{entry.connection}/{entry.intent}"
    return found


def _actor(entry: LedgerEntry, software: str) -> dict[str, Any]:
    if entry.actor is None:
        return {"app_name": software}
    return {"user": {"name": entry.actor} | ({"uid": entry.subject} if entry.subject else {})}
