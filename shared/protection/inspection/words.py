"""Words and expressions in a text, whoever wrote it: bounded time for all of them together."""

import re
import unicodedata
from collections.abc import Container, Sequence

from shared.protection.inspection.budget import Budget

# A token of more letters is no word in any language.
LONGEST_WORD = 100
LONGEST_EXPRESSION = 500


def folded(text: str) -> str:
    """Text in one form of each letter, without letter case."""
    # Composing takes time by the square of a run of accents, so it is done word by word.
    return (text if text.isascii() else re.sub(r"\S+", _composed, text)).casefold()


def _composed(word: re.Match[str]) -> str:
    found = word[0]
    if found.isascii() or len(found) > LONGEST_WORD:
        return found
    composed = unicodedata.normalize("NFKC", found)
    return composed if len(composed) <= 2 * len(found) else found  # one letter can become eighteen


def words_in(text: str, listed: Sequence[str]) -> list[int]:
    """Which of the listed words or phrases stand in a text as whole words; counted from 1."""
    spoken = re.findall(r"\w+", folded(text))
    vocabulary, line = set(spoken), f" {' '.join(spoken)} "
    return [at for at, entry in enumerate(listed, 1) if _stands(_tokens(entry), vocabulary, line)]


def _tokens(entry: str) -> list[str]:
    return re.findall(r"\w+", folded(entry))


def _stands(tokens: Sequence[str], vocabulary: Container[str], line: str) -> bool:
    phrase = " ".join(tokens)
    if any(ord(letter) >= 0x2E80 or 0xE00 <= ord(letter) < 0xE80 for letter in phrase):
        return phrase in line  # scripts without spaces between words
    return bool(tokens) and all(token in vocabulary for token in tokens) and f" {phrase} " in line


def no_word(entry: str) -> bool:
    """Whether an entry holds no word that could be found."""
    return not _tokens(entry)


def checked(expression: str) -> str:
    """An expression that can be used. Raises ValueError with the reason otherwise."""
    import regex

    try:
        compiled = regex.compile(expression)
        empty = compiled.search("", timeout=0.1)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    except TimeoutError:
        raise ValueError("takes too long even on an empty text") from None
    if empty:
        raise ValueError("matches an empty text, and so every message")
    return expression


def expressions_in(text: str, listed: Sequence[str], seconds: float) -> tuple[list[int], list[int]]:
    """Which of the listed expressions match, and which could not be tried to the end in the time; counted from 1."""
    import regex

    budget = Budget(seconds)
    found, late = [], []
    for at, expression in enumerate(listed, 1):
        try:
            # A time of zero is no limit. It is counted for the whole process: a busy one gives up a little earlier.
            if regex.compile(expression).search(text, timeout=max(budget.left, 0.001)):
                found.append(at)
        except (TimeoutError, MemoryError, RecursionError):
            late.append(at)
    return found, late
