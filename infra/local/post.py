"""The mail of the local machine: a relay that takes marked messages, and the simulated way that each of them goes.

The relay hands a message to the simulated Exchange, whose router carries it to the scanner and back; the scanner
reports what it sees to the service, signed, as a real one does. Other mail is taken and dropped.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import httpx

from infra.local.simulators.microsoft.exchange.mail.message import Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from infra.local.simulators.microsoft.state import Microsoft
from shared.connections import record
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.flows.app import App
from shared.flows.reports.delivery import MARK
from shared.platforms.microsoft365.mail_reading import service_of
from shared.platforms.microsoft365.name import NAME

SENDER, RELAY = "footprint@relay.example.net", "192.0.2.200"
CLEAN = "clean"
END = b"\r\n.\r\n"
ANSWERS = {b"EHLO": b"250 relay", b"HELO": b"250 relay", b"MAIL": b"250 OK", b"RCPT": b"250 OK", b"RSET": b"250 OK"}


@asynccontextmanager
async def relay(app: App, microsoft: Microsoft, address: str) -> AsyncIterator[None]:
    """Take mail on the port of the settings until the block ends; the scanner reports to the service at `address`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        while command := (await reader.readline()).split(maxsplit=1)[:1]:
            if command[0].upper() == b"DATA":
                writer.write(b"354 Go on\r\n")
                content = await reader.readuntil(END)
                await _carried(app, microsoft, address, message_from_bytes(content, policy=default))
                writer.write(b"250 OK\r\n")
            elif command[0].upper() == b"QUIT":
                writer.write(b"221 Bye\r\n")
                break
            else:
                writer.write(ANSWERS.get(command[0].upper(), b"502 Not known here") + b"\r\n")
        writer.close()

    async with await asyncio.start_server(serve, app.settings.smtp.host, app.settings.smtp.port):
        yield


async def _carried(app: App, microsoft: Microsoft, address: str, message: EmailMessage) -> None:
    """Carry a message with a mark to its end, and report what the scanner sees of it."""
    mark, recipient = message[MARK], str(message["To"])
    domain = recipient.rpartition("@")[2].lower()
    tenants = (one for one in microsoft.tenants.values() if domain in one.accepted_domains)
    tenant = next(tenants, None) if mark else None
    if tenant is None:
        return
    async with app.database.read() as read:
        found = await record.of_tenant(read, NAME, tenant.id)
    for connection in [one for one in found if one.stage is Stage.RUN]:
        service = service_of(app, connection, *await header_secrets(app.seal, connection))
        egress = str(next(iter(app.settings.mail.at(connection.site).egress)).network_address)
        headers = {service.return_header: service.return_secret, service.verdict_header: CLEAN}
        mail = Mail(author=SENDER, recipient=recipient, envelope_sender=SENDER, server=RELAY)
        scanner = Scanner(hosts=service.hosts, address=egress, headers=headers)
        end = carry(tenant, mail, scanner, app.clock.now())
        events = ["seen"] * end.scans + ["returned"] * bool(end.scans and end.end == "mailbox")
        for number, event in enumerate(events):
            await _report(app, address, f"{mark}-{number}", {"mark": mark, "event": event})


async def _report(app: App, address: str, identity: str, about: dict[str, str]) -> None:
    """Tell the service, signed as Standard Webhooks are."""
    secret = app.settings.scanner.secret
    key = secret.get_secret_value().encode() if secret else b""
    body, at = json.dumps(about), str(int(app.clock.now().timestamp()))
    signature = base64.b64encode(hmac.digest(key, f"{identity}.{at}.{body}".encode(), hashlib.sha256)).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{signature}",
    }
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{address}/api/scanner/sightings", content=body, headers=headers)
        answer.raise_for_status()
