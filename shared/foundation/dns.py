"""The MX records that DNS answers now. A resolver that does not answer is not "no MX"."""

import asyncio
from collections.abc import Iterable, Sequence

from shared.foundation.settings import Dns

# For one name, in seconds; a sync is not worth more.
DNS_TIMEOUT_SECONDS = 5.0
MAX_CONCURRENT_LOOKUPS = 10


async def mx_of(names: Iterable[str], settings: Dns) -> dict[str, list[str] | None]:
    """For each domain its mail exchangers by preference, [] if DNS says that there are none, None if unknown.

    A record that names the root says that there is none (RFC 7505).
    """
    from dns.asyncresolver import Resolver
    from dns.exception import DNSException
    from dns.nameserver import Do53Nameserver
    from dns.resolver import NXDOMAIN, NoAnswer

    resolver = Resolver(configure=not settings.nameservers)
    if settings.nameservers:
        resolver.nameservers = [Do53Nameserver(*_address(entry)) for entry in settings.nameservers]
    resolver.lifetime = DNS_TIMEOUT_SECONDS
    free = asyncio.Semaphore(MAX_CONCURRENT_LOOKUPS)

    async def ask(name: str) -> list[str] | None:
        async with free:
            try:
                answer = await resolver.resolve(name, "MX")
            except (NXDOMAIN, NoAnswer):
                return []
            except DNSException:
                return None  # time-out, refusal, server failure: nobody has said that there are none
        records = sorted(answer, key=lambda record: record.preference)
        return [host for record in records if (host := str(record.exchange).rstrip(".").lower())]

    asked = list(names)
    return dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))


def _address(entry: str) -> tuple[str, int]:
    address, _, port = entry.partition(":")
    return address, int(port or 53)


def listed(records: Sequence[str] | None) -> str:
    """The records as people read them."""
    return "unknown" if records is None else ", ".join(records) or "none"
