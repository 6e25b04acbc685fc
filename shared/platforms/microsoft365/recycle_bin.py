"""Where a deleted group stays for 30 days: ours are deleted from it for good, by us or by the administrator.

Graph supports that for a person only: it refuses an application (graph/api/directory-deleteditems-delete and
microsoft-graph-docs #2549, #3925), unless that holds a directory role which manages groups (#9714).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.connections.lease import Superseded
from shared.connections.stages import Stage
from shared.engine.chain import Act
from shared.engine.incarnations import row_key
from shared.engine.ledger import HoldingState
from shared.engine.rows import ByAdministrator, Sighting
from shared.foundation.brand import Brand
from shared.foundation.errors import FootprintError, Missing, Permanent
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record

KEY = "deleted-groups"
GROUPS = ("group-incoming", "group-outgoing")
# What tells whose a group is, and until when it can be restored.
GROUP_FIELDS = "id,displayName,mailNickname,description,deletedDateTime"
# https://learn.microsoft.com/entra/identity/users/groups-restore-deleted
RESTORABLE = timedelta(days=30)
ENDED = "our access has ended; Entra ID deletes them for good 30 days after their removal"


def deleted_groups_row(brand: Brand, serves: tuple[str, ...]) -> ByAdministrator:
    """What an administrator does where Entra ID does not let us; asked for together with the rest, at the end."""
    return ByAdministrator(
        key=KEY,
        title="Deleted groups in the recycle bin",
        why="Entra ID keeps a deleted group for 30 days, and most tenants let only a person delete it before",
        accounts_for=("revoke-groups",),
        permissions=("Group.ReadWrite.All",),
        created_in=Stage.CLEANUP,
        removed_in=Stage.CLEANUP,
        only_if_found=True,
        serves=serves,
        removal=(
            f"In the Entra admin center, under Groups, Deleted groups, select {brand.group_incoming} and "
            f"{brand.group_outgoing}, and choose Delete permanently. Do this before you remove the application, so "
            "that the certificate can say that they are gone. Entra ID deletes them automatically after 30 days."
        ),
        link="https://entra.microsoft.com/#view/Microsoft_AAD_IAM/GroupsManagementMenuBlade/~/DeletedGroups",
        check=look,
    )


async def look(tenant: MicrosoftTenant, _identity: str | None) -> Sighting:
    """Whether groups of ours are in the recycle bin and stay there, whatever we do."""
    application = tenant.ledger.holdings.get("application")
    if application is not None and application.state is HoldingState.GONE:
        return Sighting(present=False, evidence=ENDED)
    found = [await _stays(tenant, key, identity) for key, identity in _ours(tenant).items()]
    told = [f"{one.get('displayName') or 'a group'} is {_until(one)}" for one in found if one is not None]
    return Sighting(present=bool(told), evidence="; ".join(told) or "no group of ours is in the recycle bin")


async def purge(tenant: MicrosoftTenant, key: str, identity: str) -> None:
    """Delete a group of ours from the recycle bin, with the intent in the ledger before and the outcome after."""
    intent = await tenant.ledger.begin(key, Act.PURGE, before={"recycle bin": identity}, after=None)
    try:
        await tenant.graph.delete(f"/v1.0/directory/deletedItems/{identity}")
    except FootprintError as error:
        await tenant.ledger.fail(intent, key, Act.PURGE, str(error))
        raise
    await tenant.ledger.note(
        key, Act.PURGE, identity=identity, text="deleted from the recycle bin for good", intent=intent
    )


async def emptied(tenant: MicrosoftTenant) -> list[dict[str, Any]]:
    """Groups of ours that stay in the tenant's recycle bin, or of which nobody can tell, each with the reason."""
    left: list[dict[str, Any]] = []
    for key, identity in _ours(tenant).items():
        entry = {"key": key, "title": "Group", "identity": identity}
        try:
            found = await _stays(tenant, key, identity)
        except Superseded:
            raise
        except FootprintError as error:
            left.append({**entry, "why": f"may be in the recycle bin: {error.sentence}"})
            continue
        if found is not None:
            left.append({**entry, "why": _until(found)})
    return left


def _ours(tenant: MicrosoftTenant) -> Mapping[str, str]:
    """The ids of the groups of ours that are deleted, of each incarnation, by their keys in the ledger."""
    return {
        key: held.identity
        for key, held in tenant.ledger.holdings.items()
        if row_key(key) in GROUPS and held.state is HoldingState.GONE and held.identity
    }


async def _stays(tenant: MicrosoftTenant, key: str, identity: str) -> Record | None:
    """A group that is in the recycle bin and stays there; what may be deleted for good is. Raises what may pass.

    Once the administrator has been asked it is not tried again: each refusal would be two entries of the ledger.
    """
    found = await _found(tenant, identity)
    asked = tenant.ledger.holdings.get(KEY)
    if found is None or (asked is not None and asked.state is HoldingState.LEAVING):
        return found
    try:
        await purge(tenant, key, identity)
    except (Permanent, Missing):
        return found  # refused; or not found, in one answer that the listing contradicts
    return None


async def _found(tenant: MicrosoftTenant, identity: str) -> Record | None:
    """A group in the recycle bin; None where Entra ID answers, of that very id, that it is not there."""
    try:
        listed = await deleted_groups(tenant)
    except Superseded:
        raise
    except FootprintError:
        listed = []  # the search of the recycle bin says so; its id is asked for
    for one in listed:
        if one["id"] == identity:
            return one
    try:
        return await tenant.graph.get(f"/v1.0/directory/deletedItems/{identity}")
    except Missing:
        return None


def _until(group: Record) -> str:
    deleted = group.get("deletedDateTime")
    until = f"until {datetime.fromisoformat(deleted) + RESTORABLE:%Y-%m-%d}" if deleted else "for up to 30 days"
    return f"in the recycle bin {until}"


async def deleted_groups(tenant: MicrosoftTenant) -> list[Record]:
    """Every group in the recycle bin, read once until forget_reads."""
    path = "/v1.0/directory/deletedItems/microsoft.graph.group"

    async def listed() -> list[Record]:
        pages = tenant.graph.pages(path, **{"$select": GROUP_FIELDS})
        # One without an id is nobody's that we could know.
        return [group async for page in pages for group in page if group.get("id")]

    return await tenant.once(path, listed)
