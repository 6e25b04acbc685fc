"""How the entries of a ledger are chained, for the service and for a reader of an exported file.

What may be about a person stands in an entry as a text with a salt, and the entry's hash covers only a commitment to
it, HMAC-SHA256 (RFC 2104) of the text under the salt. Text and salt can be emptied, and every hash still holds.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.foundation.errors import Permanent
from shared.foundation.signatures import canonical

GENESIS = "0" * 64
# The fields that may be about a person: names, accounts, words, and images with addresses.
COMMITTED = ("actor", "subject", "identity", "before", "after", "note")
# The act of the entry that says how many texts were emptied.
ERASE = "erase"


def commitment(salt: str, text: Any) -> str:
    """What the hash covers instead of a text; `salt` is hexadecimal and random, so that nobody can guess the text."""
    return hmac.digest(bytes.fromhex(salt), canonical(text), "sha256").hex()


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry with its `previous_hash`; `at` is ISO 8601, and `hash` is not part of it.

    Of each field in `salts` it covers the commitment, of each in `erased` the one that is kept there.
    """
    content = {name: value for name, value in entry.items() if name not in ("hash", "salts", "erased")}
    commitments = dict(entry.get("erased") or {})
    for name in commitments:
        if content.get(name) is None:
            content.pop(name, None)
    for name, salt in (entry.get("salts") or {}).items():
        commitments[name] = commitment(salt, content.pop(name))
    if commitments:
        content["commitments"] = commitments
    if content.get("actor") is None:
        content.pop("actor", None)  # so it was written before there was one
    return hashlib.sha256(canonical(content)).hexdigest()


@dataclass(kw_only=True)
class Chain:
    """What was read of a ledger from its beginning: how many entries, the last hash, and how many emptied texts."""

    entries: int = 0
    head: str = GENESIS
    emptied: int = 0
    said: int = 0
    """How many texts its own entries say were emptied."""
    first_emptied: int | None = None

    def follows(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry is the next one, which is then counted; False too if it is not what an entry can be."""
        try:
            if (entry["number"], entry["previous_hash"]) != (self.entries + 1, self.head):
                return False
            if entry["hash"] != entry_hash(entry):
                return False
            emptied = len(entry.get("erased") or ())
            said = int((entry["after"] or {}).get("texts", 0)) if entry["act"] == ERASE else 0
        except (AttributeError, LookupError, TypeError, ValueError):
            return False
        self.entries, self.head = self.entries + 1, entry["hash"]
        self.emptied, self.said = self.emptied + emptied, self.said + said
        if emptied and self.first_emptied is None:
            self.first_emptied = self.entries
        return True

    @property
    def emptied_unsaid(self) -> bool:
        """Whether texts were emptied of which no entry says so: not by the service."""
        return self.emptied > self.said


def checked(entries: Iterable[Mapping[str, Any]], number: int, head: str) -> Chain:
    """An exported ledger as a chain. Raises Permanent if it is not whole, or has another head at `number`."""
    chain, seen = Chain(), GENESIS
    for entry in entries:
        if not chain.follows(entry):
            raise _refused(f"entry {chain.entries + 1} was changed or left out")
        if chain.entries == number:
            seen = chain.head
    if chain.emptied_unsaid:
        raise _refused(f"a text of entry {chain.first_emptied} was emptied, and no entry says so")
    if chain.entries < number or seen != head:
        raise _refused("it is not the one that was certified")
    return chain


def _refused(why: str) -> Permanent:
    return Permanent("ledger_not_valid", f"Do not rely on this ledger: {why}.")
