"""The daily synchronisation: users, groups with members, domains and MX, page by page into our copy."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from shared.foundation.concurrency import beside, each
from shared.foundation.dns import mx_of
from shared.foundation.errors import FootprintError, Missing
from shared.platforms.directory_reading import (
    KINDS,
    Expired,
    Page,
    Pages,
    Reading,
    Written,
    begun,
    read,
    reading,
    without_a_name,
)
from shared.platforms.microsoft365.graph import GraphRefused, Resync
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record
from shared.protection import directory, memberships, set_aside
from shared.protection.listings import BEGINNING, Listing, Standing

First = Page | FootprintError
"""What Graph says first when it is asked for changes; what it refuses is raised in the kind's turn."""
USERS = "id,displayName,mail,accountEnabled,userType"
GROUPS = "id,displayName,mail,visibility,members"
# Of which Graph shows no members without Member.Read.Hidden (learn.microsoft.com/graph/api/group-list-members).
HIDDEN = "HiddenMembership"


async def sync(tenant: MicrosoftTenant, *, accept_loss: bool) -> None:
    """Bring the copy up to date. Raises before anything is lost that may still exist.

    Raises Unfinished while there is more to read than one run should.
    """
    plausible = 1.0 if accept_loss else tenant.context.settings.implausible_loss
    async with reading(tenant) as this:
        firsts = await _firsts(tenant, this.stands)
        await _users(tenant, this, firsts.get("users"), plausible)
        await _groups(tenant, this, firsts.get("groups"), plausible)
        if this.stands.noted or "groups" not in this.unchanged:
            await _tell_hidden(tenant)
        await read_domains(tenant)


async def _users(tenant: MicrosoftTenant, this: Reading, first: First | None, plausible: float) -> None:
    async def written(listing: Listing, page: Page) -> Listing:
        rows = _last_said(page.rows)
        there, gone = [_user(row) for row in rows if not _removed(row)], [row for row in rows if _removed(row)]
        return await _put(tenant, listing, page, {"users": there}, {"users": gone})

    async def whole() -> AsyncGenerator[Page]:
        # The delta link is taken before the listing, so what changes meanwhile is told next time. Listing takes
        # pages of 999 where delta gives 200 at most.
        async for page in tenant.graph.delta("/v1.0/users/delta", **{"$deltatoken": "latest", "$select": USERS}):
            yield Page(rows=[], link=BEGINNING, final=page.final)
        async for page in tenant.graph.listing("/v1.0/users", **{"$select": USERS, "$top": "999"}):
            yield page

    async def pages(listing: Listing) -> AsyncGenerator[Page]:
        if listing.link == BEGINNING:
            found = whole()
        else:
            # A whole one ends without a link to the changes, which was taken before it.
            follow = tenant.graph.listing if listing.final else tenant.graph.delta
            found = follow(str(listing.link))
        async for page in found:
            yield page

    if not _nothing_new(this, "users", first):
        await _read(tenant, this, "users", first, ("users",), pages, written, plausible)


async def _groups(tenant: MicrosoftTenant, this: Reading, first: First | None, plausible: float) -> None:
    own = {held.identity for key, held in tenant.ledger.holdings.items() if key.startswith("group-")}

    async def written(listing: Listing, page: Page) -> Listing:
        theirs = [row for row in page.rows if row["id"] not in own]
        said = _last_said(theirs)
        listed = [
            (row["id"], member) for row in theirs for member in row.get("members@delta") or () if member.get("id")
        ]
        members = list({(group, member["id"]): (group, member) for group, member in listed}.values())
        there = {
            "groups": [_group(row) for row in said if not _removed(row)],
            "members": [_member(group, member) for group, member in members if not _removed(member)],
        }
        gone = {
            "groups": [row for row in said if _removed(row)],
            "members": [_member(group, member) for group, member in members if _removed(member)],
        }
        return await _put(tenant, listing, page, there, gone)

    def pages(listing: Listing) -> AsyncGenerator[Page]:
        if listing.link == BEGINNING:
            return tenant.graph.delta("/v1.0/groups/delta", **{"$select": GROUPS})
        return tenant.graph.delta(str(listing.link))

    if not _nothing_new(this, "groups", first):
        await _read(tenant, this, "groups", first, ("groups", "members"), pages, written, plausible)


async def _tell_hidden(tenant: MicrosoftTenant) -> None:
    """Name the groups that policies mean, themselves or by another group, and whose members nobody shows us."""
    database, connection = tenant.context.database, tenant.connection.id
    for one in await memberships.hidden_groups(database, connection):
        if one.id in await tenant.targets.named_groups():
            why = memberships.HIDDEN
            await set_aside.note(database, connection, "entry", f"hidden {one.id}", one.name, why, tenant.now)


async def _put(
    tenant: MicrosoftTenant, listing: Listing, page: Page, rows: directory.Rows, gone: directory.Rows
) -> Listing:
    changes = {"final": page.final or listing.final, "complete": listing.complete and not page.odd}
    return await directory.put(
        tenant.context.database, tenant.connection.id, listing, rows, gone, link=page.link, **changes
    )


def _nothing_new(this: Reading, kind: str, first: First | None) -> bool:
    """Whether nothing has changed since the checkpoint, as the first page says; where that ends is noted then."""
    if isinstance(first, Page) and first.final is not None and not first.rows:
        this.ended[kind] = first.final
        this.unchanged.add(kind)
        return True
    return False


async def _read(
    tenant: MicrosoftTenant,
    this: Reading,
    kind: str,
    first: First | None,
    kinds: Sequence[str],
    pages: Pages,
    written: Written,
    plausible: float,
) -> None:
    """Read what changed since the checkpoint, or everything, and settle it in one transaction at the end."""
    database, connection, since = tenant.context.database, tenant.connection.id, this.stands.checkpoints.get(kind)
    if isinstance(first, FootprintError) and not isinstance(first, Resync | GraphRefused):
        raise first
    listing = await begun(tenant, kind, since=since)
    if listing.settled_at is not None:
        return

    async def known(listing: Listing) -> AsyncGenerator[Page]:
        place = listing.link
        try:
            if first is not None and listing.link == since:
                if not isinstance(first, Page):
                    raise first
                yield await _whole_rows(tenant, kind, first)
                place = first.link
                listing = replace(listing, link=place)
            async for page in pages(listing) if place is not None else _nothing():
                yield await _whole_rows(tenant, kind, page)
                place = page.link
        except Resync as resync:
            # Graph says where to start again, or leaves it to us; either way what comes is everything.
            raise Expired(resync.location or BEGINNING) from None
        except GraphRefused as refused:
            if refused.status != 400 or place == BEGINNING:
                raise
            raise Expired from None

    listing = await read(tenant, listing, known, written)
    await directory.settle(
        database, connection, listing, kinds, complete=listing.complete, now=tenant.now, plausible=plausible
    )


async def _firsts(tenant: MicrosoftTenant, stands: Standing) -> dict[str, First]:
    """The first pages of what has changed, asked for side by side, of the kinds of which no listing is under way."""
    found: dict[str, First] = {}

    async def look(kind: str) -> None:
        found[kind] = await _first(tenant, stands.checkpoints[kind])

    await each([kind for kind in sorted(KINDS) if kind in stands.checkpoints and kind not in stands.listed], look)
    return found


async def _first(tenant: MicrosoftTenant, since: str) -> First:
    """The first page of what has changed since a link, or why there is none."""
    try:
        return await tenant.graph.changes(since)
    except FootprintError as said:
        return said


async def _nothing() -> AsyncGenerator[Page]:
    """No further page."""
    for page in list[Page]():
        yield page


async def _whole_rows(tenant: MicrosoftTenant, kind: str, page: Page) -> Page:
    """The rows of a page that have an id. One without may be anybody's, so nobody is taken to be gone this time."""
    odd = [(row, "Graph lists it without an id.") for row in page.rows if not row.get("id")]
    odd += [
        (row, "Graph lists a member of this group without an id.")
        for row in page.rows
        if not all(member.get("id") for member in row.get("members@delta") or ())
    ]
    for row, why in odd:
        name = str(row.get("displayName") or row.get("id") or "without a name")
        database, connection = tenant.context.database, tenant.connection.id
        await set_aside.note(database, connection, "entry", f"{kind} {name}", name, why, tenant.now)
    return replace(page, rows=[row for row in page.rows if row.get("id")], odd=bool(odd)) if odd else page


def _last_said(rows: list[Record]) -> list[Record]:
    """A page may say several things of one: removed and restored within a day. The last of them holds."""
    return list({row["id"]: row for row in rows}.values())


def _removed(row: Record) -> bool:
    return "@removed" in row


def _user(row: Record) -> Record:
    return {
        "id": row["id"],
        "name": row.get("displayName"),
        "mail": row.get("mail"),
        "enabled": row.get("accountEnabled") is not False,
        "kind": row.get("userType"),
        "aliases": None,
        "receives": bool(row.get("mail")),
        "skipped": None,
    }


def _group(row: Record) -> Record:
    hidden = row.get("visibility") == HIDDEN
    return {"id": row["id"], "name": row.get("displayName"), "mail": row.get("mail"), "hidden": hidden}


def _member(group: str, member: Record) -> Record:
    return {"group_id": group, "member_id": member["id"]}


async def read_domains(tenant: MicrosoftTenant) -> None:
    """Bring our copy of the domains up to date, with the MX that DNS answers."""
    database, connection = tenant.context.database, tenant.connection.id
    before = await directory.domains(database, connection)
    await directory.put_domains(database, connection, await _domains(tenant, before), before)


async def _domains(tenant: MicrosoftTenant, known: Sequence[Record]) -> list[Record]:
    """Every domain with what Graph and Exchange say of it, the MX Microsoft wants and the MX that DNS answers."""
    told: list[Record] = []

    async def tell() -> None:
        async for page in tenant.graph.pages("/v1.0/domains"):
            told.extend(page)

    rows, _ = await beside(tenant.listing("Get-AcceptedDomain"), tell())
    verified = {row["id"].lower(): bool(row.get("isVerified")) for row in told if row.get("id")}
    accepted = {row["DomainName"].lower() for row in rows if row.get("DomainName") and not row.get("PendingRemoval")}
    wanted: dict[str, list[str] | None] = {}
    before = {row["name"]: row for row in known}
    if not all(row.get("id") for row in told) or not all(row.get("DomainName") for row in rows):
        await without_a_name(tenant, before, verified, accepted)
    names = sorted(verified.keys() | accepted)

    async def want(name: str) -> None:
        try:
            wanted[name] = await _wanted_mx(tenant, name)
        except (Missing, GraphRefused) as refused:
            # Of this domain alone, such as one that is being removed: what was known of it stays.
            wanted[name] = before.get(name, {}).get("wanted_mx")
            database, connection = tenant.context.database, tenant.connection.id
            await set_aside.note(database, connection, "entry", f"domains {name}", name, refused.sentence, tenant.now)

    answered, _ = await beside(
        mx_of(names, tenant.context.settings.dns), each([name for name in names if verified.get(name)], want)
    )
    return [
        {
            "name": name,
            "verified": verified.get(name, False),
            "accepted": name in accepted,
            "wanted_mx": wanted.get(name),
            **directory.answered_mx(answered[name], before.get(name, {}), tenant.now),
        }
        for name in names
    ]


async def _wanted_mx(tenant: MicrosoftTenant, name: str) -> list[str]:
    records: list[str] = []
    async for page in tenant.graph.pages(f"/v1.0/domains/{name}/serviceConfigurationRecords"):
        records += [row["mailExchange"].lower() for row in page if row.get("mailExchange")]
    return sorted(records)
