"""Erasing a person on the command line."""

from typing import Annotated

from typer import Argument, Context

from shared.cli.call import Call
from shared.cli.erasing import Yes, confirmed

STAYS = {
    "directories": "The person is still in the directory of {} connections: our copy follows it. Remove them there.",
    "certificates": "{} signed certificates name the person: each goes with “connections erase”.",
    "kept": "{} texts stay: they are of entries from before texts could be emptied.",
}


def erase(
    context: Context,
    address: Annotated[str, Argument(metavar="ADDRESS", help="An e-mail address of the person.", show_default=False)],
    *,
    yes: Yes = False,
) -> int:
    """Erase a person: empty what names them in ledgers and logs of calls. Every hash still holds."""
    call = Call.of(context)
    if not confirmed(call, f"Erase {address}? The texts cannot be brought back.", address, yes=yes):
        return 1
    done = call.api.post("/people/erase", {"address": address})
    call.facts(done, {name: done[name] for name in ("connections", "texts", "calls")})
    for name, sentence in STAYS.items():
        if done[name]:
            call.terminal.say(sentence.format(done[name]))
    return 0
