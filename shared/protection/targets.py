"""Whom policies are about: everyone, whole domains, groups however deep, single users, less the exclusions.

A policy's exclusions are its own: who is excluded from one policy may be protected by another.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from shared.protection import placed
from shared.protection.directory import EVERY_USER, addresses, domains
from shared.protection.memberships import inside, reached_from
from shared.protection.policies import Direction, Policy, listed
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Some users: all of them, those with an address in some domains, those with some ids."""

    everyone: bool
    domains: frozenset[str]
    people: frozenset[str]

    def holds(self, user: str, domains: Collection[str]) -> bool:
        """Whether a user with addresses in some domains is among them."""
        return self.everyone or not self.domains.isdisjoint(domains) or self.names(user)

    def names(self, user: str) -> bool:
        """Whether a user is among them by id or by group, be it one that stands for every user."""
        return user in self.people or EVERY_USER in self.people


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom one policy is about."""

    wanted: Scope
    excluded: Scope

    def holds(self, one: "Reader") -> bool:
        """Whether it is about a user: wanted by a domain of any address, excluded by that of the first alone."""
        return self.wanted.holds(one.id, one.domains) and not self.excluded.holds(one.id, {one.domain})


class Reader(NamedTuple):
    """A user who may be protected: no guest, takes mail, and was not refused by the platform."""

    id: str
    domain: str
    domains: frozenset[str]
    """Of all addresses."""


class Targets:
    """Whom a connection's policies are about. What is asked for is read once: another one of these reads anew."""

    def __init__(self, database: Database, connection_id: ConnectionId) -> None:
        self._database, self._connection = database, connection_id
        self._policies: list[Policy] | None = None
        self._domains: list[dict[str, Any]] | None = None
        self._placed: Mapping[str, set[str]] | None = None
        self._found: dict[tuple[str, Direction], list[str]] = {}

    async def policies(self) -> list[Policy]:
        """All policies in their order."""
        if self._policies is None:
            self._policies = await listed(self._database, self._connection)
        return self._policies

    async def domains(self) -> list[dict[str, Any]]:
        """The tenant's domains, by name."""
        if self._domains is None:
            self._domains = await domains(self._database, self._connection)
        return self._domains

    async def placed(self, key: str) -> frozenset[str]:
        """The ids of those whom we have put into our own group, by the key of its members' row."""
        if self._placed is None:
            self._placed = await placed.listed(self._database, self._connection)
        return frozenset(self._placed.get(key, ()))

    async def names_somebody(self, direction: Direction, *, whole: bool = True) -> bool:
        """Whether the policies of a direction name anybody; without `whole`, anybody but everyone and whole domains."""
        return any(
            policy.groups or policy.users or (whole and (policy.everyone or policy.domains))
            for policy in await self._of(direction)
        )

    async def named_groups(self) -> set[str]:
        """The groups that any policy names, and those in them, however deep, that are known to have members."""
        named = {one for policy in await self.policies() for one in (*policy.groups, *policy.except_groups)}
        return named | (await inside(self._database, self._connection, named)).keys()

    async def covered_users(self, direction: Direction) -> list[str]:
        """The ids of all users whose mail the policies are about, sorted."""
        return await self._once("covered", direction, self._covered_users)

    async def protected_domains(self, direction: Direction) -> list[str]:
        """The domains that are protected as a whole, sorted: both verified and accepted for mail.

        One in which a policy excludes somebody is not: its users are protected one by one.
        """
        return await self._once("domains", direction, self._protected_domains)

    async def protected_users(self, direction: Direction) -> list[str]:
        """The ids of the users who are protected one by one, sorted: by name or group, or because somebody of their
        domain is excluded."""
        return await self._once("users", direction, self._protected_users)

    async def protected_addresses(self, direction: Direction) -> list[str]:
        """The addresses of those users."""
        users = await self.protected_users(direction)
        return list((await addresses(self._database, self._connection, users)).values())

    async def _once(
        self, kind: str, direction: Direction, find: Callable[[Direction], Awaitable[Iterable[str]]]
    ) -> list[str]:
        if (kind, direction) not in self._found:
            self._found[kind, direction] = sorted(await find(direction))
        return self._found[kind, direction]

    async def _covered_users(self, direction: Direction) -> Iterable[str]:
        targets = await self._targets(direction)
        if not targets:
            return []
        readers = await _readers(self._database, self._connection)
        return [one.id for one in readers if any(target.holds(one) for target in targets)]

    async def _protected_domains(self, direction: Direction) -> Iterable[str]:
        targets = await self._targets(direction)
        excluding = any(target.excluded.people for target in targets)
        readers = await _readers(self._database, self._connection) if excluding else []
        usable = await self._usable_domains()
        return {name for target in targets for name in _whole(target, usable, readers)}

    async def _protected_users(self, direction: Direction) -> Iterable[str]:
        targets = await self._targets(direction)
        targets = [target for target in targets if target.wanted.people or target.excluded.people]
        if not targets:
            return []
        readers, usable = await _readers(self._database, self._connection), await self._usable_domains()
        found: set[str] = set()
        for target in targets:
            apart = usable - _whole(target, usable, readers)
            found |= {
                one.id
                for one in readers
                if target.holds(one) and (target.wanted.names(one.id) or not apart.isdisjoint(one.domains))
            }
        return found

    async def _of(self, direction: Direction) -> list[Policy]:
        return [
            policy for policy in await self.policies() if policy.enabled and policy.direction in (direction, "both")
        ]

    async def _targets(self, direction: Direction) -> list[Target]:
        policies = await self._of(direction)
        named = {one for policy in policies for one in (*policy.groups, *policy.except_groups)}
        members = await inside(self._database, self._connection, named)

        def people(groups: Iterable[str], users: Iterable[str]) -> frozenset[str]:
            return frozenset(users) | reached_from(members, groups)

        return [
            Target(
                wanted=Scope(
                    everyone=one.everyone, domains=frozenset(one.domains), people=people(one.groups, one.users)
                ),
                excluded=Scope(
                    everyone=False,
                    domains=frozenset(one.except_domains),
                    people=people(one.except_groups, one.except_users),
                ),
            )
            for one in policies
        ]

    async def _usable_domains(self) -> set[str]:
        """The tenant's domains whose mail can be routed: both verified and accepted for it."""
        return {row["name"] for row in await self.domains() if row["verified"] and row["accepted"]}


def _whole(target: Target, usable: Iterable[str], readers: Iterable[Reader]) -> set[str]:
    """The domains that a policy protects as a whole: nobody with an address there is excluded."""
    named = {name for name in usable if target.wanted.everyone or name in target.wanted.domains}
    broken = {name for one in readers if target.excluded.names(one.id) for name in one.domains}
    return named - target.excluded.domains - broken


async def of_user(
    database: Database, connection_id: ConnectionId, user: str, address: str, policies: Sequence[Policy]
) -> list[Policy]:
    """Those of some policies that are about one user."""
    members = db.members
    above = (
        sa.select(members.c.group_id.label("id"))
        .where(members.c.connection == connection_id, members.c.member_id.in_((user, EVERY_USER)))
        .cte("above", recursive=True)
    )
    above = above.union(
        sa.select(members.c.group_id).where(members.c.connection == connection_id, members.c.member_id == above.c.id)
    )
    async with database.read() as read:
        groups = set((await read.execute(sa.select(above.c.id))).scalars())
        mine = (db.users.c.connection == connection_id, db.users.c.id == user)
        aliases = (await read.execute(sa.select(db.users.c.aliases).where(*mine))).scalar()
    domain = _domain(address)
    domains = {domain, *map(_domain, aliases or ())}
    return [
        policy
        for policy in policies
        if (
            policy.everyone
            or not domains.isdisjoint(policy.domains)
            or user in policy.users
            or not groups.isdisjoint(policy.groups)
        )
        and domain not in policy.except_domains
        and user not in policy.except_users
        and groups.isdisjoint(policy.except_groups)
    ]


async def members_of_all(
    database: Database, connection_id: ConnectionId, named: Collection[str]
) -> dict[str, tuple[list[str], set[str]]]:
    """Groups that are named by id or address, in small letters: by id, their names and all members' addresses."""
    table = db.groups
    async with database.read() as read:
        rows = await read.execute(sa.select(table.c.id, table.c.mail).where(table.c.connection == connection_id))
        names = {row.id: [one for one in (row.id, row.mail) if one] for row in rows}
    wanted = {group for group, some in names.items() if {one.lower() for one in some} & set(named)}
    mails = dict[str, str]()
    members = await inside(database, connection_id, wanted, mails)
    reached = {group: reached_from(members, [group]) for group in wanted}
    return {group: (names[group], {mails[one] for one in some if one in mails}) for group, some in reached.items()}


async def _readers(database: Database, connection_id: ConnectionId) -> list[Reader]:
    users = db.users
    query = sa.select(users.c.id, users.c.mail, users.c.aliases).where(
        users.c.connection == connection_id,
        users.c.receives.is_(True),
        users.c.skipped.is_(None),
        sa.func.coalesce(users.c.kind, "Member") != "Guest",
    )
    async with database.read() as read:
        return [
            Reader(id=row.id, domain=_domain(row.mail or ""), domains=frozenset(map(_domain, _addresses(row))))
            for row in await read.execute(query)
        ]


def _addresses(row: Any) -> list[str]:
    return [row.mail or "", *(row.aliases or ())]


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
