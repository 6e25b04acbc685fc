"""The `fields` parameter: which parts of an answer a caller wants, nested with slashes and parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.simulators.google.api.discovery import Method, Schema
from infra.local.simulators.google.api.schema import bad_request

Mask = dict[str, "Mask"]  # an empty one inside stands for everything there
WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[*,/()]|\s+|.")


def masked(method: Method, text: str, body: Any) -> Any:
    """Return what a mask leaves of an answer; a mask that names what is not there is refused."""
    if method.response is None:
        return body
    words = [word for word in WORDS.findall(text) if not word.isspace()]
    reader = _Reader(method, text, words)
    mask = reader.mask()
    reader.end()
    _check(method, text, mask, method.response)
    return _left(body, mask)


class _Reader:
    """Reads a mask word by word."""

    def __init__(self, method: Method, text: str, words: list[str]) -> None:
        self._method = method
        self._text = text
        self._words: Iterator[str] = iter(words)
        self._next = next(self._words, None)

    def mask(self) -> Mask:
        found: Mask = {}
        while True:
            name, inside = self._selector()
            found[name] = found.get(name, {}) | inside
            if self._next != ",":
                return found
            self._take()

    def end(self) -> None:
        if self._next is not None:
            raise self._wrong()

    def _selector(self) -> tuple[str, Mask]:
        name = self._take()
        if not (name == "*" or name[:1].isalpha() or name[:1] == "_"):
            raise self._wrong()
        if self._next == "/":
            self._take()
            below, inside = self._selector()
            return name, {below: inside}
        if self._next == "(":
            self._take()
            inside = self.mask()
            if self._take() != ")":
                raise self._wrong()
            return name, inside
        return name, {}

    def _take(self) -> str:
        if self._next is None:
            raise self._wrong()
        word, self._next = self._next, next(self._words, None)
        return word

    def _wrong(self) -> Exception:
        return bad_request(self._method, f"Invalid field selection {self._text}")


def _check(method: Method, text: str, mask: Mask, schema: Schema) -> None:
    schema = method.resolved(schema)
    while schema.get("type") == "array":
        schema = method.resolved(schema["items"])
    known = schema.get("properties")
    for name, inside in mask.items():
        if schema.get("type") == "any" or (known is None and schema.get("additionalProperties")):
            continue
        if name == "*" and known is not None:
            continue
        if known is None or name not in known:
            raise bad_request(method, f"Invalid field selection {name}")
        _check(method, text, inside, known[name])


def _left(value: Any, mask: Mask) -> Any:
    if not mask:
        return value
    if isinstance(value, list | tuple):
        return [_left(one, mask) for one in value]
    if not isinstance(value, Mapping):
        return value
    everything = mask.get("*")
    return {
        name: _left(one, mask.get(name, everything) or {})
        for name, one in value.items()
        if name in mask or everything is not None
    }
