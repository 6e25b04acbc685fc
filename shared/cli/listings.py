"""Lists of the API and the columns in which they are shown; the commands about users, groups and quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from typer import Argument, Context

from shared.cli.api import of
from shared.cli.call import Call, Connection, Part
from shared.cli.terminal import Column, column, times


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list of the API: where it is, under which key, whether it comes in pages, and how it is shown."""

    path: str
    key: str
    columns: Sequence[Column]
    none: str
    paged: bool = True

    def show(self, context: Context, connection: str | None = None, **query: str | None) -> int:
        """Show all of it, below a connection if one is named."""
        call = Call.of(context)
        path = f"/{self.path}" if connection is None else of(call.api.find(connection)["id"], self.path)
        answer = call.api.every(path, self.key, **query) if self.paged else call.api.get(path, **query)
        call.rows(answer, answer[self.key], self.columns, none=self.none)
        return 0


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


def users(context: Context, connection: Connection, *, q: Part = None) -> int:
    """List the users in our copy of the directory."""
    return USERS.show(context, connection, q=q)


def groups(context: Context, connection: Connection, *, q: Part = None) -> int:
    """List the groups in our copy of the directory."""
    return GROUPS.show(context, connection, q=q)


def quarantine(context: Context, connection: Connection) -> int:
    """List the messages in quarantine, newest first."""
    return QUARANTINE.show(context, connection)


def release(
    context: Context,
    connection: Connection,
    item: Annotated[
        str,
        Argument(metavar="ITEM", help="The message's number, as “quarantine list” shows it.", show_default=False),
    ],
) -> int:
    """Release a message from quarantine, to where it was."""
    call = Call.of(context)
    answer = call.api.post(of(call.api.find(connection)["id"], "quarantine", item, "release"), {})
    call.told(answer, "The message is being released.")
    return 0
