"""The whole way of a class of messages: in, through the rules, to the scanner and back, with what goes wrong.

What the scanner returns is a new message to Exchange: it enters from the service's addresses with the headers that it
left with, and with those that the scanner put there. SCL and verdicts of the first passage are gone.
Source: learn.microsoft.com/exchange/mail-flow-best-practices/integrate-office-365-with-an-email-add-on-service.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from shared.platforms.microsoft365.mail_flow.connectors import (
    EXCHANGE,
    EXCHANGE_WITH_DANE,
    Arrival,
    Place,
    arrive,
    leave,
)
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.passage import MISSING, Passage, World
from shared.platforms.microsoft365.mail_flow.ranges import Ranges
from shared.platforms.microsoft365.mail_flow.service import Protection, Service

# From 5 on a message is spam; learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/use-rules-to-set-scl
SPAM = 5
CLEAN = "clean"


class Effect(StrEnum):
    """What may happen to mail that should not, the worst first."""

    UNSCANNED = "unscanned"
    BOUNCED_OR_DELAYED = "bounced_or_delayed"
    SCANNED_TWICE_OR_LOOP = "scanned_twice_or_loop"
    FILTERED_TWICE = "filtered_twice"
    TRUSTED_WITHOUT_US = "trusted_without_us"
    RETURNED_MISJUDGED = "returned_misjudged"
    UNKNOWN = "unknown"


class Leg(StrEnum):
    """On which part of its way it happens."""

    FIRST = "first"
    RETURNED = "returned"


Wrong = tuple[Effect, Leg, str]
"""An effect, where, and for what is unknown the reason."""


class Journey:
    """Follows messages through one listing at one moment."""

    def __init__(
        self, passage: Passage, service: Service, sources: Iterable[int], protected: Mapping[Direction, Protection]
    ) -> None:
        self._passage, self._service = passage, service
        self._listing = passage.book.listing
        self._sources = tuple(sources)
        self._protected = protected
        own = (service.return_header, service.loop_header, service.verdict_header)
        self._return, self._loop, self._verdict = (passage.headers.index(name.lower()) for name in own)
        self._wrong: dict[Wrong, bool] = {}

    def follow(self, message: Message) -> dict[Wrong, bool]:
        """What is wrong, and whether it is so for every message of the class or for some content or part only."""
        self._wrong = {}
        arrival = arrive(self._listing, self._service, message)
        if message.direction is Direction.INCOMING:
            self._into(message)
        if arrival.as_service:
            self._note(Effect.TRUSTED_WITHOUT_US, World(headers=()), Leg.FIRST)
        if arrival.refused:
            if message.ordinary:
                self._note(Effect.BOUNCED_OR_DELAYED, World(headers=()), Leg.FIRST)
            return self._wrong
        headers: list[str | None] = [None] * len(self._passage.headers)
        headers[self._return] = self._service.return_secret if message.forged else MISSING
        headers[self._loop] = headers[self._verdict] = MISSING
        ends = (arrival.from_inside, message.direction is not Direction.OUTGOING)
        for world in self._passage.run(message, ends, [World(headers=tuple(headers))]):
            self._after_first(message, arrival, world)
        return self._wrong

    def is_protected(self, message: Message) -> bool:
        """Whether this mail is to be scanned."""
        if message.forged or message.direction not in self._protected:
            return False
        party = message.recipient if message.direction is Direction.INCOMING else message.sender
        return self._protected[message.direction].holds(party.address)

    def _note(self, effect: Effect, world: World, leg: Leg, *, whole: bool = True, why: str = "") -> None:
        if world.unsure and effect is not Effect.UNKNOWN:
            for doubt in world.doubts:
                self._note(Effect.UNKNOWN, world, leg, why=doubt)
            return
        sure = whole and not world.depends
        wrong = effect, leg, why
        self._wrong[wrong] = self._wrong.get(wrong, False) or sure

    def _into(self, message: Message) -> None:
        """What the recipient's domain itself does: who takes its mail, and whether Exchange knows all recipients.

        Source: learn.microsoft.com/exchange/mail-flow-best-practices/manage-accepted-domains/manage-accepted-domains.
        """
        domain = message.recipient.domain
        if not self.is_protected(message) or not message.ordinary:
            return
        nowhere = World(headers=())
        record = self._listing.domains.get(domain)
        if record is None or record.get("SendingToDomainDisabled"):
            self._note(Effect.BOUNCED_OR_DELAYED, nowhere, Leg.FIRST)
        elif record.get("DomainType") != "Authoritative":
            self._note(Effect.UNKNOWN, nowhere, Leg.FIRST, why=f"{domain} is relayed on ({record.get('DomainType')})")
        hosts = self._listing.mx.get(domain)
        if hosts is None:
            self._note(Effect.UNKNOWN, nowhere, Leg.FIRST, why=f"who takes the mail of {domain}")
        elif not hosts:
            self._note(Effect.BOUNCED_OR_DELAYED, nowhere, Leg.FIRST)
        elif not hosts[0].endswith((EXCHANGE, EXCHANGE_WITH_DANE)):
            self._note(Effect.UNSCANNED, nowhere, Leg.FIRST, whole=False)

    def _after_first(self, message: Message, arrival: Arrival, world: World) -> None:
        protected = self.is_protected(message) and not (message.direction is Direction.INCOMING and arrival.from_inside)
        if world.end is not None:
            self._ended(message, world, Leg.FIRST, counts=message.direction is not Direction.INTERNAL)
            return
        places, doubts = leave(self._listing, self._service, message, world.route)
        world = world._replace(doubts=world.doubts | doubts)
        if protected and message.ordinary and not world.depends:
            for doubt in world.doubts:
                self._note(Effect.UNKNOWN, world, Leg.FIRST, why=doubt)
        for place, whole in places.items():
            match place:
                case Place.SCANNER:
                    self._returns(message, world, whole=whole)
                case Place.WAITS:
                    self._ended(message, world, Leg.FIRST, counts=True, whole=whole)
                case Place.BACK:
                    self._note(Effect.SCANNED_TWICE_OR_LOOP, world, Leg.FIRST, whole=whole)
                case Place.OUTSIDE if world.spared:
                    pass  # somebody wants mail to these recipients left alone, and nobody outside can bring it about
                case _ if protected:
                    self._note(Effect.UNSCANNED, world, Leg.FIRST, whole=whole)
                case Place.MAILBOX if message.forged and world.scl == -1:
                    self._note(Effect.TRUSTED_WITHOUT_US, world, Leg.FIRST, whole=whole)
                case _:
                    pass

    def _ended(self, message: Message, world: World, leg: Leg, *, counts: bool, whole: bool = True) -> None:
        """A message is refused or held. By what it says, or from somebody who was singled out, that is a wish."""
        if counts and message.ordinary and not message.forged and not world.depends:
            self._note(Effect.BOUNCED_OR_DELAYED, world, leg, whole=whole)

    def _returns(self, message: Message, world: World, *, whole: bool) -> None:
        """The scanner gives the message back. What goes wrong from some of its addresses only is so in part."""
        outer, parts = self._wrong, list[dict[Wrong, bool]]()
        for source in self._sources:
            self._wrong = {}
            self._returns_from(message.returned(source), world)
            parts.append(self._wrong)
        self._wrong = outer
        for wrong in {one for part in parts for one in part}:
            sure = whole and all(part.get(wrong, False) for part in parts)
            self._wrong[wrong] = self._wrong.get(wrong, False) or sure

    def _returns_from(self, back: Message, world: World) -> None:
        outgoing = back.direction is Direction.OUTGOING
        arrival = arrive(self._listing, self._service, back)
        if arrival.refused:
            self._note(Effect.BOUNCED_OR_DELAYED, world, Leg.RETURNED)
            return
        for doubt in arrival.doubts:
            self._note(Effect.UNKNOWN, world, Leg.RETURNED, why=doubt)
        self._judged_on_return(back, arrival, world)
        for verdict in (CLEAN,) if outgoing else (CLEAN, self._service.junk_verdict):
            headers = list(world.headers)
            if not outgoing:
                headers[self._return], headers[self._verdict] = self._service.return_secret, verdict
            start = World(
                headers=tuple(headers), scans=1, depends=world.depends, unsure=world.unsure, doubts=world.doubts
            )
            for after in self._passage.run(back, (arrival.from_inside, not outgoing), [start]):
                self._after_return(back, after, verdict)

    def _judged_on_return(self, back: Message, arrival: Arrival, world: World) -> None:
        """Whether the filter takes returned mail for what it is: by its true sender, from an address that is allowed,
        and not for a forgery.

        Source: learn.microsoft.com/defender-office-365/tenant-allow-block-list-email-spoof-configure.
        """
        seen = arrival.sees_sender and _is_in(back.source, self._listing.allowed) and self._is_allowed(back)
        wrong = self._is_blocked(back) or not (seen or back.direction is Direction.OUTGOING)
        if wrong and not back.sender.named:
            self._note(Effect.RETURNED_MISJUDGED, world, Leg.RETURNED)
        if arrival.internal and back.direction is not Direction.OUTGOING:
            self._note(Effect.TRUSTED_WITHOUT_US, world, Leg.RETURNED)

    def _pairs(self, back: Message) -> Iterable[bool]:
        internal = back.sender.domain in self._listing.domains
        for item in self._listing.spoof:
            user = item.user in ("*", back.sender.address, back.sender.domain)
            if user and item.internal == internal and item.sender in ("*", self._service.sending_domain):
                yield item.allows

    def _is_blocked(self, back: Message) -> bool:
        return not all(self._pairs(back))

    def _is_allowed(self, back: Message) -> bool:
        return any(self._pairs(back))

    def _after_return(self, back: Message, world: World, verdict: str) -> None:
        leg = Leg.RETURNED
        if world.end is not None:
            self._ended(back, world, leg, counts=True)
            return
        places, doubts = leave(self._listing, self._service, back, world.route)
        if not world.depends:
            for doubt in doubts | (world.doubts if world.unsure else frozenset()):
                self._note(Effect.UNKNOWN, world, leg, why=doubt)
        for place, whole in places.items():
            match place:
                case Place.SCANNER | Place.BACK:
                    self._note(Effect.SCANNED_TWICE_OR_LOOP, world, leg, whole=whole)
                case Place.WAITS:
                    self._ended(back, world, leg, counts=True, whole=whole)
                case Place.ELSEWHERE if back.direction is not Direction.OUTGOING and back.ordinary:
                    self._note(Effect.UNKNOWN, world, leg, why="scanned mail is taken elsewhere")
                case Place.MAILBOX:
                    self._judged(back, world, verdict)
                case _:
                    pass

    def _judged(self, back: Message, world: World, verdict: str) -> None:
        """What the mailbox makes of a scanned message: the SCL says whether the filter runs and where it is put."""
        leg, scl, clean = Leg.RETURNED, world.scl, verdict == CLEAN
        if world.headers[self._return] == self._service.return_secret:
            self._note(Effect.TRUSTED_WITHOUT_US, world, leg, whole=clean)  # every reader can forge it from now on
        if scl is None or 0 <= scl < SPAM:
            self._note(Effect.FILTERED_TWICE, world, leg, whole=clean)
        elif scl == -1 and not clean:
            self._note(Effect.TRUSTED_WITHOUT_US, world, leg, whole=False)
        elif scl >= SPAM and clean and not (back.sender.named or world.depends):
            self._note(Effect.RETURNED_MISJUDGED, world, leg)


def _is_in(source: int | None, addresses: Ranges) -> bool:
    return source is not None and source in addresses
