"""How long each kind of record is kept, as settings. What deletes them is in `flows/retention.py`."""

from datetime import timedelta

from pydantic import BaseModel, Field

DAY = timedelta(days=1)


class Retention(BaseModel):
    """How long records are kept, of closed connections too: ISO 8601 durations such as P180D, a day at least."""

    operations: timedelta = Field(timedelta(days=180), ge=DAY, description="the log of our calls to the platforms")
    statistics: timedelta = Field(
        timedelta(days=180),
        ge=DAY,
        description="decisions about single messages, and the sizes of synchronisations",
    )
    reports: timedelta = Field(timedelta(days=400), ge=DAY, description="reports")
    events: timedelta = Field(timedelta(days=30), ge=DAY, description="events and the log of their deliveries")
    closed: timedelta | None = Field(
        None,
        ge=DAY,
        description="closed connections with ledger and certificate, of which a tombstone remains; without it until an "
        "administrator erases each",
    )
