"""The way of ordinary protected mail through a tenant, station by station, as the model sees it. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from shared.engine.effects import Harm
from shared.platforms.history import FlowPicture, FlowStation
from shared.platforms.microsoft365.mail_flow.classes import classes_of
from shared.platforms.microsoft365.mail_flow.grading import is_protected
from shared.platforms.microsoft365.mail_flow.journey import Ending, Journey, Path
from shared.platforms.microsoft365.mail_flow.listing import Listing
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.passage import Passage
from shared.platforms.microsoft365.mail_flow.rulebook import Rulebook, tracked_headers
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.verdict import faults, scanner

ENDS: Mapping[Ending, str] = {
    Ending.MAILBOX: "Delivered to the mailbox",
    Ending.OUTSIDE: "Sent to the recipient outside",
    Ending.ELSEWHERE: "Handed to another server",
    Ending.WAITS: "Waits in Exchange",
    Ending.AGAIN: "Sent to the scanner again",
    Ending.REFUSED: "Refused or deleted",
    Ending.HELD: "Held for approval or in quarantine",
}


def pictures(
    listing: Listing, service: Service, protected: Mapping[Direction, Protection], now: datetime
) -> list[FlowPicture]:
    """One for each direction in which somebody is protected, with everything that is wrong with it."""
    book = Rulebook(listing, now)
    headers = tracked_headers([book], (service.return_header, service.loop_header, service.verdict_header))
    classes = classes_of([book], service, protected)
    journey = Journey(Passage(book, headers, scanner(listing, service)), service, classes.returns_from)
    said = [
        (one.direction, str(Harm(effect=one.effect, direction=one.direction.value, share=one.share, people=one.people)))
        for one in faults(listing, service, protected, now)
    ]
    drawn = []
    for direction in (Direction.INCOMING, Direction.OUTGOING):
        usual = (one for one in classes.messages if one.direction is direction and one.ordinary)
        message = next((one for one in usual if is_protected(one, protected) and not one.sender.null), None)
        if message is not None:
            harms = [told for way, told in said if way is direction]
            stations = tuple(_stations(journey, listing, service, message))
            drawn.append(FlowPicture(direction=direction.value, stations=stations, harms=tuple(dict.fromkeys(harms))))
    return drawn


def _stations(journey: Journey, listing: Listing, service: Service, message: Message) -> Iterator[FlowStation]:
    incoming = message.direction is Direction.INCOMING
    acted, paths = journey.fired(message), list(journey.paths(message))
    sure = [one for one in paths if not (one.depends or one.unsure)] or paths
    scanned = any(one.scans for one in sure)
    ways = {name: one for name, one in listing.outbound.items() if service.hosts.intersection(one.hosts)}
    routes = {str(rule.actions.get("RouteMessageOutboundConnector", "")).lower() for rule in listing.rules
              if rule.name in acted}  # fmt: skip
    out = sorted({ways[name].name for name in routes if name in ways})
    back = [one.name for one in listing.inbound if one.enabled and one.addresses.touches(service.egress)]
    yield FlowStation(title="Sender outside" if incoming else "Sender in the organisation", names=(), reached=True)
    yield FlowStation(title="Rules that act", names=tuple(acted), reached=True)
    yield FlowStation(title="Connector to the scanner", names=tuple(out), reached=scanned)
    yield FlowStation(title="Scanner", names=(), reached=scanned)
    yield FlowStation(title="Connectors for scanned mail", names=tuple(back), reached=scanned)
    yield FlowStation(
        title="Rules that act on return", names=tuple(journey.fired_on_return(message) if scanned else ()),
        reached=scanned,
    )  # fmt: skip
    for ending in dict.fromkeys(one.ending for one in sure):
        yield FlowStation(title=_end(ending, sure), names=(), reached=True)


def _end(ending: Ending, paths: list[Path]) -> str:
    unscanned = ending in (Ending.MAILBOX, Ending.OUTSIDE) and not all(one.scans for one in paths)
    return f"{ENDS[ending]}, unscanned" if unscanned else ENDS[ending]
