"""The last look at a tenant: every object that the ledger knows is looked at once more, whatever is believed of it.

Then each kind of object is searched by our mark, name and addresses, for what was never recorded: a copy that somebody
made, or what a call of ours made whose answer was lost. Such a thing is told and left, for it may be anybody's.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.connections.lease import Superseded
from shared.engine.certificate import KeptObject, LastLook, Leftover, Looked
from shared.engine.ledger import NOT_OURS, HoldingState
from shared.engine.rows import Change, Present, Row
from shared.engine.steps import Tenant, known
from shared.foundation.errors import FootprintError

Sign = Literal["mark", "name", "addresses"]
BEARS: dict[Sign, str] = {
    "mark": "bears our mark, not recorded",
    "name": "bears a name of ours but not our mark, not recorded",
    "addresses": "names our addresses but does not bear our mark, not recorded",
}
LISTED = "is still listed, though the platform said that it is gone"


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """An object in a tenant that bears a sign of ours. `name` is the one that people see."""

    identity: str
    name: str
    sign: Sign


@dataclass(frozen=True, kw_only=True)
class Search:
    """One kind of object, and how an open tenant's complete listing of it is searched for our signs."""

    key: str
    title: str
    bearers: Callable[[Any], Awaitable[Sequence[Bearer]]]


async def look(rows: Sequence[Row], searches: Sequence[Search], tenant: Tenant) -> LastLook:
    """What of ours is still there, and what could not be looked at; for each kind when and how it was looked at."""
    tenant.forget_reads()
    begun = tenant.now
    left: list[Leftover] = []
    unknown: list[Leftover] = []
    looked: dict[str, Looked] = {}
    for item in known(rows, tenant.ledger):
        row, held = item.row, tenant.ledger.holdings[item.key]
        if not isinstance(row, Change) or held.state in NOT_OURS or held.identity is None:
            continue
        if row.offered and held.state is not HoldingState.GONE:
            continue  # stays, as published, because its removal was not requested
        entry: KeptObject = {"key": item.key, "title": row.title, "identity": held.identity}
        kind = looked.setdefault(row.key, _kind(row, begun))
        try:
            observed = await row.resource.observe(tenant, item.element, held.identity)
        except Superseded:
            raise
        except FootprintError as error:
            unknown.append({**entry, "why": error.sentence})
            kind["found"] = "could not be checked"
            continue
        if isinstance(observed, Present):
            left.append({**entry, "why": "still there"})
            kind["found"] = "still there"
    found = await search(searches, tenant, begun)
    seen = {one["identity"] for one in left}
    return LastLook(
        left=[*left, *(one for one in found.left if one["identity"] not in seen)],
        unknown=[*unknown, *found.unknown],
        looked=[*looked.values(), *found.looked],
        unrecorded=found.unrecorded,
    )


async def search(searches: Sequence[Search], tenant: Tenant, at: datetime) -> LastLook:
    """What bears a sign of ours under an id that no holding knows; `looked` has a line for each search.

    What is listed under an id that is recorded as gone is `left`: the answer by which it was believed gone was wrong.
    """
    # An object's own holding comes before those of its parts, which bear its identity too.
    recorded = {held.identity: held for held in reversed(tenant.ledger.holdings.values())}
    left: list[Leftover] = []
    unrecorded: list[Leftover] = []
    unknown: list[Leftover] = []
    looked: list[Looked] = []
    for one in searches:
        line: Looked = {
            "key": one.key,
            "title": one.title,
            "at": at.isoformat(),
            "how": "by our mark, name and addresses: the whole list was searched",
            "found": "nothing that is not recorded",
        }
        looked.append(line)
        try:
            listed = await one.bearers(tenant)
        except Superseded:
            raise
        except FootprintError as error:
            unknown.append({"key": one.key, "title": one.title, "why": error.sentence})
            line["found"] = "could not be searched"
            continue
        bearers = [bearer for bearer in listed if bearer.identity not in recorded]
        left += [
            {"key": recorded[bearer.identity].key, "title": bearer.name, "identity": bearer.identity, "why": LISTED}
            for bearer in listed
            if bearer.identity in recorded and recorded[bearer.identity].state is HoldingState.GONE
        ]
        unrecorded += [
            {"key": one.key, "title": bearer.name, "identity": bearer.identity, "why": BEARS[bearer.sign]}
            for bearer in bearers
        ]
        if bearers:
            line["found"] = "something that is not recorded"
    return LastLook(left=left, unknown=unknown, looked=looked, unrecorded=unrecorded)


def _kind(row: Change, begun: datetime) -> Looked:
    if row.local:
        how = "in our own database"
    elif row.elements is not None:
        how = "by listing: the whole list was read, for each element that was ours"
    else:
        how = "by identity: the platform was asked for the recorded object"
    return {"key": row.key, "title": row.title, "at": begun.isoformat(), "how": how, "found": "nothing of ours"}
