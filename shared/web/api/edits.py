"""Changing what a connection is called, whose it is, and how it is looked after."""

from shared.flows import edit as edits
from shared.flows.access import found
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import Json, Request, as_json
from shared.web.views import connections
from shared.web.views.connections import ConnectionDetail


@refuses(
    "400 site_not_served",
    "403 another_customer",
    "409 connection_ended",
    "409 site_in_use",
    "409 changed_meanwhile",
    "409 tenant_of_another_customer",
)
async def edit(app: App, request: Request, body: edits.Edit) -> Json[ConnectionDetail]:
    """Change name, customer, site, drift mode or contacts. Each change is in the ledger."""
    await change(app, request, body)
    return as_json(await connections.detail(app, await found(app, request.connection.id)))


async def change(app: App, request: Request, body: edits.Edit) -> None:
    """The same for API and console. Raises Refused where a caller of one customer names another one."""
    mine = request.actor.customer
    if mine is not None and body.customer not in (None, mine):
        raise Refused(403, "another_customer", "customer: your account is restricted to its own customer.")
    await edits.edit(app, request.connection, body, request.actor.name)
