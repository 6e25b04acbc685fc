"""The whole way of a class of messages: in, through the rules, to the scanner and back.

What the scanner returns is a new message to Exchange: it enters from the service's addresses with the headers that it
left with, and with those that the scanner put there. SCL and verdicts of the first passage are gone.
Source: learn.microsoft.com/exchange/mail-flow-best-practices/integrate-office-365-with-an-email-add-on-service.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from shared.platforms.microsoft365.mail_flow.connectors import Arrival, Place, arrive, leave
from shared.platforms.microsoft365.mail_flow.listing import Listing
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.passage import MISSING, Passage, World
from shared.platforms.microsoft365.mail_flow.service import Service

# What the verdict header says of mail that is not junk does not matter.
CLEAN = "clean"


class Ending(StrEnum):
    """Where a path ends. `again` goes to the scanner or into Exchange once more, and is followed no further."""

    MAILBOX = "mailbox"
    OUTSIDE = "outside"
    ELSEWHERE = "elsewhere"
    WAITS = "waits"
    AGAIN = "again"
    REFUSED = "refused"
    HELD = "held"


class Path(NamedTuple):
    """One way of a class of messages.

    `arrival` is the last one. By the scanner, `source` is the address that it was returned from and `verdict` what
    the scanner said. `whole` is False when a connector has other hosts too. `secret` says that the message still
    bears the return header with the tenant's secret. The rest is as in `World`.
    """

    ending: Ending
    arrival: Arrival
    scans: int = 0
    scl: int | None = None
    secret: bool = False
    source: int | None = None
    verdict: str | None = None
    whole: bool = True
    depends: bool = False
    unsure: bool = False
    doubts: frozenset[str] = frozenset()


class Journey:
    """Follows messages through one listing at one moment; `sources` are addresses that the scanner returns from."""

    def __init__(self, passage: Passage, service: Service, sources: Iterable[int]) -> None:
        self._passage, self._service, self._sources = passage, service, tuple(sources)
        self._arrivals: dict[tuple[Direction, str, str, int | None], Arrival] = {}
        own = (service.return_header, service.loop_header, service.verdict_header)
        self._return, self._loop, self._verdict = (passage.headers.index(name.lower()) for name in own)

    @property
    def listing(self) -> Listing:
        """What it follows them through."""
        return self._passage.book.listing

    def paths(self, message: Message) -> Iterator[Path]:
        """Every way that a message of the class may take, from each address of the service and with each verdict."""
        arrival = self._arrive(message)
        if arrival.refused:
            yield Path(ending=Ending.REFUSED, arrival=arrival)
            return
        for world in self._passage.run(message, self._ends(message, arrival), [self._first(message)]):
            for path in self._leaves(message, arrival, world):
                if path.ending is Ending.AGAIN and path.scans:
                    yield from self._returns(message, world, path)
                else:
                    yield path

    def fired(self, message: Message) -> list[str]:
        """The names of the rules that act on ordinary mail of the class when it arrives, in their order."""
        arrival = self._arrive(message)
        return (
            [] if arrival.refused else self._passage.fired(message, self._ends(message, arrival), self._first(message))
        )

    def fired_on_return(self, message: Message) -> list[str]:
        """The names of the rules that act on it when the scanner gives it back clean, in their order."""
        arrival = self._arrive(message)
        for world in self._passage.run(message, self._ends(message, arrival), [self._first(message)]):
            sent = [one for one in self._leaves(message, arrival, world) if one.ending is Ending.AGAIN and one.scans]
            if sent and self._sources and not (world.depends or world.unsure):
                back = message.returned(self._sources[0])
                again, start = self._arrive(back), self._scanned(message, world, sent[0], CLEAN)
                return [] if again.refused else self._passage.fired(back, self._ends(back, again), start)
        return []

    def _scanned(self, message: Message, world: World, sent: Path, verdict: str) -> World:
        """A message as the scanner gives it back."""
        headers = list(world.headers)
        if message.direction is not Direction.OUTGOING:
            headers[self._return], headers[self._verdict] = self._service.return_secret, verdict
        return World(
            headers=tuple(headers), scans=1, depends=world.depends, unsure=world.unsure, declined=world.declined,
            doubts=sent.doubts,
        )  # fmt: skip

    def _arrive(self, message: Message) -> Arrival:
        key = message.direction, message.sender.domain, message.recipient.address, message.source
        if key not in self._arrivals:
            self._arrivals[key] = arrive(self.listing, self._service, message)
        return self._arrivals[key]

    def _first(self, message: Message) -> World:
        headers: list[str | None] = [None] * len(self._passage.headers)
        headers[self._return] = self._service.return_secret if message.forged else MISSING
        headers[self._loop] = headers[self._verdict] = MISSING
        return World(headers=tuple(headers))

    def _leaves(self, message: Message, arrival: Arrival, world: World) -> Iterator[Path]:
        """Where a message goes after a passage; to the scanner it is `again` with one scan more."""
        path = Path(
            ending=Ending.HELD, arrival=arrival, scans=world.scans, scl=world.scl,
            secret=world.headers[self._return] == self._service.return_secret, depends=world.depends,
            unsure=world.unsure, doubts=world.doubts,
        )  # fmt: skip
        if world.end is not None:
            yield path._replace(ending=Ending(world.end))
            return
        places, doubts = leave(self.listing, self._service, message, world.route)
        path = path._replace(doubts=world.doubts | doubts)
        for place, whole in places.items():
            again = place in (Place.SCANNER, Place.BACK)
            yield path._replace(
                ending=Ending.AGAIN if again else Ending(place),
                scans=world.scans + (place is Place.SCANNER),
                whole=whole,
            )

    def _returns(self, message: Message, world: World, sent: Path) -> Iterator[Path]:
        outgoing = message.direction is Direction.OUTGOING
        for source in self._sources:
            back = message.returned(source)
            arrival = self._arrive(back)
            path = sent._replace(arrival=arrival, source=source)
            if arrival.refused:
                yield path._replace(ending=Ending.REFUSED)
                continue
            for verdict in (CLEAN,) if outgoing else (CLEAN, self._service.junk_verdict):
                start = self._scanned(message, world, sent, verdict)
                for after in self._passage.run(back, self._ends(back, arrival), [start]):
                    for end in self._leaves(back, arrival, after):
                        yield end._replace(source=source, verdict=verdict, whole=end.whole and sent.whole)

    def _ends(self, message: Message, arrival: Arrival) -> tuple[bool, bool]:
        """Whether rules take a message for one from the inside, and for one to the inside."""
        outside = message.direction is Direction.OUTGOING
        return arrival.from_inside, not outside or self.listing.remote_for(message.recipient.domain).internal
