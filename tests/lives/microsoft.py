"""A Microsoft 365 tenant as the judge reads it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from infra.local.simulators.microsoft.tenant import VOLATILE
from tests.harness.world import World
from tests.lives.judge import Contents, Tenancy, Thing

RESTORABLE = timedelta(days=30)


def tenancy(world: World, tenant_id: str) -> Tenancy:
    """The tenant's things."""
    microsoft = world.sims.microsoft

    def things() -> Contents:
        tenant = microsoft.tenants[tenant_id]
        found: dict[Thing, Mapping[str, Any]] = {("rule", rule["Guid"]): rule for rule in tenant.rules}
        found |= {("inbound", key): one for key, one in tenant.inbound_connectors.items()}
        found |= {("outbound", key): one for key, one in tenant.outbound_connectors.items()}
        found |= {("pair", key): one for key, one in tenant.spoof_items.items()}
        found |= {("group", key): {**one, "members": tenant.members.get(key)} for key, one in tenant.groups.items()}
        found |= {("group", key): {**one, "bin": True} for key, one in tenant.deleted.items() if _is_group(one)}
        found |= {("user", key): one for key, one in tenant.users.items()}
        found |= {("domain", key): one for key, one in tenant.domains.items()}
        found |= {("address", entry): {"entry": entry} for entry in tenant.connection_filter["IPAllowList"]}
        return found

    return Tenancy(
        things=things,
        volatile=VOLATILE | {"Priority", "@members", "@owners", "@odata.type"},
        intents={
            "rule": ("rule-",),
            "inbound": ("inbound-",),
            "outbound": ("outbound-",),
            "group": ("group-",),
            "pair": ("spoof",),
            "address": ("ip-allow/",),
        },
        only_one=_only_one,
        goes_by_itself=lambda one: bool(one.get("bin")) and world.clock.now() > _deleted(one) + RESTORABLE,
    )


def _is_group(record: Mapping[str, Any]) -> bool:
    return str(record["@odata.type"]).endswith("group")


def _deleted(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(record["deletedDateTime"])


def _only_one(thing: Thing, record: Mapping[str, Any]) -> str | None:
    return str(record["mailNickname"]).rpartition("-")[0] if thing[0] == "group" and not record.get("bin") else None
