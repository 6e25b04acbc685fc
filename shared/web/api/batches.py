"""One operation on many connections: planned, begun with a confirmed count, followed and stopped."""

import hashlib
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.flows import batch_plans, batch_records, batches
from shared.flows.app import App
from shared.flows.batch_records import Batch, ItemState, Operation, Order
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from shared.protection.policies import Policy
from shared.web.api import refuses
from shared.web.http import Accepted, Json, Request, Strict, accepted, as_json, etag
from shared.web.preconditions import holds
from shared.web.saved_plans import Seen
from shared.web.schema import When
from shared.web.second_person import agreed
from shared.web.views.connections import StageName

MAX_BATCHES_LISTED = 50


class Where(Strict):
    """Which connections; closed ones are never meant. An empty filter means all that are open."""

    q: str = Field("", max_length=253, description="part of a name, customer, tenant's id or domain, or id")
    customer: str | None = Field(None, max_length=120)
    stage: StageName | None = None
    platform: str | None = Field(None, max_length=80)
    site: Site | None = None
    status: Status | None = None
    reason: str | None = Field(None, max_length=80)


class Planned(Strict):
    """What a batch is to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"operation": "sync", "where": {"customer": "contoso"}}]})

    operation: Operation
    where: Where
    acknowledge_quarantine: bool = Field(default=False, description="of a revoke: quarantines are exported first")
    policy: Policy | None = Field(None, description="of set-policy: what each is to have under the policy's name")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.policy is None) == (self.operation is Operation.SET_POLICY):
            raise ValueError("policy goes with the operation set-policy, and with no other")
        return self

    def order(self) -> Order:
        """The same in the flows' words."""
        return Order(operation=self.operation, acknowledged=self.acknowledge_quarantine, policy=self.policy)


class Confirmed(Planned):
    """The same, with how many connections the plan has counted."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"operation": "sync", "where": {"customer": "contoso"}, "confirm": 1}]}
    )

    confirm: int = Field(
        ge=0, le=batch_plans.MAX_CONNECTIONS, description="`matches` of the plan; 409 if as many do not match now"
    )


class BatchRefusal(TypedDict):
    """A connection that would refuse."""

    connection: str
    name: str


class BatchPlan(TypedDict):
    """What a batch would do."""

    operation: Operation
    matches: int
    ready: Annotated[int, Field(description="how many would not refuse")]
    refused: Annotated[dict[str, list[BatchRefusal]], Field(description="which would refuse, by why")]
    deletions: Annotated[dict[str, int], Field(description="of a revoke: objects that are deleted, by when")]
    replaced: Annotated[int, Field(description="of set-policy: how many have a policy of this name now")]
    fingerprint: Annotated[str, Field(description="another one once other connections match, or for another policy")]


class BatchView(TypedDict):
    """A batch with how far it has come."""

    id: str
    operation: Operation
    policy: Annotated[str | None, Field(description="of set-policy: the policy's name")]
    actor: str
    created_at: When
    stopped_at: When | None
    counts: dict[ItemState, int]


class BatchItem(TypedDict):
    """What came of one connection."""

    connection: str
    name: str
    state: ItemState
    code: str | None
    sentence: str | None
    ended_at: When | None


class BatchDetail(BatchView):
    """A batch with what came of each connection, those that refused or failed first."""

    items: list[BatchItem]


class BatchList(TypedDict):
    """The newest batches."""

    batches: list[BatchView]


def wanted_of(request: Request, where: Where) -> Wanted:
    """The filter in the search's words; nobody finds what is not theirs."""
    return Wanted(
        customer=request.actor.customer,
        named=where.customer,
        stage=Stage[where.stage.upper()] if where.stage else None,
        platform=where.platform,
        site=where.site,
        status=where.status,
        reason=where.reason,
        text=where.q or None,
        archived=False,
    )


@refuses("400 too_many_connections")
async def plan(app: App, request: Request, body: Planned) -> Json[BatchPlan]:
    """Show what a batch would do to all connections that match. Changes nothing."""
    return as_json(planned_view(await batch_plans.plan(app, wanted_of(request, body.where), body.order())))


def planned_view(plan: batch_plans.Plan) -> BatchPlan:
    """A plan as the API tells it."""
    policy = plan.order.policy.model_dump_json() if plan.order.policy else ""
    return {
        "operation": plan.order.operation,
        "matches": plan.matches,
        "ready": plan.ready,
        "refused": {
            why: [{"connection": one.id, "name": one.name} for one in some] for why, some in plan.refused.items()
        },
        "deletions": dict(plan.deletions),
        "replaced": plan.replaced,
        "fingerprint": hashlib.sha256("".join((*plan.connections, policy)).encode()).hexdigest()[:32],
    }


@refuses(
    "400 too_many_connections",
    "400 no_connections",
    "403 administrators_only",
    "409 count_changed",
    "409 second_person_needed",
)
async def create(app: App, request: Request, body: Confirmed, planned: Seen) -> Accepted[BatchView]:
    """Begin a batch. Five connections are begun each second; each has a result of its own."""
    begun = await begin(app, request, wanted_of(request, body.where), body.order(), body.confirm, planned)
    return accepted(_view(begun))


async def begin(app: App, request: Request, wanted: Wanted, order: Order, confirmed: int, planned: Seen) -> Batch:
    """Begin a batch for the caller. Raises Refused 412 `plan_outdated` unless the plan is still the one with this tag.

    To act in everyone's mailboxes takes the role admin, as for one connection.
    """
    if planned is not None and not holds(planned, etag(planned_view(await batch_plans.plan(app, wanted, order)))):
        raise Refused(412, "plan_outdated", "The plan is another one now. Nothing was done. Plan the batch again.")
    if order.policy and order.policy.takes_everyones_mail:
        await agreed(app, request, f"policy “{order.policy.name}” takes everyone's mail of many connections")
    return await batches.create(app, wanted, order, confirmed=confirmed, actor=request.actor.name)


async def every(app: App, request: Request) -> Json[BatchList]:
    """List the newest batches."""
    found = await batch_records.newest(app.database, request.actor.customer, most=MAX_BATCHES_LISTED)
    return as_json({"batches": [_view(one) for one in found]})


@refuses("404 no_such_batch")
async def one(app: App, request: Request) -> Json[BatchDetail]:
    """One batch with its progress and the result of each connection."""
    found, listed = await batch_records.detail(app.database, request.args["batch"], request.actor.customer)
    items: list[BatchItem] = [
        {
            "connection": item.connection,
            "name": item.name,
            "state": item.state,
            "code": item.code,
            "sentence": item.sentence,
            "ended_at": item.ended_at.isoformat() if item.ended_at else None,
        }
        for item in listed
    ]
    return as_json({**_view(found), "items": items})


@refuses("404 no_such_batch")
async def stop(app: App, request: Request) -> Accepted[BatchView]:
    """Begin nothing more of a batch. What was begun continues."""
    found = await batch_records.one(app.database, request.args["batch"], request.actor.customer)
    await batch_records.stop(app.database, found, app.clock.now())
    return accepted(_view(await batch_records.one(app.database, found.id, request.actor.customer)))


def _view(batch: Batch) -> BatchView:
    return {
        "id": batch.id,
        "operation": batch.order.operation,
        "policy": batch.order.policy.name if batch.order.policy else None,
        "actor": batch.actor,
        "created_at": batch.created_at.isoformat(),
        "stopped_at": batch.stopped_at.isoformat() if batch.stopped_at else None,
        "counts": {state: batch.counts[state] for state in ItemState},
    }
