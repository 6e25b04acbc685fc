"""Which changed object does which harm: each is put alone into the wanted mail flow. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.engine.effects import WORST_FIRST, Harm
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot, changed, exchanged
from shared.platforms.microsoft365.mail_flow.verdict import Finding, difference

# Changes that do harm only all together are one object.
TOGETHER: Key = ("changes", "together")


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

    whole = harms(now)
    left = {(one.effect, one.direction) for one in whole}
    real = frozenset(left)
    for key in changed(wanted, now):
        # What another change takes back again has not come about.
        alone = harms(exchanged(wanted, now, key)) if whole else []
        found = [one for one in alone if (one.effect, one.direction) in real]
        left -= {(one.effect, one.direction) for one in found}
        yield Blame(key=key, harms=_harms(found))
    if left:
        yield Blame(key=TOGETHER, harms=_harms([one for one in whole if (one.effect, one.direction) in left]))


def _harms(found: list[Finding]) -> tuple[Harm, ...]:
    harms = {
        Harm(effect=one.effect, direction=one.direction.value, share=one.share, people=one.people) for one in found
    }
    return tuple(sorted(harms, key=lambda one: (WORST_FIRST.index(one.effect), one.direction, one.share)))
