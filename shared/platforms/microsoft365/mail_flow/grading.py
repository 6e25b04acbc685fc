"""What is wrong with the ways of a class of messages: the effects that operators and customers are told of."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from shared.engine.effects import Effect
from shared.platforms.microsoft365.mail_flow.connectors import EXCHANGE
from shared.platforms.microsoft365.mail_flow.journey import CLEAN, Ending, Journey, Path
from shared.platforms.microsoft365.mail_flow.listing import Listing
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.service import Protection, Service

# From 5 on a message is spam, and -1 skips the filter; 0 to 4 leave the filter to decide.
# learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/use-rules-to-set-scl
SPAM = 5
TRUSTED = -1


class Leg(StrEnum):
    """On which part of its way it happens."""

    FIRST = "first"
    RETURNED = "returned"


Wrong = tuple[Effect, Leg, str]
"""An effect, where it happens, and for what is unknown the reason."""
Seen = tuple[Wrong, bool]
"""With whether it is so for all of the mail on that path."""


def is_protected(message: Message, protected: Mapping[Direction, Protection]) -> bool:
    """Whether this mail is to be scanned."""
    if message.forged or message.direction not in protected:
        return False
    party = message.recipient if message.direction is Direction.INCOMING else message.sender
    return protected[message.direction].holds(party.address)


def grade(
    journey: Journey, message: Message, service: Service, protected: Mapping[Direction, Protection]
) -> dict[Wrong, bool]:
    """What is wrong, and whether it is so for all ordinary mail of the class or for some content or part of it."""
    found: dict[Wrong, bool] = {}
    parts: dict[int, dict[Wrong, bool]] = {}
    wanted = is_protected(message, protected)
    if wanted and message.ordinary and message.direction is Direction.INCOMING:
        found |= dict(_of_domain(journey.listing, message.recipient.domain))
    for path in journey.paths(message):
        place = found if path.source is None else parts.setdefault(path.source, {})
        for wrong, sure in _of_path(journey.listing, service, message, path, wanted=wanted):
            place[wrong] = place.get(wrong, False) or sure
    # What goes wrong for what is returned from some of the service's addresses only is so in part.
    for wrong in {wrong for part in parts.values() for wrong in part}:
        sure = all(part.get(wrong, False) for part in parts.values())
        found[wrong] = found.get(wrong, False) or sure
    return found


def _of_domain(listing: Listing, domain: str) -> Iterator[Seen]:
    """What a protected domain itself does: who takes its mail, and whether Exchange delivers it.

    Source: learn.microsoft.com/exchange/mail-flow-best-practices/manage-accepted-domains/manage-accepted-domains,
    learn.microsoft.com/powershell/module/exchange/set-accepteddomain.
    """
    record, hosts = listing.domains.get(domain), listing.mx.get(domain)
    if record is None or record.get("SendingToDomainDisabled") or hosts == []:
        yield (Effect.BOUNCED_OR_DELAYED, Leg.FIRST, ""), True
        return
    if record.get("DomainType") != "Authoritative":
        yield (Effect.UNKNOWN, Leg.FIRST, f"{domain} is relayed on ({record.get('DomainType')})"), True
    elif record.get("OutboundOnly"):
        yield (Effect.UNKNOWN, Leg.FIRST, f"{domain} is one of the organisation's own servers (OutboundOnly)"), True
    if hosts is None:
        yield (Effect.UNKNOWN, Leg.FIRST, f"DNS does not say who takes the mail of {domain}"), True
    elif hosts and not hosts[0].endswith(EXCHANGE):
        # Another gateway takes it first, and may deliver it past Exchange or through it.
        yield (Effect.UNSCANNED, Leg.FIRST, ""), False


def _of_path(listing: Listing, service: Service, message: Message, path: Path, *, wanted: bool) -> Iterator[Seen]:
    first = path.source is None
    leg = Leg.FIRST if first else Leg.RETURNED
    trusted = listing.remote_for(message.sender.domain).trusted
    effects = list(
        _first(message, path, wanted=wanted, trusted=trusted) if first else _returned(listing, service, message, path)
    )
    for effect, sure in effects:
        if not path.unsure:
            yield (effect, leg, ""), sure and path.whole and not path.depends
    told = message.ordinary and not path.depends and (wanted or not first)
    if told or (path.unsure and effects):
        doubts = set(path.doubts) if first else path.doubts | path.arrival.doubts
        if not first and path.ending is Ending.ELSEWHERE and message.direction is Direction.INCOMING:
            doubts = doubts | {"scanned mail is taken elsewhere"}
        for doubt in doubts:
            yield (Effect.UNKNOWN, leg, doubt), not path.depends


def _first(message: Message, path: Path, *, wanted: bool, trusted: bool) -> Iterator[tuple[Effect, bool]]:
    """Mail that has not been to the scanner, and ends. `trusted` mail passes the filter by its sender's domain."""
    if path.arrival.as_service:
        yield Effect.TRUSTED_WITHOUT_US, True
    match path.ending:
        case Ending.REFUSED | Ending.HELD | Ending.WAITS:
            # Mail of people who are not protected is the customer's own affair.
            if wanted or message.direction is Direction.INTERNAL:
                yield from _stuck(message, path)
        case Ending.AGAIN:
            yield Effect.SCANNED_TWICE_OR_LOOP, True
        case _ if wanted and not (message.direction is Direction.INCOMING and path.arrival.from_inside):
            yield Effect.UNSCANNED, True
        case Ending.MAILBOX if message.forged and (path.scl == TRUSTED or trusted) and not path.depends:
            yield Effect.TRUSTED_WITHOUT_US, True
        case _:
            pass


def _stuck(message: Message, path: Path) -> Iterator[tuple[Effect, bool]]:
    """A message is refused or held. By what it says, or from somebody who was singled out, that is a wish."""
    internal = message.direction is Direction.INTERNAL and path.source is None and path.ending is not Ending.WAITS
    if message.ordinary and not (message.forged or path.depends or internal):
        yield Effect.BOUNCED_OR_DELAYED, True


def _returned(listing: Listing, service: Service, message: Message, path: Path) -> Iterator[tuple[Effect, bool]]:
    """Mail that the scanner gave back."""
    if path.ending in (Ending.REFUSED, Ending.HELD, Ending.WAITS):
        yield from _stuck(message, path)
        return
    outgoing, clean = message.direction is Direction.OUTGOING, path.verdict == CLEAN
    if _taken_for_forgery(listing, service, message, path):
        yield Effect.RETURNED_MISJUDGED, True
    if path.arrival.internal and not outgoing:
        yield Effect.TRUSTED_WITHOUT_US, True
    if path.ending is Ending.AGAIN:
        yield Effect.SCANNED_TWICE_OR_LOOP, True
    if path.ending is not Ending.MAILBOX:
        return
    if path.secret:  # every reader can forge it from now on
        yield Effect.TRUSTED_WITHOUT_US, clean
    if path.scl is None or 0 <= path.scl < SPAM:
        yield Effect.FILTERED_TWICE, clean
    elif path.scl == TRUSTED and not clean:
        yield Effect.TRUSTED_WITHOUT_US, False
    elif path.scl >= SPAM and clean and not (message.sender.named or path.depends):
        yield Effect.RETURNED_MISJUDGED, True


def _taken_for_forgery(listing: Listing, service: Service, message: Message, path: Path) -> bool:
    """Whether the filter misjudges returned mail: by the wrong address, one that is not allowed, or as a spoof.

    What the organisation sends, within it too, is only looked at for pairs that are blocked.
    Source: learn.microsoft.com/defender-office-365/tenant-allow-block-list-email-spoof-configure,
    learn.microsoft.com/defender-office-365/connection-filter-policies-configure.
    """
    pairs = list(_pairs(listing, service, message))
    if not all(pairs):
        return True
    if message.direction is not Direction.INCOMING or message.sender.named:
        return False  # strangers who are singled out may claim to be of the organisation, which is no fault of ours
    allowed = not service.allow_list or (path.source is not None and path.source in listing.allowed)
    return not (path.arrival.sees_sender and allowed and any(pairs))


def _pairs(listing: Listing, service: Service, message: Message) -> Iterable[bool]:
    """For each pair that means the sender as the service returns its mail, whether it is allowed."""
    internal = message.sender.domain in listing.domains
    for item in listing.spoof:
        user = item.user in ("*", message.sender.address, message.sender.domain)
        if user and item.internal == internal and item.sender in ("*", service.sending_domain):
            yield item.allows
