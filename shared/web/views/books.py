"""A platform's own log of our calls beside ours, as JSON."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections.record import Connection
from shared.flows import looks
from shared.flows.app import App
from shared.web.schema import When


class MethodCalls(TypedDict):
    """How often a method was called: by our log, and by the platform's own."""

    method: str
    ours: int
    theirs: int


Blind = Annotated[list[str], Field(description="what could not be compared, and why")]
Unknown = Annotated[list[str], Field(description="what the platform's log has of us and ours does not")]
# One of its names is a word of the language.
Matched = TypedDict(
    "Matched", {"from": When, "to": When, "methods": list[MethodCalls], "unknown": Unknown, "blind": Blind}
)


async def matched(app: App, connection: Connection, span: timedelta) -> Matched:
    """Our log of calls beside the platform's own log of the same time: how often each method was called."""
    # Whole seconds, for that is how finely two logs can be held against each other.
    now = app.clock.now().replace(microsecond=0)
    begin = now - span
    found = await looks.compared(app, connection, begin, now)
    return {
        "from": begin.isoformat(),
        "to": now.isoformat(),
        "methods": [
            {"method": name, "ours": ours, "theirs": theirs} for name, (ours, theirs) in sorted(found.methods.items())
        ],
        "unknown": [one.told for one in found.unknown],
        "blind": list(found.blind),
    }
