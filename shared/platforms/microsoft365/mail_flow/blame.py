"""Which changed object does which harm: each is put alone into the wanted mail flow. Pure.

Many changes are halved until the harmful ones are found, for a tenant may change hundreds of its domains in a day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from shared.engine.effects import WORST_FIRST, Harm
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot, changed, exchanged
from shared.platforms.microsoft365.mail_flow.verdict import Finding, difference, told_of

# Changes that do harm only all together are one object.
TOGETHER: Key = ("changes", "together")
# Comparisons of mail flows for one tenant. What is left after them is laid to all changes together.
MAX_COMPARISONS = 200


@dataclass(frozen=True, kw_only=True)
class Blame:
    """A changed object and what it alone does to mail; nothing if it is harmless."""

    key: Key
    harms: tuple[Harm, ...]


def blames(
    wanted: Snapshot, now: Snapshot, service: Service, protected: Mapping[Direction, Protection]
) -> Iterator[Blame]:
    """Every changed object with its harms. What harms only in company of others is laid to all of them together."""

    def harms(after: Snapshot) -> list[Finding]:
        return difference(wanted.listing(), after.listing(), service, protected, now.at, wanted.at)

    def put(base: Snapshot, key: Key) -> Snapshot:
        return exchanged(base, now, key)

    keys = list(changed(wanted, now))
    if not keys:
        return  # neither an object nor, by its dates, what a rule does: mail goes the same ways
    whole = harms(now)
    left = {(one.effect, one.direction) for one in whole}
    real = frozenset(left)
    alone: dict[Key, list[Finding]] = {}
    groups, comparisons = [keys] if whole else [], 0
    while groups and comparisons < MAX_COMPARISONS:
        group, comparisons = groups.pop(0), comparisons + 1
        # What another change takes back again has not come about.
        found = [one for one in harms(reduce(put, group, wanted)) if (one.effect, one.direction) in real]
        if found and len(group) == 1:
            alone[group[0]] = found
        elif found:
            middle = len(group) // 2
            groups += [group[:middle], group[middle:]]
    for key in keys:
        found = alone.get(key, [])
        left -= {(one.effect, one.direction) for one in found}
        yield Blame(key=key, harms=_harms(found))
    if left:
        yield Blame(key=TOGETHER, harms=_harms([one for one in whole if (one.effect, one.direction) in left]))


def _harms(found: list[Finding]) -> tuple[Harm, ...]:
    harms = {
        Harm(effect=one.effect, direction=one.direction.value, share=one.share, people=one.people)
        for one in told_of(found)
    }
    return tuple(sorted(harms, key=lambda one: (WORST_FIRST.index(one.effect), one.direction, one.share)))
