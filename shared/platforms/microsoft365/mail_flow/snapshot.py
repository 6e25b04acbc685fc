"""The records of a tenant's mail flow at one moment, as JSON, and one of its objects put into another moment.

Pure. Two snapshots are compared object by object, so that an effect is laid to the object that brings it about.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from shared.platforms.microsoft365.mail_flow.listing import Listing, Record, read

# Exchange renumbers rules and stamps records without anybody's change of them.
UNTOLD = frozenset({"Priority", "WhenChanged", "WhenChangedUTC", "LastModifiedBy"})
Key = tuple[str, str]
"""A kind and an identity: ("inbound", "<guid>"). The kinds are rule, inbound, outbound, domain, allowed, blocked,
spoof, mx, group, and remote and journal where they can be read."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was listed at a moment. Rules stand in the order in which they are evaluated.

    `things` holds the rest by kind and identity: records, lists' entries, mail exchangers, and for a group
    {"names": [...], "members": [...] or None where they cannot be listed}.
    """

    at: datetime
    rules: Sequence[Record]
    things: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps({**vars(self), "at": self.at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """Read what was stored."""
        kept = json.loads(text)
        return cls(at=datetime.fromisoformat(kept["at"]), rules=kept["rules"], things=kept["things"])

    def listing(self) -> Listing:
        """What the model reads."""
        kinds = self.things
        groups = {name: one["members"] for one in kinds["group"].values() for name in one["names"]}
        return read(
            rules=[{**rule, "Priority": place} for place, rule in enumerate(self.rules)],
            inbound=kinds["inbound"].values(),
            outbound=kinds["outbound"].values(),
            domains=kinds["domain"].values(),
            connection_filter={"IPAllowList": list(kinds["allowed"]), "IPBlockList": list(kinds["blocked"])},
            spoof=kinds["spoof"].values(),
            mx=kinds["mx"],
            groups={name: None if members is None else frozenset(members) for name, members in groups.items()},
            remote=kinds.get("remote", {}).values(),
        )

    def of(self, key: Key) -> Any:
        """The record of an object, or None if there is none; several changes together are no object."""
        kind, identity = key
        if kind == "rule":
            return next((rule for rule in self.rules if rule["Guid"] == identity), None)
        return self.things.get(kind, {}).get(identity)


def changed(before: Snapshot, after: Snapshot) -> Iterator[Key]:
    """Every object that was added, removed, moved or is otherwise not as it was, or whose date has passed."""
    old, new = ({rule["Guid"]: rule for rule in one.rules} for one in (before, after))
    shifted = moved(before, after)
    acting = [{rule.id: rule.acts_at(one.at) for rule in one.listing().rules} for one in (before, after)]
    for guid in dict.fromkeys([*old, *new]):
        same = guid in old and guid in new and told(old[guid]) == told(new[guid])
        if not same or guid in shifted or acting[0].get(guid) != acting[1].get(guid):
            yield "rule", guid
    for kind, things in after.things.items():
        was = before.things.get(kind)
        if was is None:
            continue  # it could not be read then
        for identity in dict.fromkeys([*was, *things]):
            absent = identity not in was or identity not in things
            if absent or told(was[identity]) != told(things[identity]):
                yield kind, identity


def exchanged(base: Snapshot, source: Snapshot, key: Key) -> Snapshot:
    """The base with one object as the source has it: changed, added, removed, or at its place there."""
    kind, identity = key
    if kind == "rule":
        return replace(base, rules=_with_rule(base, source, identity))
    things = dict(base.things[kind])
    things.pop(identity, None)
    if identity in source.things[kind]:
        things[identity] = source.things[kind][identity]
    return replace(base, things={**base.things, kind: things})


def done(before: Snapshot, after: Snapshot, key: Key) -> str:
    """What happened to an object, in words behind its name."""
    old, new = before.of(key), after.of(key)
    if old is None:
        return "was added"
    if new is None:
        return "was removed"
    for name in ("State", "Enabled"):
        if isinstance(new, Mapping) and name in new and old.get(name) != new[name]:
            return "was enabled" if new[name] in (True, "Enabled") else "was disabled"
    if key[0] == "rule" and told(old) == told(new):
        return "was moved" if key[1] in moved(before, after) else "has come to its date"
    return "was changed"


def _with_rule(base: Snapshot, source: Snapshot, guid: str) -> list[Record]:
    rules, theirs = list(base.rules), [rule["Guid"] for rule in source.rules]
    here = [rule["Guid"] for rule in rules]
    if guid not in theirs:
        return [rule for rule in rules if rule["Guid"] != guid]
    record = source.rules[theirs.index(guid)]
    if guid in here and guid not in moved(base, source):
        return [record if rule["Guid"] == guid else rule for rule in rules]
    rules = [rule for rule in rules if rule["Guid"] != guid]
    here = [rule["Guid"] for rule in rules]
    # Behind the nearest rule that stands before it in the source as well.
    before = [here.index(one) for one in theirs[: theirs.index(guid)] if one in here]
    place = before[-1] + 1 if before else 0
    return [*rules[:place], record, *rules[place:]]


def moved(before: Snapshot, after: Snapshot) -> set[str]:
    """The fewest rules of both that must have been moved to come from one order to the other, or nearly so."""
    old, new = ([rule["Guid"] for rule in one.rules] for one in (before, after))
    both = set(old) & set(new)
    old, new = [one for one in old if one in both], [one for one in new if one in both]
    blocks = SequenceMatcher(a=old, b=new, autojunk=False).get_matching_blocks()
    stayed = {one for block in blocks for one in old[block.a : block.a + block.size]}
    return both - stayed


def told(record: Any) -> Any:
    """A record without what Exchange changes in it by itself."""
    return {k: v for k, v in record.items() if k not in UNTOLD} if isinstance(record, Mapping) else record
