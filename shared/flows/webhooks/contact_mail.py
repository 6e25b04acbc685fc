"""Mail to a connection's contacts: of what a customer has to hear even without a webhook."""

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from shared.connections import record
from shared.connections.events import Event, EventKind
from shared.flows.app import App
from shared.foundation.errors import Temporary

# In the log of deliveries it stands where a webhook's id does.
CONTACTS = "contacts"
KINDS = frozenset({EventKind.MOVED})


def wanted(app: App, event: Event) -> bool:
    """Whether an event is told by mail. Without a mail server the webhooks are all that is told."""
    return event.kind in KINDS and bool(app.settings.smtp.host)


async def mailed(app: App, event: Event) -> str:
    """Mail an event to the contacts as they are now; why it has to be tried again, empty if it has not."""
    from shared.flows.reports import delivery
    from shared.flows.reports.store import WAITING

    connection = await record.find(app.database, event.connection) if event.connection else None
    if connection is None or not connection.contacts:
        return ""
    smtp, contacts = app.settings.smtp, connection.contacts
    message = _composed(app, event, contacts)
    try:
        outcomes = await asyncio.to_thread(delivery.hand_over, smtp, app.wire.ssl_context, message, contacts)
    except Temporary as error:
        return error.sentence
    later = sum(one == WAITING for one in outcomes.values())
    # Those who have it already know the second one by its Message-ID.
    return f"The mail server has not taken it yet for {later} of {len(contacts)} contacts." if later else ""


def _composed(app: App, event: Event, contacts: tuple[str, ...]) -> EmailMessage:
    """The mail. It does not say which customer the tenant goes to."""
    smtp, provider, about = app.settings.smtp, app.settings.provider, event.content
    software = app.settings.brand.software
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(software, addr_spec=smtp.sender)
    message["To"] = [Address(addr_spec=contact) for contact in contacts]
    message["Subject"] = f"{software}: your tenant may be connected for another customer"
    message["Date"] = format_datetime(event.at)
    message["Message-ID"] = f"<{event.id}@{smtp.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    asked = " ".join(one for one in (provider.name, provider.contact) if one) or "the provider of your mail protection"
    message.set_content(
        f"{about['actor']} has allowed another customer of the provider to connect the tenant {about['tenant']}, which "
        f'is or was connected for you as "{about["name"]}", on {event.at:%d %B %Y at %H:%M} UTC.\n\n'
        "Nothing changes until your connection has been revoked and an administrator of the tenant has consented. If "
        f"you did not expect this message, ask {asked}.\n",
        cte="quoted-printable",
    )
    return message
