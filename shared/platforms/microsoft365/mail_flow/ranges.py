"""Sets of IPv4 addresses, however an administrator writes them."""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

EVERY_ADDRESS = (0, 2**32 - 1)


@dataclass(frozen=True)
class Ranges:
    """Addresses as spans of numbers that are sorted and do not touch."""

    spans: tuple[tuple[int, int], ...] = ()
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", tuple(first for first, _ in self.spans))

    def __contains__(self, address: int) -> bool:
        place = bisect_right(self._starts, address) - 1
        return place >= 0 and address <= self.spans[place][1]

    def __bool__(self) -> bool:
        return bool(self.spans)

    def touches(self, other: "Ranges") -> bool:
        """Whether an address is in both."""
        return any(first in other or other_first in self for first, _ in self.spans for other_first, _ in other.spans)

    def edges(self) -> Iterable[int]:
        """Where the set begins and where it has ended."""
        for first, last in self.spans:
            yield from (first, last + 1)


def ranges(texts: Iterable[str]) -> Ranges:
    """Read single addresses, networks (`192.0.2.0/24`) and spans (`192.0.2.1-192.0.2.9`). IPv6 is left out."""
    spans = sorted(span for text in texts if (span := _span(text)) is not None)
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return Ranges(tuple(merged))


def _span(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    if dash:
        ends = [ipaddress.ip_address(part.strip()) for part in (first, last)]
        return (int(ends[0]), int(ends[1])) if ends[0].version == ends[1].version == 4 else None
    network = ipaddress.ip_network(text.strip(), strict=False)
    return (int(network.network_address), int(network.broadcast_address)) if network.version == 4 else None


def written(text: str) -> str:
    """A range as we write it, in whatever form Exchange gives it back; what is no range comes back as it is."""
    try:
        span = _span(text)
    except ValueError:
        return text
    if span is None:
        return text
    networks = list(ipaddress.summarize_address_range(*map(ipaddress.IPv4Address, span)))
    if len(networks) > 1:
        return "-".join(str(ipaddress.IPv4Address(end)) for end in span)
    return str(networks[0]).removesuffix("/32")


def pieces(edges: Iterable[int], within: Ranges) -> list[tuple[int, int]]:
    """Cut a set at some numbers; no edge lies inside a piece."""
    cuts = sorted(set(edges))
    found: list[tuple[int, int]] = []
    for first, last in within.spans:
        start = first
        for cut in cuts[bisect_right(cuts, first) : bisect_right(cuts, last)]:
            found.append((start, cut - 1))
            start = cut
        found.append((start, last))
    return found
