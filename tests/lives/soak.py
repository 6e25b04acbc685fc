"""Many lives one after the other; of each violation the seed and the smallest sequence that shows it."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.lives.life import Came, Place, Side, Step, drawn, lived

KINDS = (
    "removed theirs",
    "altered theirs",
    "duplicate",
    "no intent",
    "false certificate",
    "left without a certificate",
    "endless revoke",
    "stored remains",
    "broken chain",
    "secret",
    "internal error",
)


@dataclass
class Found:
    """What was lived."""

    lives: list[Came] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Whether anything was."""
        return any(came.violations for came in self.lives)


async def soak(
    place: Place, sides: Sequence[Side], *, seeds: Iterable[int], steps: int, until: float, shrink: bool
) -> Found:
    """Live the lives of these seeds until a moment of the machine's monotonic clock."""
    found = Found()
    for seed in seeds:
        if time.monotonic() > until:
            break
        side = sides[seed % len(sides)]
        came = await lived(place, side, seed, drawn(side, seed, steps))
        found.lives.append(came)
        _say(f"{side.name} seed {seed}: {came.result}, {came.calls} calls, {sum(came.faults.values())} faults")
        if came.violations:
            kind, what = came.violations[0]
            _say(f"{side.name} seed {seed}: {kind}: {what}")
            smallest = await smaller(place, side, came, kind) if shrink else came.steps
            _say(f"   {' | '.join(step.name for step in smallest)}\n   {[(s.name, s.seed) for s in smallest]}")
        shutil.rmtree(place.folder)
        place.folder.mkdir()
    return found


async def smaller(place: Place, side: Side, came: Came, kind: str) -> Sequence[Step]:
    """Fewer steps that lead to the same kind of violation: whole runs of steps are left out as long as they can be."""
    steps, size = list(came.steps), max(1, len(came.steps) // 2)
    while size:
        start = 0
        while start < len(steps):
            fewer = steps[:start] + steps[start + size :]
            again = await lived(place, side, came.seed, fewer)
            if any(one == kind for one, _ in again.violations):
                steps = fewer
            else:
                start += size
        size //= 2
    return steps


def table(lives: Sequence[Came]) -> str:
    """What the lives came to, as Markdown."""
    platforms = sorted({came.platform for came in lives})
    rows = [("", *platforms)]

    def row(name: str, count: "Counter[str]") -> None:
        rows.append((name, *(str(count[one]) for one in platforms)))

    row("lives", Counter(came.platform for came in lives))
    row("steps", _summed((came.platform, len(came.steps)) for came in lives))
    row("calls to the platform", _summed((came.platform, came.calls) for came in lives))
    row("faults", _summed((came.platform, sum(came.faults.values())) for came in lives))
    for result in sorted({came.result for came in lives}):
        row(f"certificate: {result}", Counter(came.platform for came in lives if came.result == result))
    for kind in KINDS:
        row(kind, _summed((came.platform, sum(one == kind for one, _ in came.violations)) for came in lives))
    lines = ["| " + " | ".join(line) + " |" for line in rows]
    return "\n".join([lines[0], "|---|" + "--:|" * len(platforms), *lines[1:]]) + "\n"


def _summed(pairs: Iterable[tuple[str, int]]) -> "Counter[str]":
    total: Counter[str] = Counter()
    for name, number in pairs:
        total[name] += number
    return total


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
