"""Commands about marked messages, which show that a connection's mail goes the whole way."""

from typing import Annotated

from typer import Argument, Context

from shared.cli.api import of
from shared.cli.call import Call, Connection
from shared.cli.terminal import column

MESSAGES = (
    column("ASKED", "asked_at", firm=True),
    column("TO", "recipient"),
    column("STATE", "state", firm=True),
    column("SEEN", "seen"),
    column("RETURNED", "returned"),
    column("WHY", "sentence"),
)


def send(
    context: Context,
    connection: Connection,
    recipient: Annotated[str, Argument(help="A user whose incoming mail is protected.", show_default=False)],
) -> int:
    """Send a marked message the whole way of a connection's mail."""
    call = Call.of(context)
    answer = call.api.post(of(call.api.find(connection)["id"], "marked-messages"), {"recipient": recipient})
    call.told(answer, f"A marked message to {recipient} is being sent. “messages list” shows how far it came.")
    return 0


def every(context: Context, connection: Connection) -> int:
    """Show how far the newest marked messages came."""
    call = Call.of(context)
    answer = call.api.get(of(call.api.find(connection)["id"], "marked-messages"))
    call.rows(answer, answer["marked_messages"], MESSAGES, none="No marked message was sent.")
    return 0
