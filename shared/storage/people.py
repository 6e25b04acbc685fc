"""Where a person is named: the one rule for what is erased when a person is, by an e-mail address."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Person:
    """A person, known by one e-mail address in whatever case."""

    address: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Not within a longer address: ann@x.example is not named by joann@x.example, nor by ann@x.example.org.
        return re.compile(rf"(?<![\w.+%-]){re.escape(self.address)}(?![\w-]|\.\w)", re.IGNORECASE)

    def named_in(self, value: Any) -> bool:
        """Whether a text, or any text within JSON, names the person."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return self._pattern.search(text) is not None

    def perhaps_in(self, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        """A clause that no row fails which names the person; JSON is stored with text beyond ASCII escaped."""
        text = sa.cast(column, sa.String)
        written = {self.address, json.dumps(self.address)[1:-1]}
        return sa.or_(*(text.icontains(one, autoescape=True) for one in sorted(written)))
