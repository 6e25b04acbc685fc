"""Marked messages as JSON."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.flows.marked_messages import Marked, State
from shared.web.schema import When, example


@example(
    {
        "id": "5f2d6a",
        "recipient": "maria@contoso.com",
        "asked_at": "2026-11-26T09:14:31+00:00",
        "asked_by": "operator@msp.example",
        "sent_at": "2026-11-26T09:14:32+00:00",
        "state": "arrived",
        "seen": 1,
        "returned": 1,
        "code": None,
        "sentence": None,
    }
)
class MarkedMessageView(TypedDict):
    """How far one marked message came."""

    id: str
    recipient: str
    asked_at: When
    asked_by: str
    sent_at: Annotated[When | None, Field(description="when the mail server was handed it")]
    state: Annotated[
        State,
        Field(
            description="`arrived`: the scanner saw it once, and the platform took it back; whether it lies in the "
            "mailbox is not known"
        ),
    ]
    seen: Annotated[int, Field(description="how often the scanner reported that it came")]
    returned: Annotated[int, Field(description="how often it reported that the platform took it back")]
    code: Annotated[str | None, Field(description="why it failed")]
    sentence: str | None


class MarkedMessageList(TypedDict):
    """The newest marked messages."""

    marked_messages: list[MarkedMessageView]


def marked_message(one: Marked) -> MarkedMessageView:
    """One marked message."""
    return {
        "id": one.id,
        "recipient": one.recipient,
        "asked_at": one.asked_at.isoformat(),
        "asked_by": one.asked_by,
        "sent_at": one.sent_at.isoformat() if one.sent_at else None,
        "state": one.state,
        "seen": one.seen,
        "returned": one.returned,
        "code": one.code,
        "sentence": one.sentence,
    }
