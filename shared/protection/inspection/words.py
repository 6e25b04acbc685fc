"""Words and expressions in a text of a stranger: bounded time for all of them together. Expressions are RE2's."""

import re
import unicodedata
from collections.abc import Container, Sequence
from typing import Any

from shared.protection.inspection.budget import Budget

# A token of more letters is no word in any language.
MAX_WORD_CHARS = 100
MAX_EXPRESSION_CHARS = 500
# Of an expression, compiled: in bytes, and in steps of its program.
MAX_PROGRAM_BYTES = 1 << 20
MAX_PROGRAM_STEPS = 20_000
# The engine cannot be interrupted, so it is given pieces of a text: steps times bytes of one (below 0.1 seconds at
# the worst), and how long a match over the end of a piece may be.
PIECE = 20_000_000
MAX_MATCH_CHARS = 1_000


def folded(text: str) -> str:
    """Text in one form of each letter, without letter case."""
    # Composing takes time by the square of a run of accents, so it is done word by word.
    return (text if text.isascii() else re.sub(r"\S+", _composed, text)).casefold()


def _composed(word: re.Match[str]) -> str:
    found = word[0]
    if found.isascii() or len(found) > MAX_WORD_CHARS:
        return found
    composed = unicodedata.normalize("NFKC", found)
    return composed if len(composed) <= 2 * len(found) else found  # one letter can become eighteen


def words_in(text: str, listed: Sequence[str]) -> list[int]:
    """Which of the listed words or phrases stand in a text as whole words; counted from 1."""
    whole = folded(text)
    entries = [(at, tokens) for at, entry in enumerate(listed, 1) if (tokens := _tokens(entry))]
    # Taking a long text apart costs more than seeing that no word of an entry is in it.
    entries = [(at, tokens) for at, tokens in entries if all(token in whole for token in tokens)]
    if not entries:
        return []
    spoken = re.findall(r"\w+", whole)
    vocabulary, line = set(spoken), f" {' '.join(spoken)} "
    return [at for at, tokens in entries if _stands(tokens, vocabulary, line)]


def _tokens(entry: str) -> list[str]:
    return re.findall(r"\w+", folded(entry))


def _stands(tokens: Sequence[str], vocabulary: Container[str], line: str) -> bool:
    phrase = " ".join(tokens)
    if any(ord(letter) >= 0x2E80 or 0xE00 <= ord(letter) < 0xE80 for letter in phrase):
        return phrase in line  # scripts without spaces between words
    return all(token in vocabulary for token in tokens) and f" {phrase} " in line


def no_word(entry: str) -> bool:
    """Whether an entry holds no word that could be found."""
    return not _tokens(entry)


def checked(expression: str) -> str:
    """An expression that can be used. Raises ValueError with the reason otherwise."""
    try:
        compiled = _compiled(expression)
    except ValueError as error:
        raise ValueError(f"cannot be used: {_reason(str(error))}") from None
    if compiled.programsize > MAX_PROGRAM_STEPS:
        raise ValueError("cannot be used: it stands for too much; write fewer or shorter repetitions")
    if compiled.search(b""):
        raise ValueError("matches an empty text, and so every message")
    return expression


def _compiled(expression: str) -> Any:
    """An expression as RE2 runs it: in time that grows with the text alone, in a fixed memory. Raises ValueError."""
    import re2

    options = re2.Options()
    options.max_mem = MAX_PROGRAM_BYTES
    options.log_errors = False
    try:
        return re2.compile(expression.encode("utf-8", "replace"), options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def _reason(said: str) -> str:
    if said.startswith(("invalid perl operator", "invalid named capture", "invalid escape sequence: \\")):
        hint = "what looks ahead or behind, refers back or calls itself is not possible in linear time (syntax of RE2)"
        return f"{said}; {hint}"
    if said.startswith(("invalid repetition size", "pattern too large")):
        return f"{said}; write fewer or shorter repetitions, none above 1000"
    return said


def expressions_in(text: str, listed: Sequence[str], seconds: float) -> tuple[list[int], list[int]]:
    """Which of the listed expressions match, and which could not be tried to the end in the time; counted from 1."""
    budget = Budget(seconds)
    content = text.encode("utf-8", "replace")
    found: list[int] = []
    late: list[int] = []
    for at, expression in enumerate(listed, 1):
        try:
            compiled = _compiled(expression)
        except ValueError:  # kept from a time when another engine took it
            late.append(at)
            continue
        answer = _searched(compiled, content, budget)
        (found if answer else late if answer is None else []).append(at)
    return found, late


def _searched(compiled: Any, content: bytes, budget: Budget) -> bool | None:
    """Whether an expression is found, piece by piece; None if the time was over before."""
    step = PIECE // compiled.programsize
    for begin in range(0, max(1, len(content)), step):
        if compiled.search(content, begin, min(len(content), begin + step + MAX_MATCH_CHARS)):
            return True
        if budget.spent:
            return None if begin + step < len(content) else False
    return False
