"""What the model must know of the scanning service, and whose mail it is to scan."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.ranges import Ranges


@dataclass(frozen=True, kw_only=True)
class Service:
    """The service as one tenant meets it: where it takes mail, where it returns it from, and how both know each other.

    The scanner puts the return header with the tenant's secret and, on what it calls junk, the verdict header on what
    it returns from outside; the tenant's own outgoing rule puts the loop header on what it routes.
    """

    incoming_host: str
    outgoing_host: str
    egress: Ranges
    sending_domain: str
    return_header: str
    return_secret: str
    loop_header: str
    loop_secret: str
    verdict_header: str
    junk_verdict: str
    allow_list: bool = True
    """Whether its addresses are to stand in the IP allow list."""

    @property
    def hosts(self) -> frozenset[str]:
        """Its hosts for both directions."""
        return frozenset({self.incoming_host, self.outgoing_host})

    def host_for(self, direction: Direction) -> str:
        """Where it takes mail of a direction; mail within the organisation is never routed by its own rules."""
        return self.outgoing_host if direction is Direction.OUTGOING else self.incoming_host


@dataclass(frozen=True, kw_only=True)
class Protection:
    """Whose mail is to be scanned in one direction: whole domains, and people by their primary addresses."""

    domains: frozenset[str]
    people: frozenset[str]

    def holds(self, address: str) -> bool:
        """Whether mail of this address is to be scanned."""
        return address.rpartition("@")[2] in self.domains or address in self.people


def protection(domains: Iterable[str], people: Iterable[str]) -> Protection:
    """Protection of domains and addresses, however they are written."""
    lower = [frozenset(one.lower() for one in names) for names in (domains, people)]
    return Protection(domains=lower[0], people=lower[1])
