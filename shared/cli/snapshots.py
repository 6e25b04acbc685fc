"""Commands about how a tenant's mail flow was, and how to put it back."""

from typing import Annotated

from typer import Argument, Context

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.listings import Listing
from shared.cli.terminal import column, times

Number = Annotated[int, Argument(metavar="NUMBER", help="As “snapshots list” shows it.", show_default=False)]
SNAPSHOTS = Listing(
    path="snapshots",
    key="snapshots",
    columns=(column("NUMBER", "number", firm=True), times("AT", "at"), column("WHY", "why")),
    none="No snapshot has been taken.",
    paged=False,
)
CHANGES = (column("WHAT", "title"), column("DONE", "done"), column("OURS", "ours"))


def every(context: Context, connection: Connection) -> int:
    """List the snapshots of a tenant's mail flow."""
    return SNAPSHOTS.show(context, connection)


def show(context: Context, connection: Connection, number: Number) -> int:
    """Show what differs in a snapshot from the one before. The whole of it is in --output json."""
    call = Call.of(context)
    answer = call.api.get(of(call.api.find(connection)["id"], "snapshots", str(number)))
    call.rows(answer, answer["changes"], CHANGES, none="Nothing differs from the snapshot before.")
    return 0


def undo(context: Context, connection: Connection, number: Number) -> int:
    """Print a PowerShell script that puts the customer's objects back to a snapshot. Review it before it is run."""
    call = Call.of(context)
    path = of(call.api.find(connection)["id"], "snapshots", str(number), "undo")
    call.terminal.pour(call.api.raw("GET", path, None, {}))
    return 0
