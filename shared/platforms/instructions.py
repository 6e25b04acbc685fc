"""What an administrator is told to do, in words: printed from the catalogue's rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.engine.rows import ByAdministrator


@dataclass(frozen=True, kw_only=True)
class StepValue:
    """What to type into which field."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """The sentence, the page on which to do it, and for setting up what to type where."""

    sentence: str
    link: str
    values: tuple[StepValue, ...]


def instruction(row: ByAdministrator, words: Mapping[str, str], *, removal: bool) -> Instruction:
    """An administrator's step in words; `words` stand for the `{name}`s in the row's texts."""
    values = () if removal else tuple(StepValue(label=name, value=text.format(**words)) for name, text in row.values)
    return Instruction(sentence=(row.removal if removal else row.set_up).format(**words), link=row.link, values=values)
