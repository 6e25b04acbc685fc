"""What differs from what is declared, object by object, for the overview of a connection."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.engine.chain import Image
from shared.engine.effects import FOREIGN, SAID, Effect
from shared.engine.ledger import Holding
from shared.flows.findings import Finding
from shared.web.pages.differences import differences

# What drift says of itself and not of the object's settings.
ABOUT = frozenset({"effect", "touches", "told", "at", "by", "exists"})


def drifted(
    rows: Iterable[Mapping[str, Any]], holdings: Mapping[str, Holding], findings: Sequence[Finding]
) -> list[dict[str, Any]]:
    """Our objects that others changed: each with its settings before and after, and what was said about it."""
    said = {one.key: one for one in findings}
    found = []
    for row in rows:
        if row["state"] != "drifted" or row["kind"] == "by others":
            continue
        key = f"{row['key']}/{row['element']}" if row["element"] else row["key"]
        drift: Image = row["drift"] or {}
        held = holdings.get(key)
        seen: Image = (held and held.seen) or {}
        after = {name: value for name, value in drift.items() if name not in ABOUT}
        # What a list of ours lost has no name that we ever wrote, so it has no before.
        before = {name: seen[name] for name in after if name in seen}
        lines, more = differences(before, after)
        found.append(
            {
                "title": row["title"],
                "element": row["element"],
                "told": drift.get("told"),
                "deleted": drift.get("exists") is False,
                "at": drift.get("at"),
                "by": drift.get("by"),
                "lines": lines,
                "more": more,
                "finding": said.get(key),
            }
        )
    return found


def of_the_customer(findings: Iterable[Finding]) -> list[Finding]:
    """What is in the way of mail and not ours: found before a grant, or among the customer's own objects."""
    return [one for one in findings if one.found == "before" or one.key.startswith(FOREIGN + "/")]


def effects(findings: Iterable[Finding]) -> list[str]:
    """What happens to mail by what others changed while running and nobody has decided about, the worst first."""
    changed = [one for one in findings if one.found == "running" and one.choice is None]
    open_ones = {effect for one in changed for effect in one.effect}
    return [f"Mail {SAID[effect]}" for effect in Effect if effect in open_ones]
