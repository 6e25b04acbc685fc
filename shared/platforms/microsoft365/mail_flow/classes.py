"""The classes of messages that a tenant's mail falls into, so that a verdict over them is complete.

Two senders, recipients or sources are of one class where no rule, connector or list tells them apart. Each is paired
with the ordinary ones, and with those that one rule names together with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.platforms.microsoft365.mail_flow.connectors import EXCHANGE, is_for
from shared.platforms.microsoft365.mail_flow.listing import Listing
from shared.platforms.microsoft365.mail_flow.message import Direction, Message, Party, anybody
from shared.platforms.microsoft365.mail_flow.parameters import BETWEEN, RECIPIENT, SENDER, SOURCE
from shared.platforms.microsoft365.mail_flow.ranges import EVERY_ADDRESS, Ranges, pieces, ranges
from shared.platforms.microsoft365.mail_flow.rulebook import Rulebook
from shared.platforms.microsoft365.mail_flow.service import Protection, Service

# A domain that is nobody's (RFC 2606): mail from and to people whom no rule names.
STRANGER = anybody("ordinary.invalid")
# What of an accepted domain's record decides about mail.
DECISIVE = ("DomainType", "OutboundOnly", "SendingFromDomainDisabled", "SendingToDomainDisabled")


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of a tenant, the pieces of the service's addresses, and how many people a class stands for."""

    messages: tuple[Message, ...]
    returns_from: tuple[int, ...]
    people: Mapping[str, int]


def _facts(listing: Listing, party: Party) -> object:
    """Everything that decides about mail in what a listing says of a person of the organisation and of the domain."""
    domain, record = party.domain, listing.domains.get(party.domain)
    hosts = listing.mx.get(domain)
    return (
        None if record is None else tuple(record.get(name) for name in DECISIVE),
        None if hosts is None else [host.endswith(EXCHANGE) for host in hosts[:1]] == [True] or tuple(hosts),
        tuple(
            (
                is_for(domain, one.domains),
                domain in one.domains,
                domain in one.for_domains,
                party.address in one.skips_for,
            )
            for one in listing.inbound
        ),
        tuple(is_for(domain, one.domains) for one in listing.outbound.values()),
        tuple(item.user in (domain, party.address) for item in listing.spoof),
    )


def classes_of(books: Sequence[Rulebook], service: Service, protected: Mapping[Direction, Protection]) -> Classes:
    """The classes that tell some rulebooks' messages apart: of one tenant, or of it before and after a change."""
    return _Builder(books, service, protected).build()


class _Builder:
    def __init__(self, books: Sequence[Rulebook], service: Service, protected: Mapping[Direction, Protection]) -> None:
        self._books, self._service, self._protected = books, service, protected
        self._listings = list({id(book.listing): book.listing for book in books}.values())
        self._own = {name for listing in self._listings for name in listing.domains}
        self._own |= {name for one in protected.values() for name in one.domains}
        self._people: dict[str, int] = {}

    def build(self) -> Classes:
        insiders = self._insiders()
        strangers = self._strangers(SENDER)
        outside = self._strangers(RECIPIENT)
        ordinary, named, returns_from = self._sources()
        incoming = [
            Message(direction=Direction.INCOMING, sender=sender, recipient=recipient, source=ordinary)
            for sender in strangers
            for recipient in insiders
        ]
        first = incoming[: len(insiders)]
        by_source = [replace(one, source=source, source_named=True) for source in named for one in first]
        trusted = [one for one in incoming if any(x.remote_for(one.sender.domain).trusted for x in self._listings)]
        forged = [replace(one, forged=True) for one in dict.fromkeys((*first, *by_source, *trusted))]
        outgoing = [
            Message(direction=Direction.OUTGOING, sender=sender, recipient=recipient)
            for recipient in outside
            for insider in insiders
            for sender in (insider, replace(insider, null=True))
        ]
        by_server = [
            Message(direction=Direction.OUTGOING, sender=sender, recipient=outside[0], source=source, source_named=True)
            for source in named
            if any(not one.partner and source in one.addresses for x in self._listings for one in x.inbound)
            for sender in insiders
        ]
        internal = [
            Message(direction=Direction.INTERNAL, sender=sender, recipient=recipient)
            for sender, recipient in (
                *((insiders[0], one) for one in insiders),
                *((one, insiders[0]) for one in insiders),
            )
        ]
        together = [
            replace(one, source=source, source_named=True)
            for sender, source in self._together(strangers, named)
            for one in incoming
            if one.sender == sender
        ]
        messages = (*incoming, *by_source, *together, *forged, *outgoing, *by_server, *internal)
        return Classes(messages=tuple(dict.fromkeys(messages)), returns_from=returns_from, people=self._people)

    def _merged(self, parties: Iterable[Party], kind: str, more: Any) -> list[Party]:
        """One of each kind of parties that nothing tells apart; the first one found stands for the rest."""
        found: dict[object, Party] = {}
        for party in parties:
            seen = tuple(book.masks(kind, party) for book in self._books)
            found.setdefault((seen, party.null, party.named, more(party)), party)
        return list(found.values())

    def _insiders(self) -> list[Party]:
        """People of the organisation, as senders and recipients: merged, and the protected ones counted."""
        addresses = dict.fromkeys(anybody(name).address for name in sorted(self._own))
        people = sorted({one for protected in self._protected.values() for one in protected.people})
        members = {
            address
            for book in self._books
            for name in book.named(("FromMemberOf", "SentToMemberOf", *BETWEEN))
            for address in book.members(name) or ()
        } | {address for listing in self._listings for one in listing.inbound for address in one.skips_for}
        single = {str(one).lower() for book in self._books for one in book.named(("From", "SentTo"))}
        parties = [Party(address=one) for one in (*addresses, *people, *sorted(members))]
        parties += [Party(address=one, named=True) for one in sorted(single)]
        found: dict[object, Party] = {}
        for party in dict.fromkeys(parties):
            if party.domain not in self._own:
                continue
            key = tuple((book.masks("sender", party), book.masks("recipient", party)) for book in self._books)
            first = found.setdefault((key, party.named, self._facts(party)), party)
            if not party.address.startswith("*@"):
                self._people[first.address] = self._people.get(first.address, 0) + 1
        return list(found.values())

    def _facts(self, party: Party) -> object:
        """What connectors, lists and the policies say of a person of the organisation."""
        return (
            tuple(one.holds(party.address) for one in self._protected.values()),
            tuple(_facts(listing, party) for listing in self._listings),
        )

    def _strangers(self, parameters: frozenset[str]) -> list[Party]:
        """People of other organisations: the ordinary ones first, then those that somebody has singled out."""
        sends = parameters is SENDER
        named: set[str] = set()
        for book in self._books:
            named |= {f"*@{one}".lower() for one in book.named(parameters & {"SenderDomainIs", "RecipientDomainIs"})}
            named |= {str(one).lower() for one in book.named(parameters & {"From", "SentTo"})}
            if sends:
                for name in book.named({"FromMemberOf"}):
                    named |= book.members(name) or frozenset()
        if sends:
            users = {item.user for x in self._listings for item in x.spoof if not item.internal} - {"*"}
            named |= {one if "@" in one else f"*@{one}" for one in users}
            # Strangers may claim to be of the organisation.
            named |= {f"*@{one}" for one in self._own}
            named |= {
                f"*@{one.removeprefix('*.')}"
                for x in self._listings
                for c in x.inbound
                for one in c.domains
                if one != "*"
            }
        else:
            named = {one for one in named if one.rpartition("@")[2] not in self._own}
            named |= {
                f"*@{one.removeprefix('*.')}"
                for x in self._listings
                for c in x.outbound.values()
                for one in c.domains
                if one != "*"
            }
        named |= {
            f"*@{one.name.removeprefix('*.')}"
            for x in self._listings
            for one in x.remote.values()
            if one.name.removeprefix("*.") not in {"*", *self._own}
            and x.remote_for(one.name.removeprefix("*.")) != x.remote_for(STRANGER.domain)
        }
        ordinary = [STRANGER, replace(STRANGER, null=True)] if sends else [STRANGER]
        others = [Party(address=one, named=True) for one in sorted(named)]

        def more(party: Party) -> object:
            remote = [x.remote_for(party.domain) for x in self._listings]
            if not sends:
                return party.domain in self._own, tuple(one.internal for one in remote)
            return (
                party.domain in self._own,
                tuple(one.trusted for one in remote),
                tuple(is_for(party.domain, c.domains) for x in self._listings for c in x.inbound),
                tuple(item.user in (party.domain, party.address) for x in self._listings for item in x.spoof),
            )

        return self._merged([*ordinary, *others], "sender" if sends else "recipient", more)

    def _sources(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """An ordinary source, one for each kind of those that somebody has singled out, and those of the service."""
        listed: list[Ranges] = [self._service.egress]
        for book in self._books:
            listed += [ranges(held[name]) for rule in book.rules for held in (rule.conditions, rule.exceptions)
                       for name in held.keys() & SOURCE]  # fmt: skip
        for listing in self._listings:
            listed += [one for connector in listing.inbound for one in (connector.addresses, connector.skips)]
        lists = [one for listing in self._listings for one in (listing.allowed, listing.blocked)]
        lists += [item.addresses for listing in self._listings for item in listing.spoof if item.addresses]
        edges = {edge for one in listed for edge in one.edges()}
        ours = pieces(edges | {edge for one in lists for edge in one.edges()}, self._service.egress)
        every = pieces(edges, Ranges((EVERY_ADDRESS,)))
        every.sort(key=lambda piece: piece[0] - piece[1])

        def kind(source: int, among: Iterable[Ranges]) -> object:
            return (
                tuple(book.masks("source", source) for book in self._books),
                tuple(source in one for one in among),
            )

        def one_of_each(found: Iterable[tuple[int, int]], among: Sequence[Ranges]) -> list[int]:
            return list({kind(first, among): first for first, _ in reversed(list(found))}.values())[::-1]

        connectors = [one for listing in self._listings for c in listing.inbound for one in (c.addresses, c.skips)]
        strangers = [piece for piece in every if piece[0] not in self._service.egress]
        ordinary, *named = one_of_each(strangers, connectors)
        return ordinary, tuple(named), tuple(one_of_each(ours, [*connectors, *lists]))

    def _together(self, senders: Sequence[Party], sources: Sequence[int]) -> Iterator[tuple[Party, int]]:
        """Senders and sources that one rule names both."""
        for book in self._books:
            for place, rule in enumerate(book.rules):
                held = {**rule.conditions, **rule.exceptions}.keys()
                if not (held & SENDER and held & SOURCE):
                    continue
                bit = 1 << place
                chosen = [one for one in senders if book.masks("sender", one).possible & bit]
                yield from (
                    (sender, source)
                    for sender in chosen
                    for source in sources
                    if book.masks("source", source).possible & bit
                )
