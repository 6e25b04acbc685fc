"""The published table and what is true of it now, put into the order and the words in which people read it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import Act, LedgerEntry
from shared.engine.rows import ByAdministrator, Change, Row

PUBLISHED_IN = (Stage.GRANT, Stage.RUN, Stage.REVOKE, Stage.CLEANUP)
# What stands for a whole line is what needs to be looked at soonest.
SOONEST = (
    "drifted",
    "under way",
    "by administrator",
    "waiting",
    "present",
    "borrowed",
    "running",
    "on demand",
    "stopped",
    "absent",
)
THERE = frozenset({"present", "borrowed"})
# More of one kind would only be scrolled past; the API has all of them.
MAX_OBJECTS_SHOWN = 12

Line = Mapping[str, Any]


def published(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The four stages, each with its lines and how many there are of each mark; a line has one for all its objects."""
    of_key: dict[str, list[Line]] = {}
    for row in map(whole, view["rows"]):
        of_key.setdefault(row["key"], []).append(row)
    found = []
    for stage in PUBLISHED_IN:
        lines = [_line(line, of_key) for line in view["published"] if line["stage"] == stage.name.lower()]
        counts = Counter(line["state"] for line in lines if line["state"])
        marks = [(mark, counts[mark]) for mark in SOONEST if counts[mark]]
        found.append({"stage": stage.name.lower(), "title": stage.title, "lines": lines, "marks": marks})
    return found


def whole(row: Line) -> Line:
    """A row with everything that one may have."""
    return {"until": None, "when": None, "drift": None, "offered": False, "asked": None, "since": None, **row}


def _line(line: Line, of_key: Mapping[str, Sequence[Line]]) -> dict[str, Any]:
    objects = [row for key in line["rows"] for row in of_key.get(key, ())]
    marks = [row["state"] for row in objects]
    mark = min(marks, key=SOONEST.index) if marks else None
    until = max((row["until"] for row in objects if row.get("until")), default=None)
    return {
        **line,
        "objects": objects[:MAX_OBJECTS_SHOWN],
        "more": max(len(objects) - MAX_OBJECTS_SHOWN, 0),
        "state": mark,
        "like": marks.count(mark) if mark else 0,
        "all": len(objects),
        "until": until,
    }


def progress(connection: Connection, mine: Sequence[Row], rows: Sequence[Line]) -> dict[str, Any] | None:
    """How many objects are as the stage wants them; None where nothing is being carried out."""
    made_in = {row.key: row.created_in for row in mine if isinstance(row, Change | ByAdministrator)}
    match connection.stage:
        case Stage.GRANT:
            wanted = [row for row in rows if made_in.get(row["key"], Stage.CLOSED) <= Stage.GRANT]
            done = [row for row in wanted if row["state"] in THERE]
            return {"done": len(done), "all": len(wanted), "what": "objects are in place"}
        case Stage.REVOKE | Stage.CLEANUP:
            staying = [row for row in rows if row["state"] == "borrowed" or row.get("offered")]
            wanted = [row for row in rows if row["key"] in made_in and row not in staying]
            done = [row for row in wanted if row["state"] == "absent"]
            return {"done": len(done), "all": len(wanted), "what": "objects are gone"}
    return None


def steps(connection: Connection, rows: Iterable[Line], told: Mapping[str, LedgerEntry]) -> list[dict[str, Any]]:
    """What is the administrator's: what is asked for now, and what is done, with when and by what it was seen.

    `told` is the last that the ledger says of each object.
    """
    ending = connection.stage >= Stage.REVOKE
    found = []
    for row in map(whole, rows):
        last = told.get(row["key"])
        if row["kind"] != "by administrator" or (last is None and not row["asked"]):
            continue
        # Something that is gone was done when that was wanted; before, it is only not there yet.
        done = not row["asked"] and (row["state"] == "absent" if ending else row["state"] == "present")
        if done and ending and last and last.act is Act.ASK:
            continue  # it was asked for, and access was revoked before anybody did it
        if row["asked"] or done or row["state"] in ("waiting", "drifted"):
            found.append({**row, "done": done, "removal": ending, "last": last})
    return found


def grouped(rows: Iterable[Row]) -> list[tuple[str, list[Change | ByAdministrator]]]:
    """What is made in a tenant, by when it goes again: for the administrator who decides."""
    titles = {
        "revoke": "Until access is revoked",
        "cleanup": "Until clean-up, when no mail needs it any more",
        "hand": "By you, until you remove it in the end",
        "stays": "Stays, unless you ask for its removal",
    }
    found: dict[str, list[Change | ByAdministrator]] = {key: [] for key in titles}
    for row in rows:
        if isinstance(row, ByAdministrator):
            found["hand"].append(row)
        elif isinstance(row, Change):
            found["stays" if row.offered else row.removed_in.name.lower()].append(row)
    return [(titles[key], some) for key, some in found.items() if some]
