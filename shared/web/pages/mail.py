"""What is told and done about a connection's mail: its quarantine, and its scheduled reports."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from shared.connections.stages import Stage
from shared.flows import reading
from shared.flows.app import App
from shared.flows.reports import flow, store
from shared.flows.reports.charts import COLOURS, charts
from shared.flows.reports.periods import Frequency
from shared.flows.reports.store import Subscription
from shared.foundation.errors import Refused
from shared.protection import exports, quarantine_search
from shared.protection import quarantine as stored
from shared.protection.quarantine import QuarantineState
from shared.web.api import quarantine as listing
from shared.web.api import reports as kept
from shared.web.http import Request, Response, etag, redirect
from shared.web.pages import REFRESH_SECONDS, SLOW_REFRESH_SECONDS, framed
from shared.web.pages.forms import Errors, at_field, lines, made, one, posted, said
from shared.web.pages.leaves import Leaf
from shared.web.pages.policies import seen
from shared.web.pagination import Paged
from shared.web.preconditions import precondition
from shared.web.representations.quarantine import quarantine_item

STATES: Mapping[str, str] = {
    QuarantineState.WAITING: "waiting",
    QuarantineState.RELEASING: "being released",
    QuarantineState.RELEASED: "released",
    QuarantineState.RESTORED: "taken out by its owner",
    QuarantineState.GONE: "gone",
}


PER_PAGE = 50


class Numbered(listing.Filter):
    """Which messages, and which page of them."""

    page: int = Field(1, ge=1, le=10_000)


async def quarantine(app: App, request: Request) -> Response:
    """Messages that were taken out, newest first, and what was exported of them."""
    asked = dict(said(request).query)
    just_asked = asked.pop("exporting", "") == "1"
    query = replace(request, query=asked).parameters(Numbered)
    items, many = await quarantine_search.numbered(
        app.database,
        await app.seal.box(request.connection.id),
        request.connection.id,
        query.wanted,
        page_number=query.page,
        size=PER_PAGE,
    )
    words = "senders and subjects of the quarantine"
    reading.told(request.connection, request.actor.name, words, number=len(items))
    asked.pop("page", None)
    parts = await exports.parts(app.database, request.connection.id)
    exporting = any(part.until is None for part in parts) or (just_asked and not parts)
    soon = exporting or any(item.state is QuarantineState.RELEASING for item in items)
    again = REFRESH_SECONDS if soon else SLOW_REFRESH_SECONDS if request.connection.stage is Stage.RUN else None
    return framed(
        app,
        request,
        "quarantine",
        again=again,
        items=[quarantine_item(item) for item in items],
        waiting=await stored.count(app.database, request.connection.id),
        asked=asked,
        states=STATES,
        leaf=Leaf.of(query.page, many, PER_PAGE),
        parts=[part for part in parts if part.until],
        exporting=exporting,
    )


async def reports(app: App, request: Request) -> Response:
    """The reports that are kept, and who is sent which; with `report` one of them, with its charts."""
    if name := request.query.get("report", ""):
        report = await kept.read(app, request, "page", name)
        return framed(
            app,
            request,
            "reports",
            template="report.html",
            report=report,
            charts=charts(report.content),
            colours=COLOURS,
        )
    wanted = await store.subscription(app.database, request.connection.id)
    form = {"kinds": [str(kind) for kind in wanted.kinds], "recipients": wanted.recipients}
    return await _reports(app, request, form, {}, etag(wanted.model_dump(mode="json")))


async def put_reports(app: App, request: Request) -> Response:
    """Say which reports there are and who is sent them, as the form says."""
    form, errors = posted(request), Errors()
    typed = {"kinds": form.get("kinds", []), "recipients": lines(form, "recipients")}
    wanted = made(lambda: Subscription.model_validate(typed), errors)
    if wanted is None:
        return await _reports(app, request, typed, errors, one(form, "etag"))
    try:
        await flow.subscribe(app, request.connection, wanted, precondition(seen(request, form)), request.actor.name)
    except Refused as error:
        if error.status == 412:
            now = (await store.subscription(app.database, request.connection.id)).model_dump(mode="json")
            return await _reports(app, request, typed, {}, etag(now), status=412, there=now)
        return await _reports(app, request, typed, at_field(error, Subscription.model_fields), one(form, "etag"))
    return redirect(f"/connections/{request.connection.id}/reports?saved=1")


async def _reports(
    app: App,
    request: Request,
    form: Mapping[str, Any],
    errors: Errors,
    tag: str,
    *,
    status: int = 200,
    there: Mapping[str, Any] | None = None,
) -> Response:
    # A form that was sent has no query, so that the first page is beside it.
    told = dict(said(request).query)
    saved = told.pop("saved", "") == "1"
    asked = replace(request, query=told).parameters(Paged)
    found = await kept.page_of(app, request, asked)
    return framed(
        app,
        request,
        "reports",
        400 if errors else status,
        reports=found["reports"],
        form=form,
        errors=errors,
        tag=tag,
        there=there,
        saved=saved,
        kinds=[str(kind) for kind in Frequency],
        mailed=bool(app.settings.smtp.host),
        next={"cursor": found["next"]} if found["next"] else None,
        first=not asked.cursor,
    )
