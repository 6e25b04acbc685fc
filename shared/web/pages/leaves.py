"""Numbered pages of a list, as a pager shows them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One numbered page of a list."""

    number: int
    last: int
    begin: int
    """The place of its first row in the whole list, from 1; 0 if there is none."""
    end: int
    many: int

    @classmethod
    def of(cls, asked: int, many: int, size: int) -> Self:
        """The page that is asked for, or the last one there is."""
        last = max(math.ceil(many / size), 1)
        number = min(asked, last)
        end = min(number * size, many)
        return cls(number=number, last=last, begin=min((number - 1) * size + 1, many), end=end, many=many)

    @property
    def numbers(self) -> Sequence[int | None]:
        """The numbers that a pager shows."""
        return numbers(self.number, self.last)


def numbers(page: int, last: int) -> list[int | None]:
    """The numbers of a pager: the ends, and those around the present page; None where some are left out."""
    kept = sorted({1, last, *range(max(page - 2, 1), min(page + 2, last) + 1)})
    found: list[int | None] = []
    for before, number in pairwise([0, *kept]):
        found += [None, number] if number > before + 1 else [number]
    return found
