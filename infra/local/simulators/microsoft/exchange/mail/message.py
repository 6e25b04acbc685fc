"""A concrete message, and a scanner that takes it and gives it back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message to one recipient. `server` is the address it came from last; a mailbox's own mail has none.

    Header names are in small letters. `size` counts bytes, `attachments` are file names.
    """

    author: str
    recipient: str
    envelope_sender: str
    server: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    size: int = 10_000
    attachments: tuple[str, ...] = ()
    kind: str | None = None

    def with_header(self, name: str, value: str | None) -> Self:
        """The same with a header set, or without it."""
        others = {key: one for key, one in self.headers.items() if key != name.lower()}
        return dataclasses.replace(self, headers=others if value is None else {**others, name.lower(): value})


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """A scanning service: its hosts, the address it returns mail from, and the headers it puts on mail from outside."""

    hosts: frozenset[str]
    address: str
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What became of a message: where it ended, how often it was scanned, which rules acted, and how it looked."""

    end: str
    scans: int
    rules: tuple[str, ...]
    scl: int | None
    mail: Mail
    relayed_by: str | None = None
