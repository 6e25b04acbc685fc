"""The certificate: shown, and verified without the service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.terminal import moment

Checkpoint = Annotated[
    Path | None,
    Option("--checkpoint", metavar="NOTE", help="A checkpoint that you kept: the proof is for that very one."),
]


def show(context: Context, connection: Connection, *, checkpoint: Checkpoint = None) -> int:
    """Show the signed exit certificate. Save it with --output json, and check it with “certificates verify”."""
    from shared.cli.verification import text
    from shared.foundation.transparency import size_of

    call = Call.of(context)
    heads = None if checkpoint is None else str(size_of(text(checkpoint)))
    answer = call.api.get(of(call.api.find(connection)["id"], "certificate"), heads=heads)
    call.facts(answer, _facts(answer["certificate"]))
    call.terminal.say(
        f"Signed with the key {answer['key_id']}. Check the signature with “footprint certificates verify”."
    )
    return 0


def verify(
    context: Context,
    file: Annotated[
        Path, Argument(metavar="FILE", help="A certificate as JSON, or its signature.", show_default=False)
    ],
    *,
    keys: Annotated[
        str, Option("--keys", metavar="JWKS", help="The deployment's public keys: a file, or an https address.")
    ],
    ledger: Annotated[
        Path | None, Option("--ledger", metavar="NDJSON", help="The exported ledger, held against the certificate.")
    ] = None,
    checkpoint: Checkpoint = None,
    witness: Annotated[
        list[str] | None,
        Option("--witness", metavar="KEY", help="A verifier key: its owner must have cosigned. May be repeated."),
    ] = None,
) -> int:
    """Verify an exit certificate without the service; exit code 1 if it is not valid."""
    from shared.cli import verification

    call = Call.of(context)
    kept = None if checkpoint is None else verification.text(checkpoint)
    content, told = verification.verified(verification.text(file), verification.keys_at(keys), kept, witness or ())
    if ledger is not None:
        told.insert(0, verification.chained(ledger, content))
    call.terminal.facts(_facts(content))
    for line in told:
        call.terminal.say(line)
    return 0


def _facts(content: Mapping[str, Any]) -> dict[str, Any]:
    counts = content["counts"]
    return {
        "Connection": f"{content['name']} ({content['connection']})",
        "Tenant": content["tenant"],
        "Result": content["result"],
        "Issued": moment(content["drawn_up_at"]),
        "Objects": f"{counts['created']} created, {counts['removed']} removed; "
        f"{counts['pre_existing']} pre-existing, untouched",
        "Pre-existing": content["yours_before_us"],
        "Kept as published": [one["title"] for one in content["kept_as_published"]],
        "Remarks": content["cannot_be_undone"],
        "Still there": _listed(content["residue"]),
        "Bears our mark, not recorded": _listed(content["bears_our_mark"]),
        "Could not be checked": _listed(content["could_not_check"]),
        "Not visible to any API": _listed(content["not_checkable"]),
        "Last checked": [f"{one['title']}: {moment(one['at'])}, {one['how']}" for one in content["looked"]],
        "Promise": _promise(content["promise"]),
        "By the administrator": [
            f"{one['title']}: {'done' if one['done'] else one['instruction']}" for one in content["by_administrator"]
        ],
        "Ledger": f"{content['ledger']['entries']} entries, head {content['ledger']['head']}",
    }


def _promise(promise: Mapping[str, Any] | None) -> str | list[str] | None:
    if promise is None:
        return None
    return "kept" if promise["kept"] else _listed(promise["differences"])


def _listed(lines: list[dict[str, Any]]) -> list[str]:
    return [f"{one.get('title') or one.get('identity')}: {one['why']}" for one in lines]
