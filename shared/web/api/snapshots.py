"""Snapshots of a tenant's mail flow: listed, downloaded, and turned into a script that puts one back."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections import snapshots as kept
from shared.flows import snapshots
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import DATA_HEADERS, Json, Request, Text, as_json, attachment
from shared.web.schema import When, example

# Larger numbers are no snapshot's.
MAX_NUMBER_DIGITS = 9


class SnapshotView(TypedDict):
    """When and why a snapshot was taken."""

    number: int
    at: When
    why: Annotated[str, Field(description="before the first change of a grant, or because something had changed")]


@example({"snapshots": [{"number": 1, "at": "2026-11-24T09:13:20+00:00", "why": "before the first change"}]})
class SnapshotList(TypedDict):
    """The snapshots that are kept, the oldest first."""

    snapshots: list[SnapshotView]


class ChangeView(TypedDict):
    """One object that differs from the snapshot before."""

    kind: str
    identity: str
    title: str
    done: str
    ours: Annotated[bool, Field(description="an object of ours, which the script leaves alone")]


@example(
    {
        "number": 2,
        "at": "2026-11-25T10:00:12+00:00",
        "why": "changed",
        "changes": [
            {"kind": "rule", "identity": "8c1f2a", "title": "the rule “Footer”", "done": "was changed", "ours": False}
        ],
        "content": {"at": "2026-11-25T10:00:12+00:00", "rules": [], "things": {}},
    }
)
class SnapshotDetail(SnapshotView):
    """A snapshot, whole. Secrets of the connection are in it by name only."""

    changes: Annotated[list[ChangeView], Field(description="since the snapshot before")]
    content: Annotated[dict[str, Any], Field(description="rules in their order, and all else by kind and identity")]


async def listed(app: App, request: Request) -> Json[SnapshotList]:
    """When the tenant's mail flow was kept: before the first change of a grant, and after each change since."""
    found = await kept.listed(app.database, request.connection.id)
    return as_json({"snapshots": [_view(one) for one in found]})


@refuses("404 no_such_snapshot", "404 no_snapshots")
async def one(app: App, request: Request) -> Json[SnapshotDetail]:
    """One snapshot, whole, with what differs from the one before. The ledger says who has read it."""
    found = await snapshots.one(app, request.connection, number(request), request.actor.name)
    changes: list[ChangeView] = [
        {"kind": one.kind, "identity": one.identity, "title": one.title, "done": one.done, "ours": one.ours}
        for one in found.changes
    ]
    return as_json({**_view(found.taken), "changes": changes, "content": dict(found.content)})


@refuses("404 no_such_snapshot", "404 no_snapshots")
async def undo(app: App, request: Request) -> Text:
    """A script for PowerShell that puts the customer's objects back to a snapshot, from the newest one."""
    asked = number(request)
    script = await snapshots.undo(app, request.connection, asked, request.actor.name)
    headers = {
        **DATA_HEADERS,
        "Content-Type": f"{Text.media}; charset=utf-8",
        **attachment(request.connection.name, f"back-to-{asked}.ps1"),
    }
    return Text(headers=headers, body=script.encode())


def number(request: Request) -> int:
    """The number in the path. Raises Refused where it is none."""
    text = request.args["number"]
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS):
        raise Refused(404, "no_such_snapshot", "There is no such snapshot.")
    return int(text)


def _view(taken: kept.Taken) -> SnapshotView:
    return {"number": taken.number, "at": taken.at.isoformat(), "why": taken.why}
