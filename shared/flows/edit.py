"""Editing a connection: its name, customer, site, contacts and drift mode. Each change is in the ledger."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.connections import record
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows.app import App
from shared.flows.grant import LINE, NAME
from shared.flows.reports.store import ADDRESS
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site


def _each_once(addresses: list[str]) -> list[str]:
    return list(dict.fromkeys(addresses))


class Edit(BaseModel):
    """What is to be changed; what is left out, or null, stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Contoso Europe", "repair_drift": True}]}
    )

    name: str | None = Field(None, min_length=1, max_length=120, pattern=NAME)
    customer: str | None = Field(None, max_length=120, pattern=LINE)
    site: Site | None = Field(None, description="before consent only: later the site is part of objects in the tenant")
    repair_drift: bool | None = None
    contacts: (
        Annotated[
            list[Annotated[str, Field(max_length=254, pattern=ADDRESS)]],
            Field(max_length=20),
            AfterValidator(_each_once),
        ]
        | None
    ) = Field(None, description="e-mail addresses of whom to contact at the customer; deleted when it is closed")


async def edit(app: App, connection: Connection, wanted: Edit, actor: str) -> None:
    """Change what differs, with an entry in the ledger for each field. Changes all of it or nothing.

    Raises Refused for a site that is not served or in use, and for a customer while another one has the tenant.
    """
    if connection.stage is Stage.CLOSED:
        raise Refused(409, "connection_ended", "This connection is closed, and its record stays as it is.")
    changed = dict(_changed(connection, wanted))
    site = changed.get("site")
    if site is not None and site not in app.settings.sites:
        raise Refused(400, "site_not_served", f"site: this deployment does not serve the site {site}.")
    if site is not None and connection.stage is not Stage.NEW:
        raise Refused(
            409,
            "site_in_use",
            "site: objects in the tenant name the site. Revoke this connection and create one for the other site.",
        )
    now = app.clock.now()
    async with app.database.write() as write:
        if not await record.unchanged(write, connection):
            raise Refused(409, "changed_meanwhile", "This connection has just changed direction. Reload and try again.")
        if "customer" in changed and connection.tenant is not None:
            await record.hold_tenant(write, connection.platform, connection.tenant)
            found = await record.of_tenant(write, connection.platform, connection.tenant)
            if any(other.id != connection.id and other.customer != changed["customer"] for other in found):
                raise Refused(
                    409, "tenant_of_another_customer", "customer: another customer has, or had, this tenant. Move it."
                )
        for name, value in changed.items():
            note, before, after = _logged(connection, name, value)
            await chain.order(write, connection, now, actor, note, before=before, after=after)
        if changed:
            await record.update(write, connection.id, **changed)


def _changed(connection: Connection, wanted: Edit) -> Iterator[tuple[str, Any]]:
    """The columns that differ, with their new values."""
    columns = {"repair_drift": "repairs_drift"}
    for name, value in wanted.model_dump(exclude_none=True).items():
        column = columns.get(name, name)
        before = getattr(connection, column)
        if value != (list(before) if name == "contacts" else before):
            yield column, value


def _logged(connection: Connection, name: str, value: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A change as the ledger has it. People's addresses are not written where nothing can be deleted."""
    before = getattr(connection, name)
    if name == "contacts":
        before, value = len(before), len(value)
    title = {"repairs_drift": "drift mode"}.get(name, name)
    return f"{title} changed", {name: before}, {name: value}
