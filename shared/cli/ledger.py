"""Commands about the ledger: what was done in a tenant, by whom, in order."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from typer import Context, Option

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.listings import Listing
from shared.cli.terminal import Column, column, times

ENTRIES = Listing(
    path="ledger",
    key="entries",
    columns=(
        column("#", "number", firm=True),
        times("WHEN", "at"),
        Column(title="WHO", text=lambda row: _text(row, "actor") or "the service"),
        Column(title="ACT", text=lambda row: row["act"] + ("" if row["state"] == "noted" else f" {row['state']}")),
        column("OBJECT", "key"),
        Column(title="NOTE", text=lambda row: _text(row, "note") or _text(row, "identity")),
    ),
    none="The ledger is empty.",
)


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """A text of an entry, which may have been erased."""
    text: str | None = "erased" if name in (row.get("erased") or {}) else row.get(name)
    return text


def every(context: Context, connection: Connection) -> int:
    """List every entry of the ledger: what was done, by whom, in order."""
    return ENTRIES.show(context, connection)


def export(
    context: Context,
    connection: Connection,
    *,
    kind: Annotated[Literal["ndjson", "csv"], Option("--format", help="The form of the file.")] = "ndjson",
) -> int:
    """Write the whole ledger as a file, to keep it or to check a certificate against it."""
    call = Call.of(context)
    path = of(call.api.find(connection)["id"], "ledger")
    for number, text in enumerate(call.api.files(path, format=kind)):
        # Each page of a spreadsheet begins with the names of its columns.
        call.terminal.pour(text.partition("\n")[2] if number and kind == "csv" else text)
    return 0
