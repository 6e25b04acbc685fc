"""What in a tenant would harm mail once we are in it: found after the consent and before anything is made. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The effect of what could not be judged.
UNTOLD = "unknown"


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One thing in a tenant, with what it does to mail and what to do about it.

    `key` begins with FOREIGN and stays the same from look to look. `told` and `advice` are sentences. `effect` is a
    list of effects, the worst first, as a drift has it; empty where no message goes another way. Where it `waits`
    nothing is made before somebody has accepted it or it is gone.
    """

    key: str
    told: str
    advice: str
    effect: tuple[str, ...]
    waits: bool = True

    @property
    def image(self) -> dict[str, Any]:
        """As it is stored and answered."""
        return {**self.__dict__, "effect": list(self.effect)}


def concern(image: Mapping[str, Any]) -> Concern:
    """What was stored."""
    return Concern(**{**image, "effect": tuple(image["effect"])})


def holding_up(concerns: Iterable[Concern], accepted: Mapping[str, Iterable[str]]) -> list[Concern]:
    """Those that wait and that nobody has accepted with all their effects; `accepted` are effects by key."""
    return [one for one in concerns if one.waits and not covers(accepted.get(one.key), one.effect)]


def covers(accepted: Iterable[str] | None, effect: Iterable[str]) -> bool:
    """Whether what was accepted is no less than what is so now."""
    return accepted is not None and set(effect) <= set(accepted)
