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


# (platform, job): what it costs. Before each call of a platform one statement asks for the kill switch.
COSTS = {
    ("microsoft365", "sync"): Cost(89, 7, 8, 26),
    ("microsoft365", "advance"): Cost(56, 3, 3, 18),
    ("microsoft365", "refresh"): Cost(16, 4, 3, 2),
    ("microsoft365", "report"): Cost(7, 2, 2, 0),
    ("google", "advance"): Cost(28, 4, 4, 1),
    ("google", "refresh"): Cost(20, 5, 4, 2),
    ("google", "report"): Cost(7, 2, 2, 0),
    ("google", "scan"): Cost(11, 1, 2, 0),
}
