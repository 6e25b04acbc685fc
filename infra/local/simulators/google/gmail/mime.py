"""A message as Gmail prints it: its headers as they stand, its parts as a tree."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

from infra.local.simulators.wire import Record

# Larger bodies are fetched as attachments, by an id.
INLINE = 5_000


def raw_of(message: Record) -> bytes:
    """Return the whole message; one that was not given whole is written from what was."""
    if "raw" in message:
        return bytes(message["raw"])
    lines = [f"{one['name']}: {one['value']}" for one in _written(message)]
    return "\r\n".join([*lines, "", message["body"]]).encode()


def headers_of(message: Record) -> list[dict[str, str]]:
    """Return the headers from the top, unfolded."""
    return _headers(_parsed(message)) if "raw" in message else _written(message)


def payload_of(message: Record) -> dict[str, Any]:
    """Return the whole tree of parts."""
    return _part(_parsed(message), "")


def encoded(data: bytes) -> str:
    """Return bytes as Gmail writes them."""
    return base64.urlsafe_b64encode(data).decode()


def described(raw: bytes) -> dict[str, str]:
    """Return what a message that was given whole says of sender and subject."""
    parsed = message_from_bytes(raw, policy=policy.compat32)
    return {name: _unfolded(str(parsed[name] or "")) for name in ("from", "subject")}


def _parsed(message: Record) -> Message:
    return message_from_bytes(raw_of(message), policy=policy.compat32)


def _written(message: Record) -> list[dict[str, str]]:
    values = {
        "Delivered-To": message["to"],
        "Message-ID": f"<{message['id']}@mail.elsewhere.example>",
        "Date": message["date"],
        "From": message["from"],
        "To": message["to"],
        "Subject": message["subject"],
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _headers(part: Message) -> list[dict[str, str]]:
    return [{"name": name, "value": _unfolded(str(value))} for name, value in part.raw_items()]


def _unfolded(value: str) -> str:
    # Bytes that are no ASCII are replaced, as no JSON could hold them.
    return re.sub(r"\r?\n", "", value).encode("utf-8", "replace").decode()


def _part(part: Message, number: str) -> dict[str, Any]:
    printed = {
        "partId": number,
        "mimeType": part.get_content_type(),
        "filename": part.get_filename() or "",
        "headers": _headers(part),
    }
    if part.is_multipart():
        inner = [one for one in part.get_payload() if isinstance(one, Message)]
        below = f"{number}." if number else ""
        return {
            **printed,
            "body": {"size": 0},
            "parts": [_part(one, f"{below}{place}") for place, one in enumerate(inner)],
        }
    content = part.get_payload(decode=True)
    data = content if isinstance(content, bytes) else b""
    if printed["filename"] or len(data) > INLINE:
        return {**printed, "body": {"size": len(data), "attachmentId": f"part-{number or 0}"}}
    return {**printed, "body": {"size": len(data), "data": encoded(data)}}
