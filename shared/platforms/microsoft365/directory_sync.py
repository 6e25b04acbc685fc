"""The daily synchronisation: users, groups with members, domains and MX, page by page into our copy."""

from collections.abc import AsyncIterator
from typing import Any

from shared.foundation.dns import mx_of
from shared.platforms.microsoft365.graph import DeltaPage, Resync
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record
from shared.protection import directory, set_aside

USERS = "id,displayName,mail,accountEnabled,userType"
GROUPS = "id,displayName,mail,members"


async def sync(tenant: MicrosoftTenant, *, accept_loss: bool) -> dict[str, int]:
    """Bring the copy up to date and return how much it holds. Raises before anything is lost that may still exist."""
    database, connection = tenant.context.database, tenant.connection.id
    plausible = 1.0 if accept_loss else tenant.context.settings.implausible_loss
    await set_aside.clear(database, connection, "entry")
    await _users(tenant, plausible)
    await _groups(tenant, plausible)
    await directory.put_domains(database, connection, await _domains(tenant))
    return await directory.count(database, connection)


async def _users(tenant: MicrosoftTenant, plausible: float) -> None:
    async def write(copy: directory.Copy, rows: list[Record]) -> None:
        rows = _last_said(rows)
        await copy.put("users", [_user(row) for row in rows if not _removed(row)], [r for r in rows if _removed(r)])

    async def whole() -> AsyncIterator[DeltaPage]:
        # The delta link is taken before the listing, so what changes meanwhile is told next time. Listing takes
        # pages of 999 where delta gives 200 at most.
        link = None
        async for page in tenant.graph.delta("/v1.0/users/delta", **{"$deltatoken": "latest", "$select": USERS}):
            link = page.delta_link
        async for rows in tenant.graph.pages("/v1.0/users", **{"$select": USERS, "$top": "999"}):
            yield DeltaPage(rows=rows, delta_link=None)
        yield DeltaPage(rows=[], delta_link=link)

    await _read(tenant, "users", ("users",), whole, write, plausible)


async def _groups(tenant: MicrosoftTenant, plausible: float) -> None:
    own = {held.identity for key, held in tenant.ledger.holdings.items() if key.startswith("group-")}

    async def write(copy: directory.Copy, rows: list[Record]) -> None:
        theirs = [row for row in rows if row["id"] not in own]
        said = _last_said(theirs)
        await copy.put("groups", [_group(r) for r in said if not _removed(r)], [r for r in said if _removed(r)])
        members = [(row["id"], member) for row in theirs for member in row.get("members@delta", []) if member.get("id")]
        members = list({(group, member["id"]): (group, member) for group, member in members}.values())
        await copy.put(
            "members",
            [_member(group, member) for group, member in members if not _removed(member)],
            [_member(group, member) for group, member in members if _removed(member)],
        )

    def whole() -> AsyncIterator[DeltaPage]:
        return tenant.graph.delta("/v1.0/groups/delta", **{"$select": GROUPS})

    await _read(tenant, "groups", ("groups", "members"), whole, write, plausible)


async def _read(
    tenant: MicrosoftTenant, kind: str, kinds: tuple[str, ...], whole: Any, write: Any, plausible: float
) -> None:
    """Read what changed since the checkpoint, or everything, and settle it in one transaction at the end."""
    database, connection = tenant.context.database, tenant.connection.id
    link = await directory.checkpoint(database, connection, kind)
    try:
        pages, complete = (tenant.graph.delta(link), False) if link else (whole(), True)
        await _settle(tenant, kind, kinds, pages, write, complete=complete, plausible=plausible)
    except Resync as resync:
        # Graph says where to start again, or leaves it to us; either way what comes is everything.
        pages = tenant.graph.delta(resync.location) if resync.location else whole()
        await _settle(tenant, kind, kinds, pages, write, complete=True, plausible=plausible)


async def _settle(
    tenant: MicrosoftTenant,
    kind: str,
    kinds: tuple[str, ...],
    pages: AsyncIterator[DeltaPage],
    write: Any,
    *,
    complete: bool,
    plausible: float,
) -> None:
    copy = directory.Copy(tenant.context.database, tenant.connection.id)
    last: str | None = None
    async for page in pages:
        for odd in (row for row in page.rows if not row.get("id")):
            # It may be anybody's, so nobody is taken to be gone this time.
            complete, name = False, str(odd.get("displayName") or "without a name")
            database, connection, why = tenant.context.database, tenant.connection.id, "Graph lists it without an id."
            await set_aside.note(database, connection, "entry", f"{kind} {name}", name, why, tenant.now)
        await write(copy, [row for row in page.rows if row.get("id")])
        last = page.delta_link or last
    if last is not None:
        await copy.settle(kinds, complete=complete, links={kind: last}, now=tenant.now, plausible=plausible)


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
        "digest": None,
    }


def _group(row: Record) -> Record:
    return {"id": row["id"], "name": row.get("displayName"), "mail": row.get("mail"), "digest": None}


def _member(group: str, member: Record) -> Record:
    return {"group_id": group, "member_id": member["id"]}


async def _domains(tenant: MicrosoftTenant) -> list[Record]:
    """Every domain with what Graph and Exchange say of it, the MX Microsoft wants and the MX that DNS answers."""
    verified: dict[str, bool] = {}
    async for page in tenant.graph.pages("/v1.0/domains"):
        verified |= {row["id"].lower(): bool(row["isVerified"]) for row in page}
    rows = await tenant.listing("Get-AcceptedDomain")
    accepted = {row["DomainName"].lower() for row in rows if not row.get("PendingRemoval")}
    names = sorted(verified.keys() | accepted)
    wanted = {name: await _wanted_mx(tenant, name) for name in names if verified.get(name)}
    answered = await mx_of(names, tenant.context.settings.dns)
    before = {row["name"]: row for row in await directory.domains(tenant.context.database, tenant.connection.id)}
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
        records += [row["mailExchange"].lower() for row in page if row.get("recordType") == "Mx"]
    return sorted(records)
