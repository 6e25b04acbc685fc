"""Where a deleted group lies for 30 days: ours are deleted from it for good, as far as an application may do that."""

from collections.abc import Mapping
from typing import Any

from shared.connections.lease import Superseded
from shared.engine.chain import Act
from shared.foundation.errors import FootprintError, Missing
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record

# What tells whose a group is.
GROUP_FIELDS = "id,displayName,mailNickname,description"


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


async def emptied(tenant: MicrosoftTenant, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Groups of ours that lie in the tenant's recycle bin; tried once more to be emptied, listed if they stay."""
    left: list[dict[str, Any]] = []
    try:
        listed = {one["id"] for one in await deleted_groups(tenant)}
    except FootprintError:
        listed = set()  # the search of the recycle bin says so
    for key, identity in identities.items():
        try:
            if identity not in listed:
                await tenant.graph.get(f"/v1.0/directory/deletedItems/{identity}")
            await purge(tenant, key, identity)
        except Missing as error:
            if identity not in listed:
                continue
            left.append(_lies(key, identity, error))
        except Superseded:
            raise
        except FootprintError as error:
            left.append(_lies(key, identity, error))
    return left


def _lies(key: str, identity: str, error: FootprintError) -> dict[str, Any]:
    why = f"in the recycle bin for up to 30 days ({error.code})"
    return {"key": key, "title": "Group", "identity": identity, "why": why}


async def deleted_groups(tenant: MicrosoftTenant) -> list[Record]:
    """Every group in the recycle bin, read once until forget_reads."""
    path = "/v1.0/directory/deletedItems/microsoft.graph.group"

    async def listed() -> list[Record]:
        pages = tenant.graph.pages(path, **{"$select": GROUP_FIELDS})
        return [group async for page in pages for group in page]

    return await tenant.once(path, listed)
