"""What is wrong with a tenant's mail flow, and what a change of the tenant did to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.engine.effects import WORST_FIRST, Effect
from shared.platforms.microsoft365.mail_flow.classes import Classes, classes_of
from shared.platforms.microsoft365.mail_flow.grading import Leg, Wrong, grade, is_protected
from shared.platforms.microsoft365.mail_flow.journey import Journey
from shared.platforms.microsoft365.mail_flow.listing import Listing
from shared.platforms.microsoft365.mail_flow.message import Direction, Message
from shared.platforms.microsoft365.mail_flow.passage import Passage
from shared.platforms.microsoft365.mail_flow.rulebook import Rulebook, tracked_headers
from shared.platforms.microsoft365.mail_flow.service import Protection, Service

# What a rule's date brings about within this time is told now, for the next look may come after it.
HORIZON = timedelta(days=1)
# A person reads a few examples.
MAX_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One effect with whom it touches.

    `share` is "all" when every ordinary message of the direction that could be touched is. `people` counts protected
    people where they are known one by one, and is None for whole domains. `examples` are classes in words, `reasons`
    say for "unknown" what cannot be told.
    """

    effect: Effect
    direction: Direction
    leg: Leg
    share: Literal["all", "some"]
    people: int | None
    examples: tuple[str, ...]
    reasons: tuple[str, ...] = ()


def faults(
    listing: Listing, service: Service, protected: Mapping[Direction, Protection], now: datetime
) -> list[Finding]:
    """What is wrong with a tenant as it is. Empty when protected mail is scanned once and delivered."""
    return difference(None, listing, service, protected, now)


def difference(
    wanted: Listing | None,
    listing: Listing,
    service: Service,
    protected: Mapping[Direction, Protection],
    now: datetime,
    then: datetime | None = None,
) -> list[Finding]:
    """What is wrong now and was not in the wanted state, the worst first; empty if the change harms no message.

    The wanted state is judged as it was `then`, for the dates of rules pass; now, where that is not said.
    """
    before = [] if wanted is None else [Rulebook(wanted, then or now)]
    after = [Rulebook(listing, moment) for moment in _moments(listing, now)]
    books = [*before, *after]
    own = (service.return_header, service.loop_header, service.verdict_header)
    headers = tracked_headers(books, own)
    classes = classes_of(books, service, protected)

    def journeys(some: Sequence[Rulebook]) -> list[Journey]:
        return [
            Journey(Passage(book, headers, scanner(book.listing, service)), service, classes.returns_from)
            for book in some
        ]

    def wrong_of(some: Iterable[Journey], message: Message) -> dict[Wrong, bool]:
        seen: dict[Wrong, bool] = {}
        for journey in some:
            for wrong, sure in grade(journey, message, service, protected).items():
                seen[wrong] = seen.get(wrong, False) or sure
        return seen

    old, new = journeys(before), journeys(after)
    found: dict[tuple[Effect, Direction, Leg], dict[Message, tuple[bool, str]]] = {}
    for message in classes.messages:
        known = wrong_of(old, message)
        for wrong, sure in wrong_of(new, message).items():
            if wrong in known and (known[wrong] or not sure):
                continue
            effect, leg, why = wrong
            found.setdefault((effect, message.direction, leg), {})[message] = sure, why
    known_harm = {direction for effect, direction, _ in found if effect is not Effect.UNKNOWN}
    findings = [
        _finding(key, touched, classes, protected)
        for key, touched in found.items()
        # What cannot be told of a few who were singled out is not told beside what is known.
        if key[0] is not Effect.UNKNOWN or key[1] not in known_harm or any(one.ordinary for one in touched)
    ]
    return sorted(findings, key=lambda one: (WORST_FIRST.index(one.effect), one.direction, one.leg))


def told_of(findings: Iterable[Finding]) -> list[Finding]:
    """What people are told: what cannot be told of mail is left out where all of that mail is known to be harmed."""
    some = list(findings)
    harmed = {one.direction for one in some if one.effect is not Effect.UNKNOWN and one.share == "all"}
    return [one for one in some if one.effect is not Effect.UNKNOWN or one.direction not in harmed]


def _moments(listing: Listing, now: datetime) -> list[datetime]:
    """Now, and whenever soon a rule begins or ends."""
    dates = {date for rule in listing.rules for date in (rule.begins, rule.ends) if date is not None}
    return [now, *sorted(date for date in dates if now < date <= now + HORIZON)]


def scanner(listing: Listing, service: Service) -> set[str]:
    """The names of the outbound connectors that lead to the service."""
    return {name for name, one in listing.outbound.items() if service.hosts.intersection(one.hosts)}


def _finding(
    key: tuple[Effect, Direction, Leg],
    touched: Mapping[Message, tuple[bool, str]],
    classes: Classes,
    protected: Mapping[Direction, Protection],
) -> Finding:
    effect, direction, leg = key
    concerned = [
        one for one in classes.messages
        if one.direction is direction and one.ordinary and is_protected(one, protected)
    ]  # fmt: skip
    whole = bool(concerned) and all(one in touched and touched[one][0] for one in concerned)
    ends = {(one.recipient if direction is Direction.INCOMING else one.sender).address for one in touched}
    counted = [classes.people.get(one, 0) for one in ends]
    people = None if any(one.startswith("*@") for one in ends) or not any(counted) else sum(counted)
    examples = tuple(dict.fromkeys(_words(one) for one in touched))[:MAX_EXAMPLES]
    reasons = tuple(sorted({why for _, why in touched.values() if why}))
    return Finding(
        effect=effect, direction=direction, leg=leg, share="all" if whole else "some", people=people,
        examples=examples, reasons=reasons,
    )  # fmt: skip


def _words(message: Message) -> str:
    sender = (
        "forged mail" if message.forged else "anybody" if "invalid" in message.sender.domain else str(message.sender)
    )
    recipient = "anybody" if "invalid" in message.recipient.domain else str(message.recipient)
    return f"{sender} to {recipient}"
