"""The daily synchronisation: there is no delta, so everything is listed and only what differs is written.

A user who is missing from a complete listing is looked for among the deleted, and else asked for by name, before our
copy lets go of them (https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/list).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from shared.engine.ledger import HoldingState
from shared.foundation.dns import mx_of
from shared.foundation.errors import Missing, Temporary
from shared.platforms.directory_reading import KINDS, Page, Pages, begun, read, reading, without_a_name
from shared.platforms.google_workspace.api import GoogleRefused, Record
from shared.platforms.google_workspace.directory_members import read_members
from shared.platforms.google_workspace.methods import (
    DOMAINS_LIST,
    GROUPS_GET,
    GROUPS_LIST,
    USERS_GET,
    USERS_LIST,
    Method,
)
from shared.platforms.google_workspace.page_tokens import until_expired
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory, listings, set_aside, whole_listings
from shared.protection.listings import Listing

USER_FIELDS = (
    "nextPageToken,users(id,primaryEmail,name/fullName,aliases,nonEditableAliases,suspended,archived,isMailboxSetup,"
    "isGuestUser)"
)
GROUP_FIELDS = "nextPageToken,groups(id,email,name)"
# Google's largest pages.
USERS_A_PAGE, GROUPS_A_PAGE = "500", "200"
# More than this many missing ones that are not among the deleted, and it is the listing that lacks something.
MAX_LOOKUPS_OF_MISSING = 50

Gone = Callable[[WorkspaceCustomer, str], Awaitable[bool | None]]


async def sync(tenant: WorkspaceCustomer, *, accept_loss: bool) -> None:
    """Bring the copy up to date. Raises before anything is lost that may still exist.

    Raises Unfinished while there is more to read than one run should.
    """
    plausible = 1.0 if accept_loss else tenant.context.settings.implausible_loss
    async with reading(tenant) as this:
        await _users(tenant, plausible)
        await _groups(tenant, plausible)
        await read_domains(tenant)
        this.ended.update(dict.fromkeys(KINDS - this.stands.checkpoints.keys(), "complete"))


async def _users(tenant: WorkspaceCustomer, plausible: float) -> None:
    params = {"customer": tenant.id, "maxResults": USERS_A_PAGE, "orderBy": "email", "fields": USER_FIELDS}

    async def written(listing: Listing, page: Page) -> Listing:
        rows = [_user(row) for row in await _whole(tenant, "user", page.rows, "primaryEmail")]
        return await _put(tenant, listing, page, rows, odd=len(rows) < len(page.rows))

    async def gone(missing: list[str], *, complete: bool) -> list[str]:
        deleted, unseen = set[str](), set(missing)
        lately = params | {"showDeleted": "true", "fields": "nextPageToken,users(id)"}
        async for page in tenant.admin.pages(USERS_LIST, params=lately, key="users"):
            deleted |= {row["id"] for row in page if row.get("id") in unseen}
        others = sorted(unseen - deleted)
        return [*deleted, *await _truly_gone(tenant, "users", others, _user_gone, complete=complete)]

    listing = await begun(tenant, "users")
    if listing.settled_at is None:
        listing = await read(tenant, listing, _pages(tenant, USERS_LIST, params, "users"), written)
        await _settle(tenant, listing, gone, plausible)


def _pages(tenant: WorkspaceCustomer, method: Method, params: Mapping[str, str], key: str) -> Pages:
    def pages(listing: Listing) -> AsyncGenerator[Page]:
        return tenant.admin.listing(method, params=params, key=key, token=str(listing.link))

    return until_expired(pages)


async def _put(tenant: WorkspaceCustomer, listing: Listing, page: Page, rows: list[Record], *, odd: bool) -> Listing:
    database, connection = tenant.context.database, tenant.connection.id
    listing = await whole_listings.put(database, connection, listing, rows, link=page.link, odd=odd)
    await tenant.operations.flush_some()
    return listing


async def _settle(
    tenant: WorkspaceCustomer, listing: Listing, gone: Callable[..., Awaitable[list[str]]], plausible: float
) -> None:
    """Let go of those whom the listing has not shown and who are truly gone."""
    database, connection = tenant.context.database, tenant.connection.id
    unseen = await whole_listings.unseen(database, connection, listing, plausible)
    lost = await gone(unseen, complete=listing.complete) if unseen else []
    await whole_listings.settle(database, connection, listing, lost, tenant.now)


async def _truly_gone(
    tenant: WorkspaceCustomer, kind: str, missing: Sequence[str], gone: Gone, *, complete: bool
) -> list[str]:
    """Those of the missing that Google says do not exist. One that exists shows that the listing was not whole.

    Without `complete` that is known: it showed somebody without an id or an address, who may be any of the missing.
    """
    if not complete or len(missing) <= MAX_LOOKUPS_OF_MISSING:
        found = {one: await gone(tenant, one) for one in missing[:MAX_LOOKUPS_OF_MISSING]}
        if not complete or None not in found.values():
            return [one for one, is_gone in found.items() if is_gone]
    await listings.forget(tenant.context.database, tenant.connection.id, kind)
    raise Temporary(
        "listing_incomplete",
        "Google's listing of the directory lacked some that exist. Nothing was deleted; we list it again.",
    )


async def _user_gone(tenant: WorkspaceCustomer, user: str) -> bool | None:
    """Whether they are; None if they exist."""
    try:
        await tenant.admin.call(USERS_GET, {"userKey": user}, params={"fields": "id"})
    except Missing:
        return True
    except GoogleRefused:
        # Not this customer's any more, which is not the same as gone.
        await directory.skip(
            tenant.context.database, tenant.connection.id, user, "is not of this organisation any more"
        )
        return False
    return None


async def _group_gone(tenant: WorkspaceCustomer, group: str) -> bool | None:
    """Whether it is; None if it exists."""
    try:
        await tenant.admin.call(GROUPS_GET, {"groupKey": group}, params={"fields": "id"})
    except Missing:
        return True
    except GoogleRefused as refused:
        # Not this customer's any more, which is not the same as gone.
        database, connection = tenant.context.database, tenant.connection.id
        await set_aside.note(database, connection, "group", group, group, refused.sentence, tenant.now)
        return False
    return None


def _user(row: Record) -> dict[str, Any]:
    enabled = not row.get("suspended") and not row.get("archived")
    return {
        "id": row["id"],
        "name": (row.get("name") or {}).get("fullName"),
        "mail": row["primaryEmail"].lower(),
        "enabled": enabled,
        "kind": "Guest" if row.get("isGuestUser") else "Member",
        "aliases": sorted({*(row.get("aliases") or ()), *(row.get("nonEditableAliases") or ())}) or None,
        "receives": enabled and bool(row.get("isMailboxSetup")),
        "skipped": None,
    }


async def _groups(tenant: WorkspaceCustomer, plausible: float) -> None:
    held = tenant.ledger.holdings.get("group")
    own = held.identity if held and held.state is not HoldingState.GONE else None
    params = {"customer": tenant.id, "maxResults": GROUPS_A_PAGE, "fields": GROUP_FIELDS}

    async def written(listing: Listing, page: Page) -> Listing:
        whole = await _whole(tenant, "group", page.rows, "email")
        theirs = [row for row in whole if row["id"] != own]
        rows = [{"id": row["id"], "name": row.get("name"), "mail": row["email"].lower()} for row in theirs]
        return await _put(tenant, listing, page, rows, odd=len(whole) < len(page.rows))

    async def gone(missing: list[str], *, complete: bool) -> list[str]:
        return await _truly_gone(tenant, "groups", missing, _group_gone, complete=complete)

    listing = await begun(tenant, "groups")
    if listing.settled_at is None:
        listing = await read(tenant, listing, _pages(tenant, GROUPS_LIST, params, "groups"), written)
        await _settle(tenant, listing, gone, plausible)
    await read_members(tenant, listing)


async def _whole(tenant: WorkspaceCustomer, kind: str, page: Sequence[Record], address: str) -> list[Record]:
    """The rows of a page that have an id and an address. One without is noted by what it is called."""
    database, connection = tenant.context.database, tenant.connection.id
    for row in page:
        if not (row.get("id") and row.get(address)):
            name = str(row.get(address) or row.get("name") or row.get("id") or "without a name")
            why = f"Google lists this {kind} without an id or an address."
            await set_aside.note(database, connection, "entry", f"{kind} {name}", name, why, tenant.now)
    return [row for row in page if row.get("id") and row.get(address)]


async def read_domains(tenant: WorkspaceCustomer) -> None:
    """Bring our copy of the domains up to date, with the MX that DNS answers."""
    database, connection = tenant.context.database, tenant.connection.id
    before = await directory.domains(database, connection)
    await directory.put_domains(database, connection, await _domains(tenant, before), before)


async def _domains(tenant: WorkspaceCustomer, known: Sequence[Record]) -> list[dict[str, Any]]:
    """Every domain and alias domain, with the MX that DNS answers; Google says nothing of mail records."""
    answer = await tenant.admin.call(DOMAINS_LIST, {"customer": tenant.id})
    told = [(row.get("domainName"), row) for row in answer.get("domains", [])]
    told += [(one.get("domainAliasName"), one) for _, row in told for one in row.get("domainAliases") or ()]
    verified = {name.lower(): bool(row.get("verified")) for name, row in told if name}
    before = {row["name"]: row for row in known}
    if not all(name for name, _ in told):
        await without_a_name(tenant, before, verified)
    answered = await mx_of(sorted(verified), tenant.context.settings.dns)
    return [
        {
            "name": name,
            "verified": is_verified,
            "accepted": is_verified,
            "wanted_mx": None,
            **directory.answered_mx(answered[name], before.get(name, {}), tenant.now),
        }
        for name, is_verified in sorted(verified.items())
    ]
