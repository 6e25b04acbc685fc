"""How the last days went, in numbers that are kept already: counted by the database, a day at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from shared.connections import search
from shared.engine import ledger_feed
from shared.engine.chain import Act
from shared.foundation.schedule import DAY
from shared.protection import mail_days, sync_history
from shared.storage.database import Database

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A number for each of the last days, the oldest first; the last one is today, as far as it has come."""

    title: str
    days: Sequence[datetime]
    numbers: Sequence[int]
    level: bool = False
    """Whether each number is how many there were, so that nobody adds them up."""


async def trends(database: Database, customer: str | None, now: datetime) -> list[Trend]:
    """The trends of the connections that are this customer's; None: of all. Days are those of UTC."""
    today = datetime.combine(now.date(), time(), now.tzinfo)
    days = [today - DAY * back for back in reversed(range(DAYS))]
    asked = customer, days[0], [day + DAY for day in days]
    async with database.read() as read:
        levels = {
            "Open connections": await search.open_per_step(read, *asked),
            "Connections synced that day": await sync_history.per_step(read, *asked),
        }
        mail = await mail_days.per_day(read, customer, days)
        counted = {
            "Messages scanned in mailboxes": [one.scanned for one in mail],
            "Messages acted on": [one.acted for one in mail],
            "Drift found": await ledger_feed.per_step(read, *asked, act=Act.DRIFT),
            "Failed changes": await ledger_feed.per_step(read, *asked, state="failed"),
        }
    return [
        *(Trend(title=title, days=days, numbers=numbers, level=True) for title, numbers in levels.items()),
        *(Trend(title=title, days=days, numbers=numbers) for title, numbers in counted.items()),
    ]
