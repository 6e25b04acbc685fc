"""How much may be asked of this process: a bucket of requests that fills again evenly, in memory, for each caller."""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.foundation.clock import Clock

MINUTE = 60  # seconds
# Accounts that have asked for nothing for longest are forgotten first: theirs are full again by then, mostly.
MAX_TRACKED_CALLERS = 10_000
# Anybody is given so many bits of IPv6's addresses (RFC 6177), and the networks in it are theirs to choose.
SITE = 48
# A site may ask for as much as so many addresses.
ADDRESSES_OF_A_SITE = 4


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What is left to an account after a request, and in how many seconds it will be all of it again."""

    limit: int
    left: int
    full_in: int
    wait: timedelta | None
    """How long to wait before the request is allowed; None if it was."""

    def headers(self) -> dict[str, str]:
        """The same for the caller, as the working group's draft on RateLimit header fields has it."""
        return {
            "RateLimit-Policy": f'"account";q={self.limit};w={MINUTE}',
            "RateLimit": f'"account";r={self.left};t={self.full_in}',
        }


class Rates:
    """The buckets of all accounts. With a limit of 0 nothing is limited."""

    def __init__(self, limit: int, clock: Clock) -> None:
        """`limit`: requests a minute, all of which may come at once."""
        self._limit, self._clock = limit, clock
        self._left: OrderedDict[Hashable, tuple[float, datetime]] = OrderedDict()

    def take(self, account: Hashable, cost: int) -> Allowance | None:
        """Take what a request costs, if that much is left; None where nothing is limited."""
        if not self._limit:
            return None
        now = self._clock.now()
        left, at = self._left.pop(account, (float(self._limit), now))
        a_second = self._limit / MINUTE
        # A clock that is set back takes nothing away.
        left = min(self._limit, left + max(now - at, timedelta()).total_seconds() * a_second)
        # Whatever costs more than there can ever be takes all of it.
        cost = min(cost, self._limit)
        allowed = left >= cost
        self._left[account] = left - cost if allowed else left, now
        if len(self._left) > MAX_TRACKED_CALLERS:
            self._left.popitem(last=False)
        return Allowance(
            limit=self._limit,
            left=math.floor(self._left[account][0]),
            full_in=math.ceil((self._limit - self._left[account][0]) / a_second),
            wait=None if allowed else timedelta(seconds=math.ceil((cost - left) / a_second)),
        )


class Strangers:
    """The buckets of those who are no account: of each address, of each IPv6 site, and of all together."""

    def __init__(self, each: int, together: int, clock: Clock) -> None:
        """Requests a minute of one address, and of all."""
        self._each, self._together = Rates(each, clock), Rates(together, clock)
        self._sites = Rates(each * ADDRESSES_OF_A_SITE, clock)

    def take(self, address: str, cost: int) -> timedelta | None:
        """Take what a request costs. Returns how long to wait if it is not allowed, and None if it is."""
        # First their own: what one address or one site asks too much takes nothing from the others.
        site = [(self._sites, str(ipaddress.ip_network(address).supernet(new_prefix=SITE)))] if ":" in address else []
        for bucket, key in ((self._each, address), *site, (self._together, "")):
            allowance = bucket.take(key, cost)
            if allowance is not None and allowance.wait is not None:
                return allowance.wait
        return None
