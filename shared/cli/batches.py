"""Commands that do one thing to many connections: show the plan, ask for the count, follow the progress."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from typer import Argument, Context, Option, prompt

from shared.cli.api import Answer
from shared.cli.call import TIMEOUT_SECONDS, Call, Timeout, Wait
from shared.cli.listings import Listing
from shared.cli.place import Usage
from shared.cli.policies import read
from shared.cli.terminal import Column, column, times

Operation = Literal[
    "sync", "check", "repair", "renew-invitation", "report-drift", "repair-drift", "set-policy", "revoke"
]
Batch = Annotated[str, Argument(metavar="BATCH", help="The batch's id.", show_default=False)]
FILTERS = ("customer", "stage", "platform", "site", "status", "reason", "q")
# Between two looks at the progress, in seconds: five connections are begun each second.
PAUSE = 1.0
# Of the connections that refuse for one reason; with --output json all are named.
MAX_NAMED = 10


def _operation(batch: Mapping[str, Any]) -> str:
    return f"{batch['operation']} “{batch['policy']}”" if batch["policy"] else str(batch["operation"])


def _counted(batch: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {state}" for state, number in batch["counts"].items() if number)


BATCHES = Listing(
    path="batches",
    key="batches",
    columns=(
        column("ID", "id", firm=True),
        Column(title="OPERATION", text=_operation),
        times("CREATED", "created_at"),
        column("BY", "actor"),
        Column(title="CONNECTIONS", text=_counted),
    ),
    none="There are no batches.",
    paged=False,
)
ITEMS = (
    column("STATE", "state", firm=True),
    column("CONNECTION", "name"),
    column("ID", "connection", firm=True),
    column("WHY", "sentence"),
)
RESULTS = ITEMS[1:]


def create(
    context: Context,
    operation: Annotated[
        Operation, Argument(metavar="OPERATION", help="What to do to each connection.", show_default=False)
    ],
    *,
    where: Annotated[
        list[str] | None,
        Option(metavar="FILTER=VALUE", help=f"Which connections, by {', '.join(FILTERS)}; may be repeated."),
    ] = None,
    policy: Annotated[
        Path | None, Option(metavar="FILE", help="Of set-policy: the policy as JSON; - reads it from standard input.")
    ] = None,
    acknowledge_quarantine: Annotated[
        bool, Option("--acknowledge-quarantine", help="Revoke although messages are in quarantine: export them first.")
    ] = False,
    confirm: Annotated[
        int | None, Option(metavar="COUNT", help="How many connections match, instead of a question.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Do one thing to many connections, after a plan for all of them and a confirmed count."""
    call = Call.of(context)
    if (policy is None) == (operation == "set-policy"):
        raise Usage("not_valid", "--policy FILE goes with set-policy, and with no other operation.")
    wanted: dict[str, Any] = {
        "operation": operation,
        "where": _filter(where or []),
        "acknowledge_quarantine": acknowledge_quarantine,
        **({"policy": read(policy)} if policy else {}),
    }
    planned, tag = call.api.planned("/batches/plan", wanted)
    call.terminal.say(_plan(planned))
    if confirm is None:
        if not sys.stdin.isatty():
            raise Usage("not_confirmed", f"There is no terminal to ask on: pass --confirm {planned['matches']}.")
        confirm = prompt("Type the number of connections to go on", type=int, err=True)
    begun = call.api.post("/batches", {**wanted, "confirm": confirm}, tag=tag)
    told = f"Batch {begun['id']} has started."
    if not wait:
        call.told(begun, told)
        return 0
    call.terminal.say(told)
    return _followed(call, begun["id"], timeout)


def every(context: Context) -> int:
    """List the newest batches."""
    return BATCHES.show(context)


def show(context: Context, batch: Batch) -> int:
    """Show a batch, with the result of each connection."""
    call = Call.of(context)
    answer = call.api.get(f"/batches/{quote(batch, safe='')}")
    if call.for_people:
        call.terminal.say(f"{_operation(answer)}: {_counted(answer)}.")
    call.rows(answer, answer["items"], ITEMS, none="No connection matched.")
    return 0


def stop(context: Context, batch: Batch) -> int:
    """Begin nothing more of a batch. What was begun continues."""
    call = Call.of(context)
    call.told(call.api.post(f"/batches/{quote(batch, safe='')}/stop", {}), "The batch was stopped.")
    return 0


def _filter(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in FILTERS or not equals or name in found:
            raise Usage("not_valid", f"--where {each}: write FILTER=VALUE, once for each of {', '.join(FILTERS)}.")
        found[name] = value
    return found


def _plan(planned: Answer) -> str:
    deletions = [f"{number} to delete {when}" for when, number in planned["deletions"].items()]
    deletions += [f"{planned['replaced']} have a policy of this name, which is replaced"] if planned["replaced"] else []
    refused = [f"{len(some)} refuse: {why} ({_names(some)})" for why, some in planned["refused"].items()]
    first = f"{planned['matches']} connections match, {planned['ready']} ready"
    return f"Plan: {', '.join([first, *deletions, *refused])}."


def _names(some: list[dict[str, str]]) -> str:
    more = [f"{len(some) - MAX_NAMED} more"] if len(some) > MAX_NAMED else []
    return ", ".join([*(one["name"] for one in some[:MAX_NAMED]), *more])


def _followed(call: Call, identifier: str, timeout: int) -> int:
    """0 once every connection is done, 1 if some refused or failed, 3 if that takes too long or it was stopped."""
    end, told = time.monotonic() + timeout, -1
    while True:
        now: dict[str, Any] = call.api.get(f"/batches/{identifier}")
        pending = now["counts"]["pending"]
        if pending != told:
            call.terminal.say(f"{sum(now['counts'].values()) - pending} of {sum(now['counts'].values())} ended.")
        told = pending
        if not pending or now["stopped_at"] or time.monotonic() > end:
            break
        time.sleep(PAUSE)
    bad = [one for one in now["items"] if one["state"] in ("refused", "failed")]
    call.rows(now, bad if call.for_people else now["items"], RESULTS, none="No connection refused.")
    return 3 if pending else 1 if bad else 0
