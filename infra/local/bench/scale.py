"""What a deployment of many connections needs: a model of measured constants, printed into docs/scale.md.

The customer is an average one: see SIZES. Prices are the vendors' list prices for the United States at the end of 2025,
for whom nothing is reserved or free: azure.microsoft.com/pricing (functions, postgresql, storage), cloud.google.com
(run, sql, tasks). They are here to be replaced by one's own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from infra.local.bench.counts import COSTS, RENEWAL
from shared.flows.renewals import TOGETHER

NUMBERS = (100, 10_000, 1_000_000)
# (share of the connections, users). With them a group for ten users, and two memberships for each.
SIZES = ((0.70, 50), (0.25, 500), (0.05, 5_000))
SITES = 8
# Every connection of a site is synchronised within this time.
NIGHT_SECONDS = 20 * 60
# Bytes with indexes of a user, a membership and a group on PostgreSQL: 20,000 rows, divided.
USER_BYTES, MEMBER_BYTES, GROUP_BYTES = 261, 247, 258
# Assumed: a connection's own rows, its ledger, a year's synchronisations and three months of calls.
RECORD_BYTES = 400_000
# Assumed: what one core of a server carries; half of it is left for the busiest minute.
STATEMENTS_A_CORE = 2_000
# Assumed: jobs that one instance has under way, of the eight that it takes.
AT_ONCE = 4
INSTANCE_GIB = {"Azure": 2.0, "Google": 1.0}
DATABASE_CONNECTIONS = {"Azure": 3, "Google": 5}
HOURS_A_MONTH, DAYS_A_MONTH = 730, 30.4


@dataclass(frozen=True, kw_only=True)
class Daily:
    """One kind of job of a connection: so often a day, seconds of a core, seconds in all, and its statements.

    A job that is done for many connections at once is a share of one.
    """

    times: float
    core: float
    wall: float
    statements: int


# Seconds of a core as the profile of a busy machine has them, so that a quiet one does better; at 100 ms a call.
DAY: dict[str, Daily] = {
    "check": Daily(times=48, core=0.125, wall=0.6, statements=COSTS["microsoft365", "advance"].statements),
    # Two tokens of 4 ms for each of its connections, a hundred requests of 64 at a time.
    "refresh": Daily(times=24 / TOGETHER, core=0.008 * TOGETHER, wall=0.6, statements=RENEWAL),
    "sync": Daily(times=1, core=0.15, wall=0.8, statements=COSTS["microsoft365", "sync"].statements),
    "report": Daily(times=1 / 7, core=0.013, wall=0.1, statements=COSTS["microsoft365", "report"].statements),
}


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Dollars: of a GiB-second, a million messages, a server's core for an hour, its gigabyte for a month."""

    gib_second: float
    messages: float
    core_hour: float
    gigabyte: float


# An instance of Google is one core with each GiB. Three operations of a queue for each message at Azure.
PRICES = {
    "Azure": Prices(gib_second=0.000026, messages=0.40 + 3 * 0.04, core_hour=0.089, gigabyte=0.115),
    "Google": Prices(gib_second=0.0000265, messages=0.40 + 0.40, core_hour=0.0693, gigabyte=0.17),
}


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What so many connections take at one cloud."""

    instances: int
    """In the busiest minute: one site's night, with the hourly and half-hourly jobs of all."""
    connections: int
    """Of the database, by those instances."""
    statements: float
    """A second in that minute."""
    cores: int
    """Of the database."""
    messages: float
    """A second in that minute."""
    gigabytes: float
    month: float
    """Dollars."""


def needs(number: int, cloud: str) -> Needs:
    """What `number` connections take."""
    night = number / SITES / NIGHT_SECONDS
    steady = {name: number * one.times / 86_400 for name, one in DAY.items() if name != "sync"}
    busiest = {**steady, "sync": night}
    instances = max(1, math.ceil(sum(rate * DAY[name].wall for name, rate in busiest.items()) / AT_ONCE))
    # A core of an instance is the other limit.
    instances = max(instances, math.ceil(sum(rate * DAY[name].core for name, rate in busiest.items()) / 0.7))
    statements = sum(rate * DAY[name].statements for name, rate in busiest.items())
    cores = max(2, 2 ** math.ceil(math.log2(max(1.0, 2 * statements / STATEMENTS_A_CORE))))
    users = sum(share * size for share, size in SIZES)
    gigabytes = number * (users * (USER_BYTES + 2 * MEMBER_BYTES + GROUP_BYTES / 10) + RECORD_BYTES) / 1e9
    jobs = number * sum(one.times for one in DAY.values()) * DAYS_A_MONTH
    seconds = number * sum(one.times * one.wall for one in DAY.values()) * DAYS_A_MONTH
    price = PRICES[cloud]
    month = (
        seconds / AT_ONCE * INSTANCE_GIB[cloud] * price.gib_second
        + jobs / 1e6 * price.messages
        + cores * HOURS_A_MONTH * price.core_hour
        + max(32.0, gigabytes) * price.gigabyte
    )
    return Needs(
        instances=instances,
        connections=instances * DATABASE_CONNECTIONS[cloud],
        statements=statements,
        cores=cores,
        messages=sum(busiest.values()),
        gigabytes=gigabytes,
        month=month,
    )


def rows() -> Sequence[Sequence[str]]:
    """The table of docs/scale.md, a row for each number and cloud."""
    told = []
    for number in NUMBERS:
        for cloud in PRICES:
            one = needs(number, cloud)
            figures = (one.instances, one.connections, round(one.messages, 1), round(one.statements), one.cores)
            size = f"{one.gigabytes:,.1f} GB"
            told.append((f"{number:,}", cloud, *(f"{each:,}" for each in figures), size, f"${one.month:,.0f}"))
    return told


HEADS = (
    "Connections",
    "Cloud",
    "Instances at once",
    "Their database connections",
    "Messages a second",
    "Statements a second",
    "Database cores",
    "Database size",
    "A month",
)
