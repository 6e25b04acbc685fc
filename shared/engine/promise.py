"""Promise and fact: what the administrator's page said stands in the ledger with the consent, and is compared at exit.

The page lists every object, when it is removed and what it outlives. Kept means: nothing else was made, all of it is
gone that was to go, nothing went before its time, and what was there before us was not touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import TypedDict

from shared.engine.chain import Act, Image
from shared.engine.incarnations import row_key
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.ledger_summary import PROMISED, Summary
from shared.engine.rows import ByAdministrator, Change, OnDemand, Row

OUTSIDE = frozenset({Act.CREATE, Act.ADOPT})


class Difference(TypedDict):
    """One object that was not treated as promised."""

    key: str
    title: str
    why: str


class Promise(TypedDict):
    """Whether what was shown before the consent was kept."""

    given_at: str
    kept: bool
    differences: list[Difference]


def promised(rows: Iterable[Row]) -> Image:
    """What the administrator's page says of each object, as the ledger keeps it."""
    made = (row for row in rows if isinstance(row, Change | ByAdministrator | OnDemand))
    return {PROMISED: {row.key: _line(row) for row in made}}


def _line(row: Change | ByAdministrator | OnDemand) -> Mapping[str, Any]:
    if isinstance(row, OnDemand):
        return {"title": row.title, "stays": True, "outlives": [], "for_minutes": 0}
    stays = isinstance(row, Change) and row.offered
    least = row.kept_at_least if isinstance(row, Change) and row.kept_at_least is not None else row.kept_for
    minutes = int(least / timedelta(minutes=1))
    return {"title": row.title, "stays": stays, "outlives": list(row.serves), "for_minutes": minutes}


def compared(holdings: Mapping[str, Holding], history: Summary) -> Promise | None:
    """The last promise held against the ledger; None where nobody has consented to any."""
    given = [(entry, (entry.after or {})[PROMISED]) for entry in history.promises]
    if not given:
        return None
    entry, lines = given[-1]
    # What was made under an earlier consent was on that page.
    known = {key: line for _, some in given for key, line in some.items()} | lines
    differences = [
        Difference(key=key, title=known.get(row_key(key), {}).get("title", key), why=why)
        for key, why in _differences(known, holdings, history)
    ]
    return {"given_at": entry.at.isoformat(), "kept": not differences, "differences": differences}


def _differences(
    lines: Mapping[str, Mapping[str, Any]], holdings: Mapping[str, Holding], history: Summary
) -> Iterator[tuple[str, str]]:
    removals = {key: entry for (key, act), entry in history.last.items() if act == Act.REMOVE}
    removed = {key: entry.at for key, entry in removals.items()}
    # What goes while running follows the policies, and nothing in transit needs it.
    at_exit = {key for key, entry in removals.items() if entry.generation == history.generation}
    forgotten = {key: entry.at for (key, act), entry in history.last.items() if act == Act.FORGET}
    gone = {key: max(removed.get(key, at), forgotten.get(key, at)) for key, at in (forgotten | removed).items()}
    for key in sorted({key for key, act in history.last if act in OUTSIDE}):
        if row_key(key) not in lines:
            yield key, "was made, and was not on the page"
    for key, held in sorted(holdings.items()):
        line = lines.get(row_key(key))
        if held.state in NOT_OURS:
            if key in removed and held.state is HoldingState.BORROWED:
                yield key, "was there before, and was removed"
        elif line is None or line["stays"]:
            continue
        elif held.state is not HoldingState.GONE:
            yield key, "was to be removed, and is not known to be gone"
        elif key in at_exit and (early := _early(line, removed[key], gone)):
            yield key, f"was removed {early} minutes before its time"


def _early(line: Mapping[str, Any], at: datetime, gone: Mapping[str, datetime]) -> int:
    """How many minutes too soon it went after what it was to outlive."""
    last = max((when for key, when in gone.items() if row_key(key) in line["outlives"]), default=None)
    if last is None:
        return 0
    left = last + timedelta(minutes=line["for_minutes"]) - at
    return max(0, -(-left // timedelta(minutes=1)))
