"""The part of OData's `$filter` that directory objects are asked with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from infra.local.simulators.microsoft.graph.errors import bad_request
from infra.local.simulators.wire import Record

Test = Callable[[Record], bool]
TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z0-9_./:@-]+)|(?P<sign>[(),]))")


class Filter:
    """A parsed `$filter`. `advanced` says that it needs ConsistencyLevel and `$count`."""

    def __init__(self, text: str, properties: frozenset[str]) -> None:
        self.advanced = False
        self._text = text
        self._properties = properties
        self._tokens = self._split(text)
        self._place = 0
        self.matches: Test = self._either()
        if self._place != len(self._tokens):
            raise self._wrong()

    def _split(self, text: str) -> list[str]:
        tokens, place = [], 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if found is None:
                raise self._wrong()
            tokens.append(found[0].strip())
            place = found.end()
        return tokens

    def _wrong(self) -> Exception:
        return bad_request(f"Invalid filter clause: {self._text}")

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise self._wrong()
        self._place += 1
        return token

    def _either(self) -> Test:
        tests = [self._all()]
        while self._peek() == "or":
            self._take()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() == "and":
            self._take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)

    def _one(self) -> Test:
        token = self._take()
        if token == "(":  # noqa: S105 (a sign, not a secret)
            inner = self._either()
            self._take(")")
            return inner
        if token == "not":  # noqa: S105
            self.advanced = True
            negated = self._one()
            return lambda record: not negated(record)
        if token in ("startswith", "endswith"):
            return self._affix(token)
        if token.endswith("/any"):
            return self._any(token.removesuffix("/any"))
        return self._comparison(token)

    def _affix(self, function: str) -> Test:
        self.advanced = self.advanced or function == "endswith"
        self._take("(")
        name = self._property(self._take())
        self._take(",")
        value = str(self._value()).lower()
        self._take(")")
        if function == "startswith":
            return lambda record: str(record.get(name) or "").lower().startswith(value)
        return lambda record: str(record.get(name) or "").lower().endswith(value)

    def _any(self, name: str) -> Test:
        """`groupTypes/any(c:c eq 'Unified')`."""
        name = self._property(name)
        self._take("(")
        variable, _, rest = self._take().partition(":")
        if rest != variable and (rest or self._take() != variable):
            raise self._wrong()
        self._take("eq")
        value = self._value()
        self._take(")")
        return lambda record: value in (record.get(name) or ())

    def _comparison(self, token: str) -> Test:
        name = self._property(token)
        operator = self._take()
        if operator == "in":
            self._take("(")
            values = [_folded(self._value())]
            while self._peek() == ",":
                self._take()
                values.append(_folded(self._value()))
            self._take(")")
            return lambda record: _folded(record.get(name)) in values
        value = _folded(self._value())
        if operator == "ne":
            self.advanced = True
            return lambda record: _folded(record.get(name)) != value
        if operator != "eq":
            raise bad_request(f"Unsupported or invalid query filter clause: operator '{operator}'.")
        return lambda record: _folded(record.get(name)) == value

    def _property(self, name: str) -> str:
        if name not in self._properties:
            raise bad_request(f"Invalid filter clause: there is no property '{name}'.")
        return name

    def _value(self) -> Any:
        token = self._take()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        constants = {"true": True, "false": False, "null": None}
        if token in constants:
            return constants[token]
        if re.fullmatch(r"-?[0-9]+", token):
            return int(token)
        if re.fullmatch(r"[0-9a-fA-F-]{36}", token):
            return token
        raise self._wrong()


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
