"""What a batch would do to all connections that match, before it is begun. Changes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.connections import search
from shared.connections.record import Connection
from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.engine.forecast import Timing
from shared.engine.steps import Verb
from shared.flows import policies
from shared.flows.app import App
from shared.flows.batch_records import Operation, Order
from shared.flows.plans import foreseen
from shared.foundation.errors import Refused
from shared.protection import policies as stored
from shared.protection import quarantine
from shared.protection.policies import Policy
from shared.storage.ids import ConnectionId

# The most in one batch.
MAX_CONNECTIONS = 2000
# Why a connection would refuse a policy, by the code of its refusal.
REFUSES_POLICY = {
    "being_revoked": "being revoked",
    "not_possible_here": "mail is inspected on its way, so a policy has no conditions and no actions",
    "no_scanner": "this deployment has no scanner to ask",
    "not_valid": "the tenant lacks a group, person or domain that the policy names",
    "until_is_past": "the policy's report only has ended already",
    "too_many_policies": f"has {stored.MAX_POLICIES} policies already",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a batch would do: to which, which refuse by why, and what goes; `replaced`: policies of that name."""

    order: Order
    connections: tuple[ConnectionId, ...]
    ready: int
    refused: Mapping[str, Sequence[Connection]]
    deletions: Mapping[str, int]
    replaced: int

    @property
    def matches(self) -> int:
        """How many connections match."""
        return len(self.connections)


async def plan(app: App, wanted: Wanted, order: Order) -> Plan:
    """What a batch would do, by the ledgers and by our copies of the directories."""
    found = await matching(app, wanted)
    refused, deletions, replaced = dict[str, list[Connection]](), Counter[str](), 0
    revokes = order.operation is Operation.REVOKE
    holding = await quarantine.holding(app.database, search.ids(wanted)) if revokes and not order.acknowledged else ()
    names = await stored.names(app.database, search.ids(wanted)) if order.policy else {}
    for connection in found:
        why = _refusal(connection, order.operation, holds_mail=connection.id in holding)
        if order.policy:
            there = names.get(connection.id, frozenset())
            why = await _refuses(app, connection, order.policy, there)
            replaced += not why and order.policy.name in there
        if why:
            refused.setdefault(why, []).append(connection)
        elif revokes and connection.tenant is not None:
            lines = await foreseen(app, connection, "revoke")
            deletions.update(line.when for line in lines if line.verb is Verb.REMOVE or line.timing is Timing.LATER)
    return Plan(
        order=order,
        connections=tuple(sorted(one.id for one in found)),
        ready=len(found) - sum(map(len, refused.values())),
        refused=refused,
        deletions=deletions,
        replaced=replaced,
    )


async def matching(app: App, wanted: Wanted) -> list[Connection]:
    """The connections that match. Raises Refused 400 `too_many_connections`."""
    found = await search.every(app.database, wanted, most=MAX_CONNECTIONS + 1)
    if len(found) > MAX_CONNECTIONS:
        raise Refused(
            400, "too_many_connections", f"where: more than {MAX_CONNECTIONS} connections match. Narrow the filter."
        )
    return found


def _refusal(connection: Connection, operation: Operation, *, holds_mail: bool) -> str:
    """Why a connection would refuse, or empty."""
    match operation:
        case Operation.SYNC | Operation.REPAIR if connection.stage is not Stage.RUN:
            return "not running"
        case Operation.CHECK if connection.stage is Stage.NEW:
            return "no consent yet"
        case Operation.RENEW_INVITATION if connection.stage is not Stage.NEW:
            return "not awaiting consent"
        case Operation.REVOKE if connection.stage > Stage.RUN:
            return "revoked already"
        case Operation.REVOKE if holds_mail:
            return "quarantine not empty"
    return ""


async def _refuses(app: App, connection: Connection, policy: Policy, there: frozenset[str]) -> str:
    """Why a connection would refuse a policy, or empty; `there`: the names of those that it has."""
    try:
        await policies.acceptable(app, connection, policy)
    except Refused as error:
        return REFUSES_POLICY[error.code]
    full = len(there) >= stored.MAX_POLICIES and policy.name not in there
    return REFUSES_POLICY["too_many_policies"] if full else ""
