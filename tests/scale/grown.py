"""A small simulated customer that becomes a large one overnight, and what our copy of it must hold then."""

from collections.abc import Mapping
from random import Random
from typing import Any

import sqlalchemy as sa

from infra.local.simulators import Simulators
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.microsoft.tenant import Tenant
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

DOMAIN = "large.example"
# Members of a group; policies name the first one, which has more than a page of Google's.
MEMBERS, NAMED_MEMBERS = 5, 300


def grow(sims: Simulators, platform: str, users: int, groups: int, random: Random) -> None:
    """Have so many users and groups, those that were there included; the groups that were there keep their members."""
    if platform == "google":
        customer = sims.google.customer(DOMAIN)
        assert customer is not None
        _grow_google(customer, users, groups, random)
    else:
        tenant = next(one for one in sims.microsoft.tenants.values() if one.domain == DOMAIN)
        _grow_microsoft(tenant, users, groups, random)


def _grow_google(customer: Customer, users: int, groups: int, random: Random) -> None:
    user = next(one for one in customer.users.values() if not one["isAdmin"])
    group = next(iter(customer.groups.values()))
    for number in range(len(customer.users), users):
        key, address = customer.key_of(f"grown {number}"), f"grown{number:06}@{DOMAIN}"
        name = {"givenName": "User", "familyName": str(number), "fullName": f"User {number}"}
        customer.users[key] = {**user, "id": key, "primaryEmail": address, "name": name, "nonEditableAliases": ()}
    customer.users = dict(sorted(customer.users.items()))
    keys = list(customer.users)
    member = {"role": "MEMBER", "type": "USER", "status": "ACTIVE"}
    for number in range(len(customer.groups), groups):
        key, address = customer.key_of(f"group {number}"), f"list{number:06}@{DOMAIN}"
        customer.groups[key] = {**group, "id": key, "email": address, "name": f"List {number}"}
        some = random.sample(keys, MEMBERS)
        customer.members[key] = {
            one: {**member, "id": one, "email": customer.users[one]["primaryEmail"]} for one in some
        }


def _grow_microsoft(tenant: Tenant, users: int, groups: int, random: Random) -> None:
    user, group = next(iter(tenant.users.values())), next(iter(tenant.groups.values()))
    for number in range(len(tenant.users), users):
        key, address = _guid(1, number), f"grown{number:06}@{DOMAIN}"
        named = {"displayName": f"User {number}", "userPrincipalName": address, "mail": address}
        tenant.users[key] = {**user, **named, "id": key, "mailNickname": f"grown{number}", "proxyAddresses": []}
    tenant.users = dict(sorted(tenant.users.items()))
    keys = list(tenant.users)
    for number in range(len(tenant.groups), groups):
        key, alias = _guid(2, number), f"list{number:06}"
        named = {"displayName": f"List {number}", "mailNickname": alias, "mail": f"{alias}@{DOMAIN}"}
        tenant.groups[key] = {**group, **named, "id": key, "proxyAddresses": []}
        tenant.members[key] = frozenset(random.sample(keys, MEMBERS))
        tenant.owners[key] = frozenset()


def _guid(kind: int, number: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def directory(sims: Simulators, platform: str, own: frozenset[str]) -> dict[str, set[Any]]:
    """What the tenant holds, but for our own groups."""
    if platform == "google":
        customer = sims.google.customer(DOMAIN)
        assert customer is not None
        users, groups = customer.users.items(), customer.groups
        mails = {(key, one["primaryEmail"]) for key, one in users}
        held: Mapping[str, Any] = customer.members
    else:
        tenant = next(one for one in sims.microsoft.tenants.values() if one.domain == DOMAIN)
        groups, held = tenant.groups, tenant.members
        mails = {(key, one["mail"]) for key, one in tenant.users.items()}
    theirs = groups.keys() - own
    return {
        "users": mails,
        "groups": set(theirs),
        "members": {(group, member) for group in theirs for member in held.get(group, ())},
    }


async def copied(database: Database, connection_id: ConnectionId) -> dict[str, set[Any]]:
    """What our copy holds, in the same shape."""
    found: dict[str, set[Any]] = {}
    queries = {
        "users": sa.select(db.users.c.id, db.users.c.mail).where(db.users.c.connection == connection_id),
        "groups": sa.select(db.groups.c.id).where(db.groups.c.connection == connection_id),
        "members": sa.select(db.members.c.group_id, db.members.c.member_id).where(
            db.members.c.connection == connection_id
        ),
    }
    async with database.read() as read:
        for name, query in queries.items():
            rows = await read.execute(query)
            found[name] = {row[0] if len(row) == 1 else tuple(row) for row in rows}
    return found
