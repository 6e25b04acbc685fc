"""The daily synchronisation: there is no delta, so everything is listed and only what differs is written.

Whoever is missing from a complete listing is looked for among the deleted, and else asked for by name, before our
copy lets go of them (https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/list).
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.engine.ledger import HoldingState
from shared.foundation.concurrency import each
from shared.foundation.dns import mx_of
from shared.foundation.errors import FootprintError, Missing, Temporary
from shared.platforms.google_workspace.api import Blocked, GoogleRefused, Record
from shared.platforms.google_workspace.methods import (
    DOMAINS_LIST,
    GROUPS_GET,
    GROUPS_LIST,
    MEMBERS_LIST,
    USERS_GET,
    USERS_LIST,
)
from shared.platforms.google_workspace.tenant import WorkspaceCustomer, flush_some
from shared.protection import directory, set_aside

USER_FIELDS = (
    "nextPageToken,users(id,primaryEmail,name/fullName,aliases,nonEditableAliases,suspended,archived,isMailboxSetup,"
    "isGuestUser)"
)
GROUP_FIELDS = "nextPageToken,groups(id,email,name)"
MEMBER_FIELDS = "nextPageToken,members(id,type)"
# Google's largest pages.
USERS_A_PAGE, GROUPS_A_PAGE, MEMBERS_A_PAGE = "500", "200", "200"
# When more groups than this are refused and none is not, it is no group's matter.
MOST_REFUSED = 5
# More than this many missing ones that are not among the deleted, and it is the listing that lacks something.
MAX_LOOKUPS_OF_MISSING = 50


async def sync(tenant: WorkspaceCustomer, *, accept_loss: bool) -> dict[str, int]:
    """Bring the copy up to date and return how much it holds. Raises before anything is lost that may still exist."""
    database, connection = tenant.context.database, tenant.connection.id
    plausible = 1.0 if accept_loss else tenant.context.settings.implausible_loss
    await set_aside.clear(database, connection, "entry")
    await _users(tenant, plausible)
    await _groups(tenant, plausible)
    await directory.put_domains(database, connection, await _domains(tenant))
    for kind in ("users", "groups"):
        if await directory.checkpoint(database, connection, kind) is None:
            await directory.keep_checkpoint(database, connection, kind, "complete", tenant.now)
    return await directory.count(database, connection)


async def _users(tenant: WorkspaceCustomer, plausible: float) -> None:
    copy = directory.Comparison(tenant.context.database, tenant.connection.id, "users")
    await copy.load()
    params = {"customer": tenant.id, "maxResults": USERS_A_PAGE, "orderBy": "email", "fields": USER_FIELDS}
    async for page in tenant.admin.pages(USERS_LIST, params=params, key="users"):
        await copy.put([_user(row) for row in await _whole(tenant, "user", page, "primaryEmail")])
        await flush_some(tenant)
    copy.refuse_loss(plausible)
    if copy.unseen:
        deleted: set[str] = set()
        listing = params | {"showDeleted": "true", "fields": "nextPageToken,users(id)"}
        async for page in tenant.admin.pages(USERS_LIST, params=listing, key="users"):
            deleted |= {row["id"] for row in page if "id" in row}
        gone = [user for user in copy.unseen if user in deleted]
        rest = [user for user in copy.unseen if user not in deleted]
        await copy.drop(gone + await _truly_gone(tenant, rest, _user_gone), plausible=plausible)


async def _truly_gone(
    tenant: WorkspaceCustomer, missing: Sequence[str], gone: Callable[[WorkspaceCustomer, str], Awaitable[bool]]
) -> list[str]:
    """Those of the missing that Google says do not exist. One that exists shows that the listing was not whole."""
    if len(missing) > MAX_LOOKUPS_OF_MISSING:
        raise _incomplete()
    return [one for one in missing if await gone(tenant, one)]


async def _user_gone(tenant: WorkspaceCustomer, user: str) -> bool:
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
    raise _incomplete()


async def _group_gone(tenant: WorkspaceCustomer, group: str) -> bool:
    try:
        await tenant.admin.call(GROUPS_GET, {"groupKey": group}, params={"fields": "id"})
    except Missing:
        return True
    raise _incomplete()


def _incomplete() -> Temporary:
    return Temporary(
        "listing_incomplete",
        "Google's listing of the directory lacked some that exist. Nothing was deleted; we list it again.",
    )


def digest(row: dict[str, Any]) -> str:
    """A short name for a row's content, by which a changed one is known."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def _user(row: Record) -> dict[str, Any]:
    enabled = not row.get("suspended") and not row.get("archived")
    user = {
        "id": row["id"],
        "name": (row.get("name") or {}).get("fullName"),
        "mail": row["primaryEmail"].lower(),
        "enabled": enabled,
        "kind": "Guest" if row.get("isGuestUser") else "Member",
        "aliases": sorted({*row.get("aliases", []), *row.get("nonEditableAliases", [])}) or None,
        "receives": enabled and bool(row.get("isMailboxSetup")),
    }
    return user | {"skipped": None, "digest": digest(user)}


async def _groups(tenant: WorkspaceCustomer, plausible: float) -> None:
    held = tenant.ledger.holdings.get("group")
    own = held.identity if held and held.state is not HoldingState.GONE else None
    copy = directory.Comparison(tenant.context.database, tenant.connection.id, "groups")
    await copy.load()
    found: list[str] = []
    names: dict[str, str] = {}
    params = {"customer": tenant.id, "maxResults": GROUPS_A_PAGE, "fields": GROUP_FIELDS}
    async for page in tenant.admin.pages(GROUPS_LIST, params=params, key="groups"):
        rows = [_group(row) for row in await _whole(tenant, "group", page, "email") if row["id"] != own]
        await copy.put(rows)
        found += [row["id"] for row in rows]
        names |= {row["id"]: row["mail"] for row in rows}
    copy.refuse_loss(plausible)
    await copy.drop(await _truly_gone(tenant, copy.unseen, _group_gone), plausible=plausible)
    failed = await set_aside.listed(tenant.context.database, tenant.connection.id, "group")
    gone = {one.item for one in failed} - names.keys()
    await set_aside.clear(tenant.context.database, tenant.connection.id, "group", gone)
    refused: list[FootprintError | None] = []

    async def one(group: str) -> None:
        refused.append(await _members(tenant, group, names[group]))

    await each(found, one)
    if len(refused) > MOST_REFUSED and all(refused):
        raise next(error for error in refused if error)


def _group(row: Record) -> dict[str, Any]:
    group = {"id": row["id"], "name": row.get("name"), "mail": row["email"].lower()}
    return group | {"digest": digest(group)}


async def _members(tenant: WorkspaceCustomer, group: str, name: str) -> FootprintError | None:
    """A group's direct members, each once: Google lists some twice, and the whole customer as one of them.

    Where Google refuses this one group, that is noted and returned, and the members that we know stay.
    """
    database, connection = tenant.context.database, tenant.connection.id
    found: set[str] = set()
    params = {"maxResults": MEMBERS_A_PAGE, "fields": MEMBER_FIELDS}
    try:
        async for page in tenant.admin.pages(MEMBERS_LIST, {"groupKey": group}, params=params, key="members"):
            everybody = any(row.get("type") == "CUSTOMER" for row in page)
            found |= {row["id"] for row in page if row.get("id") and row.get("type") != "CUSTOMER"}
            found |= {directory.EVERY_USER} if everybody else set()
    except Missing:
        return None  # deleted while we were listing; the next synchronisation knows
    except (GoogleRefused, Blocked) as refused:
        await set_aside.note(database, connection, "group", group, name, refused.sentence, tenant.now)
        return refused
    await set_aside.clear(database, connection, "group", [group])
    await directory.put_members(database, connection, group, sorted(found))
    await flush_some(tenant)
    return None


async def _whole(tenant: WorkspaceCustomer, kind: str, page: Sequence[Record], address: str) -> list[Record]:
    """The rows of a page that have an id and an address. One without is noted by what it is called."""
    database, connection = tenant.context.database, tenant.connection.id
    for row in page:
        if not (row.get("id") and row.get(address)):
            name = str(row.get(address) or row.get("name") or row.get("id") or "without a name")
            why = f"Google lists this {kind} without an id or an address."
            await set_aside.note(database, connection, "entry", f"{kind} {name}", name, why, tenant.now)
    return [row for row in page if row.get("id") and row.get(address)]


async def _domains(tenant: WorkspaceCustomer) -> list[dict[str, Any]]:
    """Every domain and alias domain, with the MX that DNS answers; Google says nothing of mail records."""
    answer = await tenant.admin.call(DOMAINS_LIST, {"customer": tenant.id})
    verified: dict[str, bool] = {}
    for row in answer.get("domains", []):
        verified[row["domainName"].lower()] = bool(row.get("verified"))
        for alias in row.get("domainAliases", []):
            verified[alias["domainAliasName"].lower()] = bool(alias.get("verified"))
    answered = await mx_of(sorted(verified), tenant.context.settings.dns)
    before = {row["name"]: row for row in await directory.domains(tenant.context.database, tenant.connection.id)}
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
