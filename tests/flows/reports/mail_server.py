"""A real mail server on loopback, with people who refuse what they are told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult


@dataclass
class Post:
    """What a mail server's people have set up: whom it refuses, how it ends, and what it has taken."""

    refused: dict[str, list[str]] = field(default_factory=dict)
    """What is said of a recipient, each time anew; nothing more means that it is taken."""
    answers: list[str] = field(default_factory=list)
    """What is said once a message is there, each time anew; `dies` is to go away instead."""
    taken: list[tuple[list[str], bytes]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name it is called by
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """A recipient."""
        if said := self.refused.get(address):
            return said.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the same
        """A message."""
        self.taken.append((list(envelope.rcpt_tos), envelope.content))
        said = self.answers.pop(0) if self.answers else "250 OK"
        if said == "dies":
            server.transport.abort()
        return said

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, auth: Any) -> AuthResult:
        """Who wants in."""
        self.logins.append((auth.login, auth.password))
        return AuthResult(success=auth.password == b"the password", handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        """What was taken, read."""
        return [message_from_bytes(content, policy=default) for _, content in self.taken]  # type: ignore[misc]


@asynccontextmanager
async def mail_server(
    post: Post, security: str = "none", tls: ssl.SSLContext | None = None
) -> AsyncIterator[dict[str, Any]]:
    """A real one on loopback; the settings with which it is reached."""
    loop = asyncio.get_running_loop()
    more: dict[str, Any] = {}
    if tls is not None:
        under = security == "starttls"
        more = {"authenticator": post.login, "auth_required": under, "auth_require_tls": under}
    if security == "starttls":
        more |= {"tls_context": tls, "require_starttls": tls is not None}
    server = await loop.create_server(
        lambda: SMTP(post, hostname="mail.example.com", loop=loop, **more),
        "127.0.0.1",
        0,
        ssl=tls if security == "tls" else None,
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield {"host": "127.0.0.1", "port": port, "security": security, "sender": "reports@example.com"}
