"""Administrator-set policies: whose mail is protected, which messages are meant, and what happens to those."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypedDict

import sqlalchemy as sa
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from shared.connections.record import Connection, hold
from shared.engine import chain
from shared.foundation.errors import Refused
from shared.protection.inspection.conditions import Conditions
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

Direction = Literal["incoming", "outgoing"]
Action = Literal["label", "spam", "quarantine", "trash", "pass"]
# A message is in one place only, so a policy names one of these at most.
PLACES = frozenset[Action]({"spam", "quarantine", "trash", "pass"})
# More would be read for every message, and by nobody.
MAX_POLICIES = 200

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$")]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Domain = Annotated[str, StringConstraints(min_length=1, max_length=253, to_lower=True)]


class Policy(BaseModel):
    """One policy: whose mail, in which direction, which messages of it, and what happens to them.

    Groups and users are named by the platform's ids. An exclusion goes before everything else that names a person. The
    first matching policy applies, by `order` and then by name; a policy without conditions matches nothing, and only
    defines who is protected. With `report_only` nothing happens to a message: reports count what would have, and later
    policies apply. At `report_only_until` a person is asked, and it still only reports; or it acts from then on, if
    `afterwards` says so.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "invoices",
                    "order": 10,
                    "direction": "incoming",
                    "everyone": True,
                    "conditions": {"subjects": ["overdue invoice"], "links": ["example.com"]},
                    "actions": ["label"],
                }
            ]
        },
    )

    name: Name
    order: int = Field(100, ge=0, le=10_000)
    enabled: bool = True
    report_only: bool = False
    report_only_until: AwareDatetime | None = None
    afterwards: Literal["ask", "act"] = "ask"
    direction: Literal["incoming", "outgoing", "both"] = "both"
    everyone: bool = False
    domains: list[Domain] = Field(default=[], max_length=500)
    groups: list[Id] = Field(default=[], max_length=500)
    users: list[Id] = Field(default=[], max_length=5000)
    except_domains: list[Domain] = Field(default=[], max_length=500)
    except_groups: list[Id] = Field(default=[], max_length=500)
    except_users: list[Id] = Field(default=[], max_length=1000)
    conditions: Conditions = Conditions()
    actions: list[Action] = Field(default=[], max_length=2)

    @field_validator("actions")
    @classmethod
    def _together(cls, actions: list[Action]) -> list[Action]:
        if len(set(actions)) != len(actions) or len(PLACES.intersection(actions)) > 1:
            raise ValueError("name each once, and at most one of spam, quarantine, trash and pass")
        if len(actions) > 1 and "pass" in actions:
            raise ValueError("what is passed is left alone, so pass goes with no other")
        return actions

    @field_validator("report_only_until")
    @classmethod
    def _in_utc(cls, until: datetime | None) -> datetime | None:
        return until and until.astimezone(UTC)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.report_only_until and not self.report_only:
            raise ValueError("report_only_until goes with report_only")
        if self.afterwards == "act" and not self.report_only_until:
            raise ValueError("afterwards is act only with report_only_until")
        return self

    @property
    def means_messages(self) -> bool:
        """Whether it has conditions at all."""
        return bool(self.conditions.kinds)

    @property
    def takes_everyones_mail(self) -> bool:
        """Whether it takes messages out of everybody's mailbox, now or when its report only ends."""
        return (
            self.everyone
            and self.acts
            and not (self.report_only and self.afterwards == "ask")
            and not {"quarantine", "trash"}.isdisjoint(self.actions)
        )

    @property
    def acts(self) -> bool:
        """Whether something is to be done to some of the messages that come in."""
        return self.enabled and self.direction != "outgoing" and bool(self.actions) and self.means_messages


ENDS = ("report_only_until", "afterwards")
# What a new connection protects until an administrator says otherwise.
EVERYONE = Policy(name="everyone", everyone=True)


def in_order(policies: Sequence[Policy]) -> list[Policy]:
    """The one that decides first first."""
    return sorted(policies, key=lambda policy: (policy.order, policy.name))


async def listed(database: Database, connection_id: ConnectionId) -> list[Policy]:
    """A connection's policies in their order."""
    async with database.read() as read:
        return await _listed(read, connection_id)


async def _listed(read: AsyncConnection, connection_id: ConnectionId) -> list[Policy]:
    rows = await read.execute(sa.select(db.policies.c.content).where(db.policies.c.connection == connection_id))
    return in_order([Policy.model_validate(row.content) for row in rows])


async def names(database: Database, connections: sa.Select[ConnectionId]) -> dict[ConnectionId, frozenset[str]]:
    """The names of the policies of some connections."""
    table, found = db.policies.c, dict[ConnectionId, set[str]]()
    async with database.read() as read:
        for connection, name in await read.execute(
            sa.select(table.connection, table.name).where(table.connection.in_(connections))
        ):
            found.setdefault(connection, set()).add(name)
    return {connection: frozenset(them) for connection, them in found.items()}


async def find(database: Database, connection_id: ConnectionId, name: str) -> Policy | None:
    """One policy, or None."""
    async with database.read() as read:
        return await _find(read, connection_id, name)


async def _find(read: AsyncConnection, connection_id: ConnectionId, name: str) -> Policy | None:
    content = (await read.execute(sa.select(db.policies.c.content).where(*_row(connection_id, name)))).scalar()
    return None if content is None else Policy.model_validate(content)


def _row(connection_id: ConnectionId, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return db.policies.c.connection == connection_id, db.policies.c.name == name


def stored(policy: Policy) -> dict[str, Any]:
    """A policy as it is kept. The code of before knows no end: one without is written as that code would."""
    newer = {name for name in ENDS if getattr(policy, name) == Policy.model_fields[name].default}
    return policy.model_dump(mode="json", exclude=newer)


async def put(write: AsyncConnection, connection_id: ConnectionId, policy: Policy, *, same_end: bool = False) -> None:
    """Create or replace a policy inside the caller's transaction; `same_end`: when its report only ends is as before.

    An end is carried out once: an end that is given again must not come a second time.
    """
    row = {
        "connection": connection_id,
        "name": policy.name,
        "content": stored(policy),
        "ends": policy.report_only_until,
    }
    await write.execute(upsert(write, db.policies, ("content",) if same_end else None).values(row))


Check = Callable[[Any | None], None]
"""Given a policy as JSON, or None where there is none: raises if it must not be changed."""


async def change(
    database: Database, connection: Connection, policy: Policy, check: Check, *, actor: str, now: datetime
) -> bool:
    """Create or replace a policy if `check` agrees with what is there; True if there was none.

    Nobody else changes the connection's policies meanwhile. Raises Refused if there are too many.
    """
    async with database.write() as write:
        await hold(write, connection.id)
        before = await _find(write, connection.id, policy.name)
        check(before and before.model_dump(mode="json"))
        if before is None:
            count = sa.select(sa.func.count()).where(db.policies.c.connection == connection.id)
            if (await write.execute(count)).scalar_one() >= MAX_POLICIES:
                raise Refused(409, "too_many_policies", f"A connection has at most {MAX_POLICIES} policies.")
        same_end = before is not None and before.report_only_until == policy.report_only_until
        await put(write, connection.id, policy, same_end=same_end)
        note = "policy made" if before is None else "policy changed"
        changed = images(before, policy)
        await chain.order(write, connection, now, actor, note, key=key(policy.name), runs=True, **changed)
    return before is None


async def delete(
    database: Database, connection: Connection, name: str, check: Check, *, actor: str, now: datetime
) -> bool:
    """Delete a policy if `check` agrees with what is there; False if there is none."""
    async with database.write() as write:
        await hold(write, connection.id)
        before = await _find(write, connection.id, name)
        if before is None:
            return False
        check(before.model_dump(mode="json"))
        await write.execute(sa.delete(db.policies).where(*_row(connection.id, name)))
        gone = images(before, None)
        await chain.order(write, connection, now, actor, "policy deleted", key=key(name), runs=True, **gone)
    return True


# Between two policies that were put in order there is room for others.
ORDER_STEP = 10


def places(policies: Sequence[Policy]) -> list[tuple[str, int]]:
    """The order of some policies, as its authors see it."""
    return [(policy.name, policy.order) for policy in policies]


async def move(
    database: Database, connection: Connection, name: str, by: int, check: Check, *, actor: str, now: datetime
) -> bool:
    """Move a policy by so many places in the order, if `check` agrees with the `places` as they are.

    False if there is none. The orders of the others follow, and each change is in the ledger.
    """
    async with database.write() as write:
        await hold(write, connection.id)
        policies = await _listed(write, connection.id)
        place = next((place for place, policy in enumerate(policies) if policy.name == name), None)
        if place is None:
            return False
        check(places(policies))
        policies.insert(max(place + by, 0), policies.pop(place))
        for number, before in enumerate(policies, 1):
            after = before.model_copy(update={"order": number * ORDER_STEP})
            if after != before:
                await put(write, connection.id, after, same_end=True)
                moved = images(before, after)
                about = key(after.name)
                await chain.order(write, connection, now, actor, "policy moved", key=about, runs=True, **moved)
    return True


class Images(TypedDict):
    before: chain.Image | None
    after: chain.Image | None


def key(name: str) -> str:
    """Under which the ledger has a policy."""
    return f"policy {name}"


def images(before: Policy | None, after: Policy | None) -> Images:
    """What the ledger says of a change: only what differs, and of a new policy only what is said in it."""
    was, now = (policy.model_dump(mode="json", exclude_defaults=True) if policy else {} for policy in (before, after))
    differ = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return Images(
        before={name: was.get(name) for name in differ} if before else None,
        after={name: now.get(name) for name in differ} if after else None,
    )


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete every policy of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.policies).where(db.policies.c.connection == connection_id))
