"""How the entries of a ledger are chained, for the service and for whoever has an exported one and nothing else."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from shared.foundation.errors import Permanent
from shared.foundation.signatures import canonical

GENESIS = "0" * 64


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry with its `previous_hash`; `at` is ISO 8601, and `hash` is not part of it."""
    content = {name: value for name, value in entry.items() if name != "hash"}
    if content.get("actor") is None:
        content.pop("actor", None)  # so it was written before there was one
    return hashlib.sha256(canonical(content)).hexdigest()


def checked(entries: Iterable[Mapping[str, Any]], number: int, head: str) -> int:
    """How many entries an exported ledger has. Raises Permanent if it is not whole, or has another head at `number`."""
    previous, count, seen = GENESIS, 0, GENESIS
    for entry in entries:
        count += 1
        if (entry.get("number"), entry.get("previous_hash")) != (count, previous) or entry.get("hash") != entry_hash(
            entry
        ):
            raise Permanent("ledger_not_valid", f"Do not rely on this ledger: entry {count} was changed or left out.")
        previous = entry["hash"]
        if count == number:
            seen = previous
    if count < number or seen != head:
        raise Permanent("ledger_not_valid", "Do not rely on this ledger: it is not the one that was certified.")
    return count
