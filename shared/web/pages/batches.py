"""Batches in the console: the plan of one, which begins by typing its count; its progress; and the newest."""

import asyncio
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

from shared.flows import batch_plans, batch_records
from shared.flows.app import App
from shared.flows.batch_records import Operation, Order
from shared.foundation.errors import Refused
from shared.protection.policies import Policy
from shared.web.api.batches import MAX_BATCHES_LISTED, Where, begin, planned_view, wanted_of
from shared.web.http import Request, Response, checked, etag, redirect
from shared.web.pages import refused, shown
from shared.web.pages.batch_policy import chosen
from shared.web.pages.forms import one, posted, said

REFRESH_SECONDS = 3
TITLES: Mapping[Operation, str] = {
    Operation.SYNC: "Sync",
    Operation.CHECK: "Check",
    Operation.REPAIR: "Repair drift",
    Operation.RENEW_INVITATION: "Renew invitations",
    Operation.REPORT_DRIFT: "Set drift mode: report only",
    Operation.REPAIR_DRIFT: "Set drift mode: auto-repair",
    Operation.SET_POLICY: "Set policy",
    Operation.REVOKE: "Revoke access",
}
# What a filter of the list has that a batch does not: closed connections, an order, a page.
NOT_A_FILTER = frozenset({"archived", "sort", "desc", "page", "cursor", "limit", "order"})


class Asked(Where):
    """Which operation on which connections; a policy is that of this name at a connection, or as it was planned."""

    operation: Operation
    acknowledge_quarantine: bool = False
    source: str = ""
    policy: str = ""


def _asked(fields: Mapping[str, str]) -> tuple[Asked, dict[str, str]]:
    kept = {name: value for name, value in fields.items() if value and name not in NOT_A_FILTER}
    return checked(lambda: Asked.model_validate(kept)), kept


async def new(app: App, request: Request) -> Response:
    """The plan for all connections that match, and the field for their number; first which policy, if one is set."""
    asked, kept = _asked(said(request).query)
    policy, told = None, ""
    if asked.operation is Operation.SET_POLICY:
        choice = await chosen(app, request.actor.customer, asked.source, asked.policy)
        if choice.policy is None:
            return shown(app, request, "batch_policy.html", title=TITLES[asked.operation], choice=choice, kept=kept)
        policy, told = choice.policy
    order = Order(operation=asked.operation, acknowledged=asked.acknowledge_quarantine, policy=policy)
    plan = await batch_plans.plan(app, wanted_of(request, asked), order)
    return shown(
        app,
        request,
        "batch_plan.html",
        title=TITLES[asked.operation],
        plan=plan,
        tag=etag(planned_view(plan)),
        told=told,
        kept=kept,
    )


async def create(app: App, request: Request) -> Response:
    """Begin the batch, if the plan is the one that was shown and the number that was typed is the number that match."""
    form = posted(request)
    fields = {name: one(form, name) for name in form}
    typed, tag, content = (fields.pop(name, "") for name in ("confirm", "plan", "content"))
    asked, kept = _asked(fields)
    # Its expressions are compiled there.
    valid = partial(Policy.model_validate_json, content)
    policy = await asyncio.to_thread(checked, valid) if content else None
    try:
        begun = await begin(
            app,
            request,
            wanted_of(request, asked),
            Order(operation=asked.operation, acknowledged=asked.acknowledge_quarantine, policy=policy),
            int(typed) if typed.isascii() and typed.isdecimal() else -1,
            tag or None,
        )
    except Refused as error:
        return refused(error, app, request, f"/batches/new?{urlencode(kept)}")
    return redirect(f"/batches/{begun.id}")


async def every(app: App, request: Request) -> Response:
    """The newest batches."""
    found = await batch_records.newest(app.database, request.actor.customer, most=MAX_BATCHES_LISTED)
    return shown(app, request, "batches.html", batches=found, titles=TITLES, now=app.clock.now())


async def page(app: App, request: Request) -> Response:
    """One batch: its progress, and what came of each connection."""
    batch, items = await batch_records.detail(app.database, request.args["batch"], request.actor.customer)
    under_way = batch.stopped_at is None and batch.counts["pending"] > 0
    return shown(
        app,
        request,
        "batch.html",
        title=TITLES[batch.order.operation],
        batch=batch,
        items=items,
        under_way=under_way,
        again=REFRESH_SECONDS if under_way else None,
    )


async def stop(app: App, request: Request) -> Response:
    """Begin nothing more of a batch."""
    batch = await batch_records.one(app.database, request.args["batch"], request.actor.customer)
    await batch_records.stop(app.database, batch, app.clock.now())
    return redirect(f"/batches/{batch.id}")
