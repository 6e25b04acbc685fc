"""How surely a condition holds of a class of messages whose content is not seen."""

from collections.abc import Iterable
from enum import IntEnum


class Answer(IntEnum):
    """Ordered, so that all conditions together hold as surely as the least sure of them."""

    NO = 0
    UNKNOWN = 1
    """What the platform does is not documented, or could not be read."""
    DEPENDS = 2
    """It holds of some messages of the class and of others not, by their content."""
    YES = 3


def all_of(answers: Iterable[Answer]) -> Answer:
    """Every one must hold."""
    return min(answers, default=Answer.YES)


def any_of(answers: Iterable[Answer]) -> Answer:
    """One is enough."""
    return max(answers, default=Answer.NO)


def opposite(answer: Answer) -> Answer:
    """That it does not hold."""
    if answer is Answer.NO:
        return Answer.YES
    return Answer.NO if answer is Answer.YES else answer


def answer(holds: bool) -> Answer:  # noqa: FBT001 - one word for one truth value
    """A certain answer."""
    return Answer.YES if holds else Answer.NO
