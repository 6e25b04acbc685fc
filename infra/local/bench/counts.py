"""What each job costs a connection of which nothing has changed, in counts, which are the same on every machine.

tests/flows/test_counts.py holds the jobs to them, and docs/performance.md shows them. A figure that falls falls here
too; one that rises needs a reason.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """So many statements, transactions, statements that write, and calls of the platform."""

    statements: int
    transactions: int
    writes: int
    calls: int


# (platform, job): what it costs, without asking for the kill switch: before each change, and once a second of reading.
COSTS = {
    ("microsoft365", "sync"): Cost(25, 4, 5, 22),
    ("microsoft365", "advance"): Cost(18, 3, 3, 14),
    ("microsoft365", "refresh"): Cost(7, 4, 3, 2),
    ("microsoft365", "report"): Cost(5, 2, 2, 0),
    ("google", "advance"): Cost(20, 4, 4, 1),
    ("google", "refresh"): Cost(12, 5, 4, 2),
    ("google", "report"): Cost(5, 2, 2, 0),
    ("google", "scan"): Cost(10, 1, 2, 0),
}

# Of the bodies of a job's calls to Microsoft 365; a client's secret has another length in each deployment.
BYTES = {"sync": 1100, "advance": 1000, "refresh": 400, "report": 0}
# For each connection of a site.
MESSAGES_A_NIGHT = 1.0
# Of the hourly renewal of many connections' tokens, without asking for the kill switch.
RENEWAL = 8
