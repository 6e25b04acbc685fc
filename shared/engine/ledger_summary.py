"""What a certificate tells of a ledger, gathered a page at a time, for a ledger may be long."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.engine import chain
from shared.engine.chain import Act, LedgerEntry
from shared.engine.ledger import FORMER, Holding, HoldingState
from shared.foundation.hash_chain import GENESIS
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId

PROMISED = "promised"
NEVER_SEEN = "its creation was never answered, and it was not seen since; nobody would see it if it appeared now"


@dataclass(kw_only=True)
class Summary:
    """How many entries there are, the hash of the last one, and what is told of them."""

    last: dict[tuple[str, str], LedgerEntry] = field(default_factory=dict)
    """By key and act, the last entry that is done or noted."""
    of: dict[tuple[str, str, str], LedgerEntry] = field(default_factory=dict)
    """The same of one incarnation: by the key without its number, act and identity."""
    tried: set[str] = field(default_factory=set)
    """The keys of what was to be created, whether or not it was."""
    remarks: set[str] = field(default_factory=set)
    promises: list[LedgerEntry] = field(default_factory=list)
    """The entries of consents, which hold what the administrator's page said."""
    generation: int = 0
    """Of the last entry."""
    entries: int = 0
    head: str = GENESIS

    def add(self, entry: LedgerEntry) -> None:
        """Take in the next entry."""
        if entry.state in ("done", "noted"):
            self.last[entry.key, entry.act] = entry
            if entry.identity:
                self.of[entry.key.partition(FORMER)[0], entry.act, entry.identity] = entry
        if entry.act == Act.CREATE:
            self.tried.add(entry.key)
        if entry.act == "remark":
            self.remarks.add(str(entry.note))
        if entry.after and PROMISED in entry.after:
            self.promises.append(entry)
        self.generation = entry.generation
        self.entries, self.head = self.entries + 1, entry.hash

    def never_seen(self, holdings: Mapping[str, Holding]) -> list[str]:
        """The keys of what was given up as not made, though the call that was to make it was never answered."""
        return [
            key
            for key, held in sorted(holdings.items())
            if key in self.tried and held.state is HoldingState.GONE and held.identity is None
            if (given_up := self.last.get((key, Act.FORGET))) is not None and given_up.identity is None
        ]


async def summarised(read: AsyncConnection, connection_id: ConnectionId) -> Summary:
    """A connection's ledger as the caller's transaction sees it."""
    summary = Summary()
    async for entry in chain.entries_in(read, connection_id):
        summary.add(entry)
    return summary
