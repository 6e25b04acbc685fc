"""What a change by others does to mail, in the words of operators and customers. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal

from shared.engine.chain import Image


class Effect(StrEnum):
    """What may happen to mail that should not, the worst first."""

    UNSCANNED = "unscanned"
    BOUNCED_OR_DELAYED = "bounced_or_delayed"
    SCANNED_TWICE_OR_LOOP = "scanned_twice_or_loop"
    FILTERED_TWICE = "filtered_twice"
    TRUSTED_WITHOUT_US = "trusted_without_us"
    RETURNED_MISJUDGED = "returned_misjudged"
    UNKNOWN = "unknown"


WORST_FIRST = tuple(Effect)
SAID = {
    Effect.UNSCANNED: "bypasses the scanner",
    Effect.BOUNCED_OR_DELAYED: "is refused, held or delayed",
    Effect.SCANNED_TWICE_OR_LOOP: "is scanned twice or goes in a circle",
    Effect.FILTERED_TWICE: "is filtered a second time after the scanner",
    Effect.TRUSTED_WITHOUT_US: "is trusted without having been scanned",
    Effect.RETURNED_MISJUDGED: "is taken for spam or a forgery when the scanner returns it",
    Effect.UNKNOWN: "may take another way, which cannot be told from what can be read",
}
WHOSE = {"incoming": "Inbound mail to {}", "outgoing": "Outbound mail of {}", "internal": "Internal mail of {}"}


@dataclass(frozen=True, kw_only=True)
class Harm:
    """One effect with whom it touches. `people` is None where whole domains are touched."""

    effect: Effect
    direction: Literal["incoming", "outgoing", "internal"]
    share: Literal["all", "some"]
    people: int | None = None

    def __str__(self) -> str:
        """In a sentence without its full stop: "Inbound mail to all protected people bypasses the scanner"."""
        if self.share == "some" and self.people:
            whom = "1 protected person" if self.people == 1 else f"{self.people} protected people"
        else:
            whom = f"{self.share} protected people"
        return f"{WHOSE[self.direction].format(whom)} {SAID[self.effect]}"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One object that others changed, and what that does to mail; without harms the change is only noted.

    `key` is the holding's where the object is ours, and begins with FOREIGN where it is not. `done` is what happened
    to it: "was disabled".
    """

    key: str
    title: str
    done: str
    harms: tuple[Harm, ...]
    at: str | None = None
    by: str | None = None
    """When and by whom it was changed last, in the platform's words; None where that cannot be read."""

    def __str__(self) -> str:
        """The worst effect with its cause, in a sentence without its full stop."""
        return f"{self.harms[0]}: {self.title} {self.done}" if self.harms else f"{self.title} {self.done}"

    @property
    def why(self) -> str:
        """What happened to it and what that does, behind its title: "was disabled: inbound mail to all ..."."""
        return f"{self.done}: {str(self.harms[0])[0].lower()}{str(self.harms[0])[1:]}" if self.harms else self.done

    @property
    def image(self) -> Image:
        """As the ledger keeps it: `effect` is the list of effects, the worst first."""
        effects = sorted({one.effect for one in self.harms}, key=WORST_FIRST.index)
        touched = [{**asdict(one), "effect": str(one.effect)} for one in self.harms]
        return {
            "effect": [str(one) for one in effects],
            "touches": touched,
            "told": str(self),
            "at": self.at,
            "by": self.by,
        }


# Before the kind and the identity of an object of the customer's.
FOREIGN = "mail-flow"


def sentence(drifts: Sequence[Drift]) -> str:
    """What the harmful of some changes do to mail, the worst first."""
    harmful = [one for one in drifts if one.harms]
    worst = sorted(harmful, key=lambda one: WORST_FIRST.index(one.harms[0].effect))
    return ". ".join(map(str, worst))
