"""A report as a mail, and handing it to the mail server.

A mail server may take a message and die before it says so. Then it is handed over again, and bears the same
Message-ID, by which mail programs and people know it again.
"""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from shared.flows.reports.store import SENT, WAITING
from shared.foundation.errors import Temporary
from shared.foundation.settings import Smtp

# By this header the scanner knows a message that it is to report.
MARK = "X-Marked-Message"
# Longest silence of a mail server, in seconds: the run holds a lease meanwhile.
SMTP_TIMEOUT_SECONDS = 20


def compose(
    smtp: Smtp,
    recipients: Sequence[str],
    content: Mapping[str, Any],
    *,
    text: str,
    html: str,
    figures: str,
    software: str,
    id: str,  # noqa: A002 - Message-ID has no other name
) -> EmailMessage:
    """The mail of `software`: text and HTML, and the figures as a CSV file. `id` is the same each time."""
    domain = smtp.sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(software, addr_spec=smtp.sender)
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Subject"] = _line(f"{content['title']}: {content['connection']['name']}")
    message["Date"] = format_datetime(datetime.fromisoformat(content["made_at"]))
    message["Message-ID"] = f"<{id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    # Lines of mail are short, and these are not.
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.add_attachment(figures, subtype="csv", filename=f"{content['name']}.csv", cte="quoted-printable")
    return message


def marked(smtp: Smtp, recipient: str, mark: str, at: datetime, software: str) -> EmailMessage:
    """A message that shows which way mail takes: its mark is in a header, by which the scanner knows it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(software, addr_spec=smtp.sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = _line(f"{software}: test of the mail flow")
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mark}@{smtp.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message[MARK] = mark
    message.set_content(f"{software} has sent this message to see which way mail takes; the message can be deleted.\n")
    return message


def _line(text: str) -> str:
    """One line of plain text: what would begin another header is a space."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def hand_over(smtp: Smtp, trusted: ssl.SSLContext, message: EmailMessage, recipients: Sequence[str]) -> dict[str, str]:
    """Give a mail to the server, and say what became of each recipient: SENT, WAITING, or why it was refused.

    Waits for the network, so it is called in a thread. Raises Temporary if the server took nothing for anybody.
    """
    try:
        with _server(smtp, trusted) as server:
            refused = server.send_message(message, smtp.sender, recipients)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPDataError as error:
        if error.smtp_code < 500:
            raise _not_now(smtp, f"code {error.smtp_code}") from None
        # It is this mail that is not liked, and it will not be another one next time.
        refused = dict.fromkeys(recipients, (error.smtp_code, b""))
    except smtplib.SMTPResponseException as error:
        raise _not_now(smtp, f"code {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        # What it says may hold anything; its kind says enough.
        raise _not_now(smtp, type(error).__name__) from None
    return {one: _outcome(refused[one][0]) if one in refused else SENT for one in recipients}


def _server(smtp: Smtp, trusted: ssl.SSLContext) -> smtplib.SMTP:
    """A session. Our name in it is the sender's domain: to ask the system for its own may take long."""
    ours = smtp.sender.rpartition("@")[2]
    if smtp.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            smtp.host, smtp.port, ours, timeout=SMTP_TIMEOUT_SECONDS, context=trusted
        )
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, ours, timeout=SMTP_TIMEOUT_SECONDS)
    try:
        if smtp.security == "starttls":
            server.starttls(context=trusted)
        if smtp.username and smtp.password:
            server.login(smtp.username, smtp.password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _outcome(code: int) -> str:
    return WAITING if code < 500 else f"refused with code {code}"


def _not_now(smtp: Smtp, why: str) -> Temporary:
    return Temporary("mail_server", f"The mail server {smtp.host} does not take reports just now ({why}).")
