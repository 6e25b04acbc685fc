"""Commands about policies: whose mail is protected, and what happens to it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Argument, Context, Option

from shared.cli.api import Answer, of
from shared.cli.call import Call, Connection
from shared.cli.listings import Listing
from shared.cli.place import Usage
from shared.cli.terminal import Column, column, plain
from shared.foundation.errors import Refused

Name = Annotated[str, Argument(metavar="POLICY", help="The policy's name.", show_default=False)]
STDIN = "-"


def _whose(policy: Mapping[str, Any]) -> list[str]:
    kinds = ("domains", "groups", "users")
    named = ["everyone"] if policy.get("everyone") else []
    named += [f"{len(policy[kind])} {kind}" for kind in kinds if policy.get(kind)]
    return named + [f"but not {len(policy[f'except_{kind}'])} {kind}" for kind in kinds if policy.get(f"except_{kind}")]


def _which(conditions: Mapping[str, Any]) -> str:
    kinds = [name.replace("_", " ") for name, value in conditions.items() if value and name != "match"]
    joined = " and " if conditions.get("match") == "all" else " or "
    return joined.join(kinds)


def _reports(policy: Mapping[str, Any]) -> str:
    until = policy.get("report_only_until")
    then = "acts" if policy.get("afterwards") == "act" else "asks"
    return f"until {until}, then {then}" if until else "yes" if policy.get("report_only") else "no"


POLICIES = Listing(
    path="policies",
    key="policies",
    columns=(
        column("ORDER", "order", firm=True),
        column("NAME", "name"),
        column("ENABLED", "enabled"),
        Column(title="REPORT ONLY", text=_reports),
        column("DIRECTION", "direction", firm=True),
        Column(title="WHOSE MAIL", text=_whose),
        Column(title="WHICH MESSAGES", text=lambda row: _which(row.get("conditions") or {})),
        column("ACTIONS", "actions"),
    ),
    none="There are no policies, so no mail is protected.",
    paged=False,
)


def every(context: Context, connection: Connection) -> int:
    """List the policies, in the order in which they decide."""
    return POLICIES.show(context, connection)


def show(context: Context, connection: Connection, policy: Name) -> int:
    """Show a policy. Save it with --output json, to change it and to replace it."""
    call = Call.of(context)
    answer = call.api.get(_path(call, connection, policy))
    call.facts(answer, {name.replace("_", " "): _said(value) for name, value in answer.items()})
    return 0


def put(
    context: Context,
    connection: Connection,
    file: Annotated[Path, Argument(metavar="FILE", help="The policy as JSON; - reads it from standard input.")],
) -> int:
    """Create a policy, or replace the one of its name. The tenant is updated at once."""
    call, policy = Call.of(context), read(file)
    path = _path(call, connection, str(policy.get("name") or ""))
    tag = _tag(call, path)
    call.api.change("PUT", path, policy, {"If-None-Match": "*"} if tag is None else {"If-Match": tag})
    call.told(policy, f"Policy {policy['name']} was {'created' if tag is None else 'replaced'}.")
    return 0


def report_only(
    context: Context,
    connection: Connection,
    policy: Name,
    *,
    until: Annotated[
        str | None, Option(metavar="TIME", help="When it ends, as 2026-12-31T06:00:00Z; without it, never.")
    ] = None,
    then: Annotated[
        Literal["ask", "act"], Option(help="Afterwards: continue to report and ask an operator, or act.")
    ] = "ask",
) -> int:
    """Let a policy report only: it acts on no message, and reports count what it would have done."""
    return _change(
        context,
        connection,
        policy,
        {"report_only": True, "report_only_until": until, "afterwards": then},
        "reports only",
    )


def act(context: Context, connection: Connection, policy: Name) -> int:
    """Let a policy act that reported only."""
    return _change(
        context, connection, policy, {"report_only": False, "report_only_until": None, "afterwards": "ask"}, "acts now"
    )


def _change(context: Context, connection: str, policy: str, changed: Mapping[str, Any], told: str) -> int:
    call = Call.of(context)
    path = _path(call, connection, policy)
    before, tag = call.api.seen(path)
    after = call.api.change("PUT", path, {**before, **changed}, {"If-Match": tag})
    call.told(after, f"Policy {policy} {told}.")
    return 0


def delete(context: Context, connection: Connection, policy: Name) -> int:
    """Delete a policy. The tenant is updated at once."""
    call = Call.of(context)
    path = _path(call, connection, policy)
    before, tag = call.api.seen(path)
    call.api.change("DELETE", path, more={"If-Match": tag})
    call.told(before, f"Policy {policy} was deleted.")
    return 0


def try_message(
    context: Context,
    connection: Connection,
    policy: Name,
    file: Annotated[Path, Argument(metavar="FILE", help="A message as it was sent, with its headers.")],
) -> int:
    """Show what a policy would do to a message. Nothing is done to it, and nothing is kept."""
    call = Call.of(context)
    message = _content(file)
    answer = call.api.post_message(of(call.api.find(connection)["id"], "policies", policy, "try"), message)
    if not call.for_people:
        call.print(answer)
        return 0
    show = call.terminal.show
    would = f"The policy would: {', '.join(answer['actions']) or 'do nothing'}."
    show(plain(would if answer["meant"] else "No match."))
    for one in answer["findings"]:
        show(plain(f"  {one['why']} ({one['where']}; compared: {one['compared']})"))
    for why in answer["incomplete"]:
        show(plain(f"  {why}"))
    return 0


def _path(call: Call, connection: str, policy: str) -> str:
    if not policy:
        raise Usage("not_valid", "FILE: the policy has no “name”.")
    return of(call.api.find(connection)["id"], "policies", policy)


def _tag(call: Call, path: str) -> str | None:
    """The ETag of a policy; None if there is none of that name."""
    try:
        return call.api.seen(path)[1]
    except Refused as refused:
        if refused.code != "no_such_policy":
            raise
        return None


def read(file: Path) -> Answer:
    """A policy from a file of JSON. Raises Usage if there is none in it."""
    try:
        policy = json.loads(_content(file))
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise Usage("file_not_valid", f"FILE: {file} holds no policy as JSON.")
    return policy


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()
    except OSError as error:
        raise Usage("no_such_file", f"FILE: cannot read {file}: {error.strerror}.") from None


def _said(value: Any) -> Any:
    """A part of a policy without what is not set in it."""
    if isinstance(value, dict):
        return [f"{name.replace('_', ' ')}: {plain(one)}" for name, one in value.items() if one]
    return value
