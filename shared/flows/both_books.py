"""Both books: what a platform's own log says that our application did is held against ours, once a day."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.connections.choices import Choice, Way
from shared.connections.record import Connection
from shared.engine.books import UNKNOWN
from shared.engine.ledger import Ledger
from shared.foundation.errors import Temporary
from shared.platforms.contract import OpenTenant, Platform

# A log tells late, so each day is compared again with the next.
AGAIN = timedelta(days=1)
# No platform keeps its log for longer.
FARTHEST = timedelta(days=30)


async def hold(connection: Connection, platform: Platform, tenant: OpenTenant, now: datetime) -> None:
    """Compare the time since the last synchronisation, and write down, once each, what our ledger does not have."""
    if not platform.compares_books:
        return
    last = (connection.synced_at or connection.created_at) - AGAIN
    try:
        found = await platform.compared(tenant, max(connection.created_at, last, now - FARTHEST), now)
    except Temporary as error:
        # The synchronisation is worth more than a day's comparison, which the next one makes too.
        await tenant.ledger.remark("both-books", f"The platform's own log could not be read: {error.sentence}")
        return
    for one in found.unknown:
        await tenant.ledger.come_upon(UNKNOWN + one.id, one.target, one.told)


def alarm(ledger: Ledger, said: Mapping[str, Choice]) -> str | None:
    """What is to be told of them, until somebody has accepted each; None if there are none."""
    accepted = {key for key, one in said.items() if one.way is Way.ACCEPT}
    found = [text for key, text in ledger.marked.items() if key.startswith(UNKNOWN) and key not in accepted]
    if not found:
        return None
    more = f" and {len(found) - 1} more" if found[1:] else ""
    return (
        f"The customer's own log says that our application did what our ledger does not have: {found[0]}{more}. "
        "The application's credential may be stolen. Replace it, then accept each finding."
    )
