"""Commands that are each one list of the API, and the columns in which it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typer import Context

from shared.cli.api import of
from shared.cli.call import Call, Connection, Json, Part
from shared.cli.terminal import Column, column, times


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list of the API: where it is below a connection, under which key, and how it is shown."""

    path: str
    key: str
    columns: Sequence[Column]
    none: str

    def show(self, call: Call, connection: str, *, paged: bool = True, **query: str | None) -> int:
        """Show every page of it."""
        path = of(call.api.find(connection)["id"], self.path)
        answer = call.api.every(path, self.key, **query) if paged else call.api.get(path)
        if call.as_json:
            return call.print_json(answer)
        call.terminal.table(self.columns, answer[self.key], none=self.none)
        return 0


def _whose(policy: Mapping[str, Any]) -> list[str]:
    kinds = ("domains", "groups", "users")
    named = ["everyone"] if policy.get("everyone") else []
    named += [f"{len(policy[kind])} {kind}" for kind in kinds if policy.get(kind)]
    return named + [f"but not {len(policy[f'except_{kind}'])} {kind}" for kind in kinds if policy.get(f"except_{kind}")]


def _which(conditions: Mapping[str, Any]) -> str:
    kinds = [name.replace("_", " ") for name, value in conditions.items() if value and name != "match"]
    joined = " and " if conditions.get("match") == "all" else " or "
    return joined.join(kinds)


USERS = Listing(
    path="users",
    key="users",
    none="There are no such users in our copy of the directory.",
    columns=(
        column("NAME", "name"),
        column("MAIL", "mail"),
        column("ENABLED", "enabled"),
        column("SKIPPED", "skipped"),
        column("ID", "id", firm=True),
    ),
)
GROUPS = Listing(
    path="groups",
    key="groups",
    none="There are no such groups in our copy of the directory.",
    columns=(
        column("NAME", "name"),
        column("MAIL", "mail"),
        column("MEMBERS", "members"),
        column("ID", "id", firm=True),
    ),
)
POLICIES = Listing(
    path="policies",
    key="policies",
    none="There are no policies, so nobody's mail is protected.",
    columns=(
        column("ORDER", "order", firm=True),
        column("NAME", "name"),
        column("ENABLED", "enabled"),
        column("DIRECTION", "direction", firm=True),
        Column(title="WHOSE MAIL", text=_whose),
        Column(title="WHICH MESSAGES", text=lambda row: _which(row.get("conditions") or {})),
        column("ACTIONS", "actions"),
    ),
)
QUARANTINE = Listing(
    path="quarantine",
    key="items",
    none="There is nothing in quarantine.",
    columns=(
        column("ITEM", "id", firm=True),
        column("STATE", "state", firm=True),
        times("SINCE", "at"),
        column("MAILBOX", "address"),
        column("SENDER", "sender"),
        column("SUBJECT", "subject"),
        column("POLICY", "policy"),
        column("TOLD", "told"),
    ),
)


def users(context: Context, connection: Connection, *, q: Part = None, as_json: Json = False) -> int:
    """List the users in our copy of the directory."""
    return USERS.show(Call.of(context, as_json=as_json), connection, q=q)


def groups(context: Context, connection: Connection, *, q: Part = None, as_json: Json = False) -> int:
    """List the groups in our copy of the directory."""
    return GROUPS.show(Call.of(context, as_json=as_json), connection, q=q)


def policies(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """List the policies, in the order in which they decide."""
    return POLICIES.show(Call.of(context, as_json=as_json), connection, paged=False)


def quarantine(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """List the messages in quarantine, newest first."""
    return QUARANTINE.show(Call.of(context, as_json=as_json), connection)
