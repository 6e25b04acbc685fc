"""Reading a tenant's directory page by page, over as many runs as it takes.

What was read stays, with the place at which the next run goes on; only a listing that was read to its end, and is known
to be complete, lets anybody go.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.foundation.errors import FootprintError, Permanent, Temporary, Unfinished
from shared.foundation.schedule import DAY
from shared.protection import directory, listings, set_aside
from shared.protection.listings import BEGINNING, Listing, Standing

# A run reads for so long at most, of the ten minutes that a function has; what follows it takes one more.
READ_TIME = timedelta(minutes=3)
CONTINUE_AFTER = timedelta(seconds=1)
# A listing of changes may have hundreds of empty pages, and has been seen to have no end, with the same rows on every
# page.
MAX_IDLE_PAGES = 1000
MAX_PAGES = 20_000
# Of which a platform may tell changes alone.
KINDS = frozenset({"users", "groups"})


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a listing; `link` leads to the next one, and `final` to what changes from now on."""

    rows: list[dict[str, Any]]
    link: str | None
    final: str | None = None
    odd: bool = False
    """It shows something of which nobody can tell what it is, and that is not among the rows."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a directory, by one run."""

    stands: Standing
    ended: dict[str, str] = field(default_factory=dict)
    """Where the next listing of a kind begins: kept at the end of this reading."""
    unchanged: set[str] = field(default_factory=set)
    """The kinds of which nothing had changed, so that no listing was begun."""


class Expired(Exception):
    """The platform does not know a page's link any more. `location`: where it says to begin anew."""

    def __init__(self, location: str = BEGINNING) -> None:
        super().__init__("expired")
        self.location = location


class Reader(Protocol):
    """What is needed of an open tenant."""

    context: Context
    connection: Connection
    opened_at: datetime

    @property
    def now(self) -> datetime:
        """The time."""
        ...


Pages = Callable[[Listing], AsyncGenerator[Page]]
"""The pages of a listing from its link on."""
Written = Callable[[Listing, Page], Awaitable[Listing]]
"""Writes what a page shows into our copy."""


@asynccontextmanager
async def reading(tenant: Reader) -> AsyncIterator["Reading"]:
    """One reading of a directory. What only a person can decide ends it, and so does its end."""
    database, connection = tenant.context.database, tenant.connection.id
    stands = await listings.standing(database, connection)
    if stands.noted and not stands.listed:
        await set_aside.clear(database, connection, "entry")
    this = Reading(stands=stands)
    try:
        yield this
    except Temporary:
        raise
    except FootprintError:
        async with database.write() as write:
            await listings.forget_all(write, connection)
        raise
    async with database.write() as write:
        await directory.keep_checkpoints(write, connection, this.ended, tenant.now)
        if stands.listed or this.unchanged != KINDS:
            await listings.forget_all(write, connection)


async def begun(tenant: Reader, kind: str, *, since: str | None = None) -> Listing:
    """The listing of a kind in this reading: as far as it has come, settled, or begun now.

    With `since` it is one of what has changed since that link, unless a whole one was asked for.
    """
    database, connection = tenant.context.database, tenant.connection.id
    found = await listings.find(database, connection, kind)
    if found is not None and (found.settled_at is None or found.settled_at > tenant.now - DAY):
        return found
    return await listings.begin(database, connection, kind, tenant.now, complete=since is None, link=since or BEGINNING)


async def read(tenant: Reader, listing: Listing, pages: Pages, written: Written) -> Listing:
    """Read a listing on to its end. Raises Unfinished when the run's time is over, at whatever page.

    One whose link has expired begins anew as a whole one, once. Raises Temporary when it expires again or has no end,
    Permanent when the one that was begun anew has none either.
    """
    while listing.link is not None:
        try:
            async with aclosing(pages(listing)) as found:
                async for page in found:
                    listing = await written(listing, page)
                    if listing.link is None:
                        break
                    await _in_bounds(tenant, listing)
        except Expired as expired:
            listing = await _anew(tenant, listing, expired)
    return listing


async def _anew(tenant: Reader, listing: Listing, expired: Expired) -> Listing:
    database, connection = tenant.context.database, tenant.connection.id
    if listing.renewed:
        await listings.forget(database, connection, listing.kind)
        raise Temporary(
            "listing_expired",
            f"The platform's listing of {_named(listing)} ended twice before it was read to its end. Nothing was "
            "deleted; we list it again.",
        )
    return await listings.begin(
        database,
        connection,
        listing.kind,
        tenant.now,
        complete=True,
        link=expired.location,
        # That changes of long ago are not told any more is usual; that a page is gone is not.
        renewed=listing.complete or listing.pages > 0,
    )


async def _in_bounds(tenant: Reader, listing: Listing) -> None:
    if listing.idle >= MAX_IDLE_PAGES or listing.pages >= MAX_PAGES:
        database, connection = tenant.context.database, tenant.connection.id
        # Perhaps it is the link from which it began, so the next one begins without.
        await listings.begin(database, connection, listing.kind, tenant.now, complete=True, renewed=True)
        sentence = (
            f"The platform's listing of {_named(listing)} had no end: {listing.pages} pages, of which the last "
            f"{listing.idle} showed nothing new. Nothing was deleted; we list it again."
        )
        if listing.renewed:
            # Reading on shows another reason in between, so the clock would never call a person.
            raise Permanent("listing_without_end", sentence)
        raise Temporary("listing_without_end", sentence)
    if listing.link != BEGINNING:  # else nothing would be gained
        stop_in_time(tenant, listing)


async def without_a_name(
    tenant: Reader, before: Mapping[str, Mapping[str, Any]], verified: dict[str, bool], accepted: set[str] | None = None
) -> None:
    """Note a domain that is listed without a name. It may be any of those of before, so all of them stay."""
    for name, row in before.items():
        verified.setdefault(name, row["verified"])
        if accepted is not None and row["accepted"]:
            accepted.add(name)
    database, connection = tenant.context.database, tenant.connection.id
    why = "The platform lists a domain without a name."
    await set_aside.note(database, connection, "entry", "domains without a name", "without a name", why, tenant.now)


async def bounded(pages: AsyncGenerator[Page], service: str) -> AsyncGenerator[Page]:
    """The pages of a listing that one run reads to its end. Raises Temporary when it has none."""
    number = 0
    async for page in pages:
        yield page
        number += 1
        if number >= MAX_IDLE_PAGES and page.link is not None:
            sentence = (
                f"{service} gave a listing without an end: {number} pages, and a link to the next. We list it again."
            )
            raise Temporary("listing_without_end", sentence)


def stop_in_time(tenant: Reader, listing: Listing, of: int | None = None) -> None:
    """Raises Unfinished when the run has read for long enough. `of`: how many there are to read."""
    if tenant.now >= tenant.opened_at + READ_TIME:
        number = f"{listing.read:,}" + (f" of {of:,}" if of else "")
        what = "groups with their members" if listing.kind == "members" else _named(listing)
        raise Unfinished(
            "reading_directory",
            f"The directory is being read since {listing.since:%H:%M} UTC: {number} {what} so far, page "
            f"{listing.pages}. The reading continues automatically.",
            after=CONTINUE_AFTER,
        )


def _named(listing: Listing) -> str:
    return "a group's members" if listing.kind.startswith(listings.MEMBERS_OF) else listing.kind
