"""A message in quarantine as JSON."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.protection.quarantine import QuarantinedMessage, QuarantineState
from shared.web.schema import When, example


@example(
    {
        "id": "284f6518208890eb9406d0371d351bc022a4b1b2",
        "address": "adele@contoso.com",
        "sender": "Invoices <billing@example.com>",
        "subject": "Overdue",
        "policy": "invoices",
        "at": "2026-11-25T08:10:00+00:00",
        "until": "2026-12-25T08:10:00+00:00",
        "state": "waiting",
        "told": None,
    }
)
class QuarantineItem(TypedDict):
    """A message that a policy took out of a mailbox."""

    id: Annotated[str, Field(description="the message's name here; of no use a year later")]
    address: Annotated[str, Field(description="whose mailbox it came to")]
    sender: str
    subject: str
    policy: str
    at: When
    until: Annotated[When, Field(description="until when it can be released")]
    state: QuarantineState
    told: Annotated[str | None, Field(description="what came of it, for people")]


def quarantine_item(item: QuarantinedMessage) -> QuarantineItem:
    """A message that a policy took out of a mailbox."""
    return {
        "id": item.id,
        "address": item.address,
        "sender": item.sender,
        "subject": item.subject,
        "policy": item.policy,
        "at": item.at.isoformat(),
        "until": item.until.isoformat(),
        "state": item.state,
        "told": item.told,
    }
