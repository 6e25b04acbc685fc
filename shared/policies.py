"""Administrator-set policies: who is protected, and what that means for domains and users."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import database as db
from shared.database import Database

Direction = Literal["incoming", "outgoing"]


class Policy(BaseModel):
    """One policy: whose mail, in which direction. Groups and users are named by the platform's ids."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")
    direction: Literal["incoming", "outgoing", "both"] = "both"
    enabled: bool = True
    everyone: bool = False
    domains: list[str] = Field(default=[], max_length=500)
    groups: list[str] = Field(default=[], max_length=500)
    users: list[str] = Field(default=[], max_length=5000)


# What a new connection protects until an administrator says otherwise.
EVERYONE = Policy(name="everyone", everyone=True)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Whom the enabled policies of one direction name, taken together."""

    everyone: bool
    domains: frozenset[str]
    groups: frozenset[str]
    users: frozenset[str]


async def listed(database: Database, connection: str) -> list[Policy]:
    """A connection's policies by name."""
    table = db.policies
    async with database.read() as read:
        rows = await read.execute(sa.select(table).where(table.c.connection == connection).order_by(table.c.name))
        return [_policy(row) for row in rows]


async def put(write: AsyncConnection, connection: str, policy: Policy) -> None:
    """Create or replace a policy inside the caller's transaction."""
    await delete(write, connection, policy.name)
    await write.execute(sa.insert(db.policies).values(connection=connection, **policy.model_dump()))


async def delete(write: AsyncConnection, connection: str, name: str) -> bool:
    """Delete a policy inside the caller's transaction; False if there was none."""
    table = db.policies
    gone = await write.execute(sa.delete(table).where(table.c.connection == connection, table.c.name == name))
    return bool(gone.rowcount)


def _policy(row: Any) -> Policy:
    values = dict(row._mapping)
    del values["connection"]
    return Policy(**values)


async def targets(database: Database, connection: str, direction: Direction) -> Targets:
    """Whom the enabled policies of a direction name."""
    matching = [
        policy
        for policy in await listed(database, connection)
        if policy.enabled and policy.direction in (direction, "both")
    ]
    return Targets(
        everyone=any(policy.everyone for policy in matching),
        domains=frozenset(name.lower() for policy in matching for name in policy.domains),
        groups=frozenset(group for policy in matching for group in policy.groups),
        users=frozenset(user for policy in matching for user in policy.users),
    )


async def protected_domains(database: Database, connection: str, direction: Direction) -> list[str]:
    """The tenant's usable domains that the policies name, sorted: both verified and accepted for mail."""
    named = await targets(database, connection, direction)
    table = db.domains
    usable = sa.select(table.c.name).where(
        table.c.connection == connection, table.c.verified.is_(True), table.c.accepted.is_(True)
    )
    async with database.read() as read:
        names = [row.name for row in await read.execute(usable.order_by(table.c.name))]
    return [name for name in names if named.everyone or name in named.domains]


async def protected_users(database: Database, connection: str, direction: Direction) -> list[str]:
    """The ids of the users that the policies name, sorted; groups are expanded, nested ones too.

    Guests and users without a mail address are left out, as are users that the platform would not take.
    """
    named = await targets(database, connection, direction)
    members, users = db.members, db.users
    reached = (
        sa.select(members.c.member_id.label("id"))
        .where(members.c.connection == connection, members.c.group_id.in_(named.groups))
        .cte("reached", recursive=True)
    )
    # UNION, not UNION ALL: groups may contain each other.
    reached = reached.union(
        sa.select(members.c.member_id).where(members.c.connection == connection, members.c.group_id == reached.c.id)
    )
    query = sa.select(users.c.id).where(
        users.c.connection == connection,
        sa.or_(users.c.id.in_(named.users), users.c.id.in_(sa.select(reached.c.id))),
        users.c.mail.is_not(None),
        users.c.skipped.is_(None),
        sa.func.coalesce(users.c.kind, "Member") != "Guest",
    )
    async with database.read() as read:
        return [row.id for row in await read.execute(query.order_by(users.c.id))]
