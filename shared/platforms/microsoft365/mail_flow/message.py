"""A class of messages: all of them go the same way as far as it does not depend on what they say."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Direction(StrEnum):
    """Seen from the organisation."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True)
class Party:
    """A sender or a recipient: one person, or anybody of a domain who is in none of the groups that rules name.

    `named` says that a rule or a connector singles this one out, so that what befalls its mail is somebody's wish.
    A sender who is `null` sent a bounce: there is an author, and no envelope sender.
    """

    address: str
    named: bool = False
    null: bool = False

    @property
    def domain(self) -> str:
        """The part after the @."""
        return self.address.rpartition("@")[2]

    def __hash__(self) -> int:
        return hash(self.address)  # asked for thousands of times, and the text remembers it

    def __str__(self) -> str:
        person = self.address.removeprefix("*@")
        return f"bounces of {person}" if self.null else person


@dataclass(frozen=True, kw_only=True)
class Message:
    """One class. `source` is an IPv4 address as a number, and None for what is sent from a mailbox.

    `forged` mail comes from a stranger and bears the service's return header with the tenant's secret.
    """

    direction: Direction
    sender: Party
    recipient: Party
    source: int | None = None
    source_named: bool = False
    forged: bool = False

    @property
    def ordinary(self) -> bool:
        """Nobody has singled it out."""
        return not (self.sender.named or self.recipient.named or self.source_named)

    def returned(self, source: int) -> "Message":
        """The same when the service gives it back."""
        return replace(self, source=source, source_named=False)


def anybody(domain: str, *, named: bool = False) -> Party:
    """Any address in a domain."""
    return Party(address=f"*@{domain}", named=named)
