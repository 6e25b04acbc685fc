"""Administrator-set policies: who is protected, and what that means for domains and users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from shared import tables as db
from shared.database import AsyncConnection, Database, upsert
from shared.directory import EVERY_USER

Direction = Literal["incoming", "outgoing"]


class Policy(BaseModel):
    """One policy: whose mail, in which direction, and what happens to the messages that it means.

    Groups and users are named by the platform's ids. A message is meant if its sender is one of `senders`
    (addresses, or domains with all below them) or its subject holds one of `subjects`, whatever the letter case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")
    direction: Literal["incoming", "outgoing", "both"] = "both"
    enabled: bool = True
    everyone: bool = False
    domains: list[str] = Field(default=[], max_length=500)
    groups: list[str] = Field(default=[], max_length=500)
    users: list[str] = Field(default=[], max_length=5000)
    senders: list[Annotated[str, Field(min_length=3, max_length=320)]] = Field(default=[], max_length=1000)
    subjects: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(default=[], max_length=200)
    actions: list[Literal["label"]] = Field(default=[], max_length=1)

    def means(self, sender: str, subject: str) -> bool:
        """Whether a message with this sender's address and this subject is one of those that the policy is about."""
        address, text = sender.casefold(), subject.casefold()
        domain = address.rpartition("@")[2]
        named = (name.casefold() for name in self.senders)
        from_them = any(name == address or f".{domain}".endswith(f".{name.lstrip('@')}") for name in named)
        return from_them or any(word.casefold() in text for word in self.subjects)


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
    await write.execute(upsert(write, db.policies).values(connection=connection, **policy.model_dump()))


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


def _named(named: Targets, reached: sa.CTE) -> sa.ColumnElement[bool]:
    """The users that are named one by one or reached through a group, be it one that stands for every user."""
    everyone = sa.select(sa.literal(1)).where(reached.c.id == EVERY_USER).exists()
    return sa.or_(db.users.c.id.in_(named.users), db.users.c.id.in_(sa.select(reached.c.id)), everyone)


async def protected_users(database: Database, connection: str, direction: Direction) -> list[str]:
    """The ids of the users that the policies name one by one or by group, sorted; groups are expanded, nested too.

    Guests, users who take no mail and users whom the platform would not take are left out.
    """
    named = await targets(database, connection, direction)
    return await _users(database, connection, _named(named, _reached(connection, named)))


async def covered_users(database: Database, connection: str, direction: Direction) -> list[str]:
    """The ids of all users whose mail the policies are about, sorted: by everyone and by domain as well."""
    named = await targets(database, connection, direction)
    if named.everyone:
        return await _users(database, connection, sa.true())
    mail, reached = sa.func.lower(db.users.c.mail), _reached(connection, named)
    whole = [mail.endswith(f"@{name}", autoescape=True) for name in sorted(named.domains)]
    return await _users(database, connection, sa.or_(_named(named, reached), *whole))


def _reached(connection: str, named: Targets) -> sa.CTE:
    """Whoever is a member of a named group, however deep."""
    members = db.members
    reached = (
        sa.select(members.c.member_id.label("id"))
        .where(members.c.connection == connection, members.c.group_id.in_(named.groups))
        .cte("reached", recursive=True)
    )
    # UNION, not UNION ALL: groups may contain each other.
    return reached.union(
        sa.select(members.c.member_id).where(members.c.connection == connection, members.c.group_id == reached.c.id)
    )


async def _users(database: Database, connection: str, which: sa.ColumnElement[bool]) -> list[str]:
    users = db.users
    query = sa.select(users.c.id).where(
        users.c.connection == connection,
        which,
        users.c.receives.is_(True),
        users.c.skipped.is_(None),
        sa.func.coalesce(users.c.kind, "Member") != "Guest",
    )
    async with database.read() as read:
        return list((await read.execute(query.order_by(users.c.id))).scalars())


async def of_user(
    database: Database, connection: str, user: str, address: str, policies: Sequence[Policy]
) -> list[Policy]:
    """Those of some policies that are about one user, by name, domain or any group the user is in."""
    members = db.members
    above = (
        sa.select(members.c.group_id.label("id"))
        .where(members.c.connection == connection, members.c.member_id.in_((user, EVERY_USER)))
        .cte("above", recursive=True)
    )
    above = above.union(
        sa.select(members.c.group_id).where(members.c.connection == connection, members.c.member_id == above.c.id)
    )
    async with database.read() as read:
        groups = set((await read.execute(sa.select(above.c.id))).scalars())
    domain = address.rpartition("@")[2].lower()
    return [
        policy
        for policy in policies
        if policy.everyone
        or user in policy.users
        or domain in {name.lower() for name in policy.domains}
        or groups & set(policy.groups)
    ]


async def forget(database: Database, connection: str) -> None:
    """Delete every policy of a connection."""
    async with database.write() as write:
        await write.execute(sa.delete(db.policies).where(db.policies.c.connection == connection))
