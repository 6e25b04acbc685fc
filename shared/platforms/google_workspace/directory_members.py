"""The members of a customer's groups: those that policies name first, then the rest, page by page over several runs."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Missing, Temporary
from shared.platforms.directory_reading import Page, begun, read, stop_in_time
from shared.platforms.google_workspace.api import Blocked, GoogleRefused, Record
from shared.platforms.google_workspace.methods import MEMBERS_LIST
from shared.platforms.google_workspace.page_tokens import until_expired
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory, listings, memberships, set_aside, whole_listings
from shared.protection.listings import BEGINNING, MEMBERS_OF, Listing
from shared.protection.memberships import Group
from shared.protection.targets import Targets

MEMBER_FIELDS = "nextPageToken,members(id,type)"
MEMBERS_A_PAGE = "200"
# When more groups than this are refused and none is not, it is no group's matter.
MAX_REFUSED = 5
# Groups between two looks at the clock, and so many that a run that dies lists again at most.
GROUPS_AT_ONCE = 100


async def read_members(tenant: WorkspaceCustomer, groups: Listing) -> None:
    """List the members of every group that a listing of groups has shown and whose members were not listed since.

    Raises Unfinished when the run's time is over.
    """
    database, connection = tenant.context.database, tenant.connection.id
    failed = {one.item for one in await set_aside.listed(database, connection, "group")}
    known = await memberships.known_groups(database, connection, failed)
    await set_aside.clear(database, connection, "group", failed - known)
    under_way = {one.kind: one for one in await listings.listed(database, connection)}
    progress = await begun(tenant, "members")
    if progress.since < groups.since:  # of a listing of groups that was begun anew since
        progress = await listings.begin(database, connection, "members", tenant.now, complete=True)
    refused: list[FootprintError | None] = []

    async def all_of(some: Sequence[Group]) -> list[str]:
        """List the members of some groups; where that is broken off, those that were listed are noted."""
        done: list[str] = []
        small: dict[str, list[str]] = {}

        async def one(group: Group) -> None:
            refused.append(await _members(tenant, group, under_way.get(MEMBERS_OF + group.id), failed, small))
            done.append(group.id)

        try:
            await each(some, one)
        except Temporary:
            await memberships.put_members(database, connection, small)
            await memberships.have_members(database, connection, done, groups)
            raise
        await memberships.put_members(database, connection, small)
        return done

    async def after(some: Sequence[Group], link: str | None) -> Listing:
        async with database.write() as write:
            read, pages = progress.read + len(some), progress.pages + 1
            kept = await listings.keep(write, connection, progress, read=read, pages=pages, link=link)
        if len(refused) > MAX_REFUSED and all(refused):
            raise next(error for error in refused if error)
        stop_in_time(tenant, kept, groups.read)
        return kept

    named = await Targets(database, connection).named_groups()
    while some := await memberships.named_without_members(database, connection, groups, named, most=GROUPS_AT_ONCE):
        await memberships.have_members(database, connection, await all_of(some), groups)
        progress = await after(some, progress.link)
    while some := await memberships.without_members(
        database, connection, groups, behind=progress.link or BEGINNING, most=GROUPS_AT_ONCE
    ):
        await all_of(some)
        progress = await after(some, some[-1].id)


async def _members(
    tenant: WorkspaceCustomer,
    group: Group,
    under_way: Listing | None,
    failed: Collection[str],
    small: dict[str, list[str]],
) -> FootprintError | None:
    """A group's direct members, each once: Google lists some twice, and the whole customer as one of them.

    Members that fit a page are put into `small`, for the caller to write with those of other groups.

    Where Google refuses this one group, that is noted and returned, and the members that we know stay.
    """
    database, connection = tenant.context.database, tenant.connection.id
    try:
        if not await _listed(tenant, group.id, under_way, small):
            why = "Google lists a member of this group without an id."
            await set_aside.note(database, connection, "entry", f"group {group.id}", group.mail, why, tenant.now)
    except Missing:
        return None  # deleted while we were listing; the next synchronisation knows
    except (GoogleRefused, Blocked) as refused:
        await set_aside.note(database, connection, "group", group.id, group.mail, refused.sentence, tenant.now)
        return refused
    if group.id in failed:
        await set_aside.clear(database, connection, "group", [group.id])
    await tenant.operations.flush_some()
    return None


async def _listed(
    tenant: WorkspaceCustomer, group: str, under_way: Listing | None, small: dict[str, list[str]]
) -> bool:
    """List a group's members: into `small` if they fit a page, else page by page into our copy.

    False if one of them has no id. It may be anybody, so that nobody is taken to be gone this time.
    """
    database, connection, kind = tenant.context.database, tenant.connection.id, MEMBERS_OF + group

    def pages(listing: Listing | None) -> AsyncGenerator[Page]:
        params, token = {"maxResults": MEMBERS_A_PAGE, "fields": MEMBER_FIELDS}, listing and listing.link
        return tenant.admin.listing(
            MEMBERS_LIST, {"groupKey": group}, params=params, key="members", token=token or BEGINNING
        )

    async def written(listing: Listing, page: Page) -> Listing:
        rows = [{"member_id": member} for member in _named(page.rows)]
        return await whole_listings.put(database, connection, listing, rows, link=page.link, odd=_odd(page.rows))

    if under_way is None:
        async with aclosing(pages(None)) as opened:
            first = await anext(opened)
            if first.link is None and not _odd(first.rows):
                small[group] = _named(first.rows)
                return True
            listing = await written(await begun(tenant, kind), first)
            going_on = until_expired(lambda place: opened if place.link == first.link else pages(place))
            listing = await read(tenant, listing, going_on, written)
    else:
        listing = await read(tenant, under_way, until_expired(pages), written)
    await whole_listings.settle_members(database, connection, listing)
    return listing.complete


def _odd(rows: list[Record]) -> bool:
    return any(not row.get("id") and row.get("type") != "CUSTOMER" for row in rows)


def _named(rows: list[Record]) -> list[str]:
    everybody = {directory.EVERY_USER} if any(row.get("type") == "CUSTOMER" for row in rows) else set[str]()
    return sorted(everybody | {row["id"] for row in rows if row.get("id") and row.get("type") != "CUSTOMER"})
