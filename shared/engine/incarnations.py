"""An object that was made anew has a holding for each incarnation: which row they belong to, and their identities."""

from collections.abc import Mapping

from shared.engine.ledger import FORMER, Holding


def row_key(key: str) -> str:
    """The key of a holding's row, without an element and without the number of an incarnation."""
    return key.partition("/")[0].partition(FORMER)[0]


def identities_of(key: str, holdings: Mapping[str, Holding]) -> list[str]:
    """Every identity that a row's object has ever had, as far as anybody has seen, the former ones first."""
    of_row = [held for held in holdings.values() if row_key(held.key) == key and held.identity]
    return list(dict.fromkeys(str(held.identity) for held in sorted(of_row, key=lambda held: held.incarnation)))
