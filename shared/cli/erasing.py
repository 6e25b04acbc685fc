"""Erasing on the command line: what cannot be brought back is confirmed by typing its name."""

import json
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from typer import Context, Option, prompt

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.place import Usage
from shared.cli.terminal import plain

Yes = Annotated[bool, Option("--yes", help="Do not ask for the name to be typed.")]
Exported = Annotated[
    Path, Option("--ledger", metavar="NDJSON", help="The ledger as “ledger export” wrote it.", show_default=False)
]


def connection(context: Context, connection: Connection, *, ledger: Exported, yes: Yes = False) -> int:
    """Erase a closed connection whose ledger was exported. A tombstone stays: id, dates, the certificate's digest."""
    call = Call.of(context)
    found = call.api.find(connection)
    name = plain(found["name"])
    question = f"Erase {name} with its ledger and certificate? Only its id, its dates and a digest stay."
    if not confirmed(call, question, name, yes=yes):
        return 1
    call.api.change("DELETE", f"{of(found['id'])}?head={_head(ledger)}")
    call.terminal.say(
        f"{name} was erased. A tombstone stays: the id {found['id']}, its dates, the length and the last hash of its "
        "ledger, and the digest of its certificate."
    )
    return 0


def _head(file: Path) -> str:
    """The hash of the last entry of an exported ledger. Raises Usage if it is none."""
    from shared.cli.verification import text

    try:
        return quote(str(json.loads(text(file).splitlines()[-1])["hash"]), safe="")
    except (ValueError, LookupError, TypeError):
        raise Usage("file_not_valid", f"{file} is not a ledger as NDJSON.") from None


def confirmed(call: Call, question: str, name: str, *, yes: bool) -> bool:
    """Whether the name was typed. Raises Usage if there is nobody to ask."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Usage("not_confirmed", "There is no terminal to ask on: pass --yes to erase without a question.")
    call.terminal.say(question)
    if prompt(f"Type “{name}” to erase", default="", show_default=False, err=True).strip() == name:
        return True
    call.terminal.say("Nothing was changed.")
    return False
