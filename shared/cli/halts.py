"""The kill switch on the command line."""

from typing import Annotated
from urllib.parse import quote

from typer import Argument, Context, Option

from shared.cli.call import Call
from shared.cli.listings import Listing
from shared.cli.terminal import column, times

SCOPE = "everything, site:eu (or another site), or a connection: its id, or a name or tenant that only one has."
Scope = Annotated[str, Argument(metavar="SCOPE", help=SCOPE, show_default=False)]

HALTS = Listing(
    path="halts",
    key="halts",
    columns=(column("SCOPE", "scope"), times("SINCE", "at"), column("BY", "actor"), column("WHY", "why")),
    none="Nothing is halted.",
    paged=False,
)


def every(context: Context) -> int:
    """List the halts that stand."""
    return HALTS.show(context)


def create(
    context: Context,
    scope: Scope,
    *,
    why: Annotated[str, Option(help="Goes to the ledgers and the log.", show_default=False)],
    destroy: Annotated[
        bool, Option("--destroy", help="Destroy the data keys too: nothing stored ever opens again.")
    ] = False,
) -> int:
    """Kill switch: stop everything that a scope is for before its next call to a platform."""
    call = Call.of(context)
    done = call.api.change("PUT", _at(call, scope), {"why": why, "destroy": destroy})
    call.facts(done, {name.replace("_", " "): number for name, number in done.items()})
    call.terminal.say("Nothing more is sent to a platform for it. “halts lift” ends that.")
    return 0


def lift(context: Context, scope: Scope) -> int:
    """Lift a halt."""
    call = Call.of(context)
    call.api.change("DELETE", _at(call, scope))
    call.terminal.say(
        "The halt was lifted. Connections continue within minutes; one whose grant was revoked asks for consent."
    )
    return 0


def _at(call: Call, scope: str) -> str:
    if scope != "everything" and not scope.startswith(("site:", "connection:")):
        scope = f"connection:{call.api.find(scope)['id']}"
    return f"/halts/{quote(scope, safe=':')}"
