"""Commands about what only the tenant's administrator can do."""

from collections.abc import Iterator
from typing import Annotated, Any

from typer import Argument, Context

from shared.cli.api import Answer, of
from shared.cli.call import Call, Connection
from shared.cli.terminal import Column, column

COLUMNS = (
    column("STEP", "key"),
    column("TITLE", "title"),
    Column(title="WHAT TO DO", text=lambda row: (row.get("asked") or {}).get("sentence")),
    Column(title="WHERE", text=lambda row: (row.get("asked") or {}).get("link")),
)


def every(context: Context, connection: Connection) -> int:
    """Show what the administrator must do now, with what to type and where."""
    call = Call.of(context)
    found = call.api.find(connection)
    rows = call.api.get(of(found["id"], "changes"))["rows"]
    mine = [row for row in rows if row.get("asked") or row.get("offered")]
    if not call.for_people:
        call.rows({"rows": mine}, mine, COLUMNS, none="")
        return 0
    if found["stage"] == "new":
        call.terminal.say(
            f"The administrator must consent: “footprint connections invite {found['id']}” prints an invitation."
        )
    elif not mine:
        # A sentence may ask for what is no step of the table, such as a role without which nothing can be read.
        call.terminal.say(found["sentence"] or "The administrator has nothing to do now.")
    for row in mine:
        call.terminal.facts(dict(_step(row, found)))
        call.terminal.show("")
    return 0


def _step(row: Answer, connection: Answer) -> Iterator[tuple[str, Any]]:
    asked, done = row.get("asked"), f"footprint steps complete {connection['id']} {row['key']}"
    if asked is None:
        yield row["key"], f"{row['title']} stays, as published. Nothing uses it any more."
        yield "to remove it", done
        return
    yield row["key"], f"{'Remove' if asked['removal'] else 'Set up'}: {row['title']}"
    yield "what to do", asked["sentence"]
    for value in asked["values"]:
        yield value["label"], value["value"]
    yield "where", asked["link"]
    yield "then", done


def complete(
    context: Context,
    connection: Connection,
    step: Annotated[
        str, Argument(metavar="STEP", help="The step's key, as “steps list” shows it.", show_default=False)
    ],
) -> int:
    """Mark an administrator's step as done, or accept an offer."""
    call = Call.of(context)
    answer = call.api.post(of(call.api.find(connection)["id"], "steps", step), {})
    call.told(answer, "Recorded with your name. The tenant is being checked.")
    return 0
