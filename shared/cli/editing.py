"""The command that edits a connection."""

from typing import Annotated, Any, Literal

from typer import Context, Option

from shared.cli.api import of
from shared.cli.call import Call, Connection, Site
from shared.cli.place import Usage


def edit(
    context: Context,
    connection: Connection,
    *,
    name: Annotated[str | None, Option(help="What the connection is called.")] = None,
    customer: Annotated[str | None, Option(help="The customer that the tenant belongs to.")] = None,
    site: Annotated[Site | None, Option(help="The site; before consent only.")] = None,
    drift: Annotated[Literal["report", "repair"] | None, Option(help="Report drift only, or repair it.")] = None,
    contact: Annotated[
        list[str] | None, Option(metavar="ADDRESS", help="Whom to contact at the customer; may be repeated.")
    ] = None,
    no_contacts: Annotated[bool, Option("--no-contacts", help="Delete the contacts.")] = False,
) -> int:
    """Change name, customer, site, drift mode or contacts."""
    call = Call.of(context)
    wanted: dict[str, Any] = {
        "name": name,
        "customer": customer,
        "site": site,
        "repair_drift": None if drift is None else drift == "repair",
        "contacts": [] if no_contacts else contact,
    }
    body = {field: value for field, value in wanted.items() if value is not None}
    if not body:
        raise Usage("nothing_to_change", "Nothing to change: pass --name, --customer, --site, --drift or --contact.")
    changed = call.api.patch(of(call.api.find(connection)["id"]), body)
    call.told(changed, f"Changed {', '.join(body)} of {changed['name']}.".replace("_", " "))
    return 0
