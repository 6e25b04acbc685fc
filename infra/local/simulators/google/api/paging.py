"""Page tokens: opaque, good for the same question only, and saying from where to go on."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable


def token(question: Iterable[object], place: object) -> str:
    """Return a token that leads on from `place` in the answer to a question."""
    text = json.dumps([_digest(question), place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place(question: Iterable[object], given: str) -> int:
    """Return where to go on; a token of another question, or none of ours, is a `ValueError`."""
    try:
        digest, found = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (ValueError, TypeError) as error:
        raise ValueError("This is no page token.") from error
    if digest != _digest(question) or not isinstance(found, int):
        raise ValueError("This page token belongs to another question.")
    return found


def _digest(question: Iterable[object]) -> str:
    return hashlib.blake2b(repr(list(question)).encode(), digest_size=6).hexdigest()
