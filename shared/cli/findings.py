"""Commands about what is in the way of a tenant's mail: show it, and say what is to be done about it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from typer import Argument, Context, Option

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.listings import Listing
from shared.cli.terminal import Column, column


class Way(StrEnum):
    """What is done about a finding."""

    ACCEPT = "accept"
    REPAIR = "repair"
    REPORT = "report"


def _said(row: Mapping[str, Any]) -> str:
    choice = row["choice"]
    if choice is None:
        return "waits" if row["waits"] else ""
    until = f", until {choice['until'][:10]}" if choice["until"] else ""
    return f"{choice['way']} by {choice['by']}{until}: {choice['reason']}"


FINDINGS = Listing(
    path="findings",
    key="findings",
    columns=(
        column("FOUND", "found", firm=True),
        column("WHAT", "told"),
        column("EFFECT", "effect"),
        Column(title="SAID", text=_said),
        column("KEY", "key", firm=True),
    ),
    none="Nothing is in the way of mail.",
    paged=False,
)


def every(context: Context, connection: Connection) -> int:
    """Show what is in the way of mail, and what was said about it."""
    return FINDINGS.show(context, connection)


def accept(
    context: Context,
    connection: Connection,
    keys: Annotated[
        list[str], Argument(metavar="KEY...", help="Keys, as “findings list” shows them.", show_default=False)
    ],
    *,
    reason: Annotated[str, Option(help="Why.", show_default=False)],
    until: Annotated[str | None, Option(metavar="TIME", help="When it ends, as 2026-12-31T00:00:00Z.")] = None,
    way: Annotated[Way, Option(help="What is to be done about it.")] = Way.ACCEPT,
) -> int:
    """Accept findings, or have them repaired or only reported."""
    call = Call.of(context)
    body = {"findings": keys, "way": way.value, "reason": reason, "until": until}
    answer = call.api.post(of(call.api.find(connection)["id"], "findings"), body)
    call.told(answer, "Recorded with your name. The tenant is being checked.")
    return 0
