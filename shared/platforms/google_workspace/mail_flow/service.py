"""What the model must know of the scanning service, of our set-up, and whose mail is to be scanned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True, kw_only=True)
class Service:
    """The service as one customer meets it.

    `rule` is the name that our rule was asked to have and `rule_id` the recorded identity, once it was seen. `route`
    is the name of our mail route, `address` that of our group as the rule names it.
    """

    host: str
    egress: tuple[IPv4Network, ...]
    sending_domain: str
    return_header: str
    return_secret: str
    rule: str
    rule_id: str | None
    route: str
    address: str

    def returns_from(self, text: str) -> bool:
        """Whether a range, as an administrator writes it, has an address from which scanned mail comes back."""
        network = _network(text)
        return network is not None and any(network.overlaps(one) for one in self.egress)

    def is_ours(self, sender: str) -> bool:
        """Whether a blocked sender is the domain or an address of the hosts that return mail."""
        return sender == self.sending_domain or self.returns_from(sender)


def is_range(text: str) -> bool:
    """Whether an administrator has written an IPv4 address or network."""
    return _network(text) is not None


def is_everything(text: str) -> bool:
    """Whether an administrator has written a network with at least half of all addresses."""
    network = _network(text)
    return network is not None and network.prefixlen <= 1


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text.strip(), strict=False)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class Protection:
    """The people whose incoming mail is to be scanned: how many have their first address in each domain.

    `also` are further domains of theirs, by which mail reaches them too.
    """

    people: Mapping[str, int]
    also: frozenset[str]

    @property
    def number(self) -> int:
        """How many they are."""
        return sum(self.people.values())


def protection(addresses: Iterable[str], also: Iterable[str]) -> Protection:
    """Protection of people by their first addresses, however they are written."""
    people: dict[str, int] = {}
    for address in addresses:
        domain = address.rpartition("@")[2].lower()
        people[domain] = people.get(domain, 0) + 1
    return Protection(people=people, also=frozenset(one.lower() for one in also) - people.keys())
