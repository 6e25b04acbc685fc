"""Commands about witnesses: who cosigns the checkpoints of the ledgers for a customer."""

from typing import Annotated
from urllib.parse import quote

from typer import Argument, Context, Option

from shared.cli.call import Call
from shared.cli.terminal import column, times

COLUMNS = (
    column("ID", "id", firm=True),
    column("URL", "url"),
    column("CUSTOMER", "customer"),
    column("COSIGNED", "cosigned", firm=True),
    times("FAILING SINCE", "failing_since"),
    column("WHY", "sentence"),
)


def every(context: Context) -> int:
    """List the witnesses, and the keys of our log, which each of them has to trust."""
    call = Call.of(context)
    answer = call.api.get("/witnesses")
    call.rows(answer, answer["witnesses"], COLUMNS, none="There are no witnesses.")
    if call.for_people:
        for key in answer["log_keys"]:
            call.terminal.say(f"A witness trusts this key of our log: {key}")
    return 0


def add(
    context: Context,
    url: Annotated[str, Argument(metavar="URL", help="The witness's submission prefix.", show_default=False)],
    *,
    key: Annotated[str, Option(help="Its verifier key: NAME+ID+KEY, of type Ed25519.", show_default=False)],
    customer: Annotated[str, Option(help="For whose certificates; without it, for all that you see.")] = "",
) -> int:
    """Have a witness (C2SP tlog-witness) cosign the checkpoints of the ledgers."""
    call = Call.of(context)
    made = call.api.post("/witnesses", {"url": url, "key": key, "customer": customer})
    call.told(
        made, f"Witness {made['id']} is sent each new checkpoint. Have its owner trust our key: “witnesses list”."
    )
    return 0


def remove(
    context: Context,
    witness: Annotated[str, Argument(metavar="WITNESS", help="The witness's id.", show_default=False)],
) -> int:
    """Ask a witness no more. What it has cosigned still stands on the certificates."""
    call = Call.of(context)
    call.api.change("DELETE", f"/witnesses/{quote(witness, safe='')}")
    call.terminal.say("The witness was removed.")
    return 0
