"""A plan that was saved, and the command that orders exactly that."""

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from shared.cli.api import Answer, of
from shared.cli.call import TIMEOUT_SECONDS, Call, Timeout, Wait
from shared.cli.follow import Reached, follow
from shared.cli.place import Usage

# The exit code that says that a plan has something to do.
PENDING = 4


def _running(now: Answer) -> bool:
    return now["reason"] is None and now["stage"] != "new"


def _closed(now: Answer) -> bool:
    return bool(now["stage"] == "closed")


# What is ordered for each purpose of a plan, and when that is reached.
ORDERS: dict[str, tuple[str, dict[str, Any], Reached]] = {
    "now": ("reconcile", {}, _running),
    "repair": ("reconcile", {"repair": True}, _running),
    "grant": ("grant", {}, _running),
    "revoke": ("revoke", {}, _closed),
}


def save(file: Path, **plan: Any) -> None:
    """Write a plan with what it takes to order it. Raises Usage if it cannot be written."""
    try:
        file.write_text(json.dumps(plan, indent=2) + "\n")
    except OSError as error:
        raise Usage("file_not_writable", f"--out: cannot write {file}: {error.strerror}.") from None


def apply(
    context: Context,
    file: Annotated[
        Path, Argument(metavar="FILE", help="A plan, as “connections plan --out” saved it.", show_default=False)
    ],
    *,
    acknowledge_quarantine: Annotated[
        bool,
        Option("--acknowledge-quarantine", help="Revoke although messages are in quarantine: export them first."),
    ] = False,
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Carry out a saved plan, or nothing if the tenant has changed since it was made."""
    call = Call.of(context)
    try:
        saved = json.loads(file.read_text())
        connection, tag = str(saved["connection"]), str(saved["etag"])
        order, body, reached = ORDERS[saved["purpose"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise Usage("file_not_valid", f"FILE: {file} holds no saved plan.") from None
    if acknowledge_quarantine:
        body = {**body, "acknowledge_quarantine": True}
    call.told(call.api.post(of(connection, order), body, tag=tag), "The plan is being carried out.")
    return follow(call, connection, reached, timeout=timeout) if wait else 0
