"""How many messages are inspected in a second of one core."""

import time
from collections.abc import Callable

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


def newsletter(links: int = 400) -> str:
    """A page of 84 kB."""
    style = "padding:8px;font-family:Arial,sans-serif;color:#333"
    rows = (
        f'<tr><td style="{style}"><a href="https://click{n % 40}.news.example/c/{n}?u=8f3a&amp;m={n * 7}" '
        f'style="color:#06c">Story number {n}</a> <b>of the</b> day, told at some length</td></tr>\n'
        for n in range(links)
    )
    return f"<!DOCTYPE html><html><head><title>News</title></head><body><table>{''.join(rows)}</table></body></html>"


def measured() -> float:
    """Newsletters of 84 kB that are inspected in a second of the processor's time."""
    page = f"{HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n{newsletter()}"
    return _rate(_inspected, page.encode())


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
