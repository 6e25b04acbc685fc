"""Messages for tests, put together byte by byte: the standard library would not write most of them."""

import base64
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.impersonation import Known, known
from shared.protection.inspection.inspect import judge

RECEIVER = "mx.receiver.example"
GOOD = (
    f"{RECEIVER}; dkim=pass header.i=@b.example; spf=pass smtp.mailfrom=a@b.example; dmarc=pass header.from=b.example"
)
PEOPLE = [
    ("Jane Doe", ["jane@contoso.com", "jane.private@elsewhere.example"]),
    ("Paul Iłłés", ["paul@contoso.com"]),
    ("王小明", ["wang@contoso.com"]),
    ("Support", ["support@contoso.com"]),
]
TENANT: Known = known(receiver=RECEIVER, domains=["contoso.com", "MÜNCHEN.example"], people=PEOPLE)


def mail(body: bytes | str = b"hello", *, kind: str = "text/plain; charset=utf-8", **headers: str) -> bytes:
    """A message of one part. Underscores in names of headers stand for hyphens."""
    given = {"From": "A <a@b.example>", "Subject": "Hello", "Content-Type": kind} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return head(given) + (body if isinstance(body, bytes) else body.encode())


def head(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def part(content: bytes, name: str = "", kind: str = "application/octet-stream") -> bytes:
    """An attachment."""
    named = f'; filename="{name}"' if name else ""
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f"attachment{named}",
        "Content-Transfer-Encoding": "base64",
    }
    return head(headers) + base64.encodebytes(content).replace(b"\n", b"\r\n")


def mixed(*parts: bytes) -> bytes:
    """A message of several parts."""
    inner = b"".join(b"--BORDER\r\n" + one + b"\r\n" for one in parts) + b"--BORDER--\r\n"
    return mail(inner, kind="multipart/mixed; boundary=BORDER")


def zipped(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return written.getvalue()


def found(message: Any, **conditions: Any) -> set[str]:
    """The kinds of what is found in a message by conditions, "incomplete" among them."""
    return {one.kind for one in judge(message, Conditions(**conditions), TENANT)}


def page(content: str, **headers: str) -> bytes:
    """A message that is a page."""
    return mail(content, kind="text/html; charset=utf-8", **headers)


def misleads(target: str, shown: str) -> bool:
    """Whether a link that shows a text misleads."""
    content = f'<p>Shared with you: <a href="{target.replace("&", "&amp;")}">{shown}</a></p>'
    return found(page(content), misleading_links=True) == {"misleading_links"}
