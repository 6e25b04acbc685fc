"""Messages a second on one core, by size: beside Python's `email` parser alone, and what its own HTML parser would add.

The standard library's HTML parser is what read pages here before; it finds other links than a browser shows.
"""

import base64
import email
import email.policy
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.impersonation import known
from shared.protection.inspection.inspect import judge

SECONDS = 0.7
TIMES = 3
HEAD = "From: Sender <sender@mail.example>\r\nSubject: A letter\r\nDate: Mon, 2 Jun 2025 10:00:00 +0000\r\n"
CONDITIONS = Conditions(
    senders=["other.example"],
    subjects=["urgent"],
    impersonation=True,
    links=["evil.example"],
    misleading_links=True,
    attachments=["executable", "macro", "html"],
    words=["overdue", "wire transfer"],
    expressions=[r"\b\d{16}\b"],
)
TENANT = known(
    receiver="mx.mail.example",
    domains=["orchard.example"],
    people=[("Jane Miller", ["jane@orchard.example"]), ("Paul Baker", ["paul@orchard.example"])],
)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Messages a second: parsed by `email` alone, with its HTML parser, and inspected."""

    size: int
    parsed: float
    parsed_as_before: float
    inspected: float


def newsletter(links: int = 400) -> str:
    """A page of 84 kB."""
    style = "padding:8px;font-family:Arial,sans-serif;color:#333"
    rows = (
        f'<tr><td style="{style}"><a href="https://click{n % 40}.news.example/c/{n}?u=8f3a&amp;m={n * 7}" '
        f'style="color:#06c">Story number {n}</a> <b>of the</b> day, told at some length</td></tr>\n'
        for n in range(links)
    )
    return f"<!DOCTYPE html><html><head><title>News</title></head><body><table>{''.join(rows)}</table></body></html>"


def messages() -> Mapping[str, bytes]:
    """A plain text, a newsletter with 400 links, and a message with an attachment of 10 MB."""
    plain = "Please see the notes of the meeting, and reply by Friday.\r\n" * 20
    attached = base64.encodebytes(bytes(range(256)) * 40_000).decode()
    return {
        "plain text": f"{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n{plain}".encode(),
        "newsletter, 400 links": f"{HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n{newsletter()}".encode(),
        "attachment of 10 MB": (
            f"{HEAD}Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nHello\r\n--B\r\n"
            "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.bin\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{attached}\r\n--B--\r\n"
        ).encode(),
    }


def measured() -> dict[str, Rates]:
    """Each message's rates, in the processor's time."""
    return {
        name: Rates(
            size=len(message),
            parsed=_rate(_parsed, message),
            parsed_as_before=_rate(_parsed_as_before, message),
            inspected=_rate(_inspected, message),
        )
        for name, message in messages().items()
    }


def _rate(read: Callable[[bytes], object], message: bytes) -> float:
    read(message)
    best = 0.0
    for _ in range(TIMES):
        number, begin = 0, time.thread_time()
        while time.thread_time() - begin < SECONDS / TIMES:
            read(message)
            number += 1
        best = max(best, number / (time.thread_time() - begin))
    return best


def _inspected(message: bytes) -> object:
    return judge(message, CONDITIONS, TENANT)


def _parsed(message: bytes) -> object:
    return email.message_from_bytes(message, policy=email.policy.default)


class _Links(HTMLParser):
    """Links and text as one would collect them by the standard library."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - whatever it is
        self.links += [value for name, value in attrs if name in ("href", "action", "src") and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _parsed_as_before(message: bytes) -> object:
    found = []
    for part in email.message_from_bytes(message, policy=email.policy.default).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and part.get_content_type() == "text/html":
            page = _Links()
            page.feed(content.decode("utf-8", "replace"))
            found.append((page.links, re.findall(r"\w+", " ".join(page.texts))))
    return found
