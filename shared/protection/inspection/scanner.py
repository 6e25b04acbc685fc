"""Another service's opinion of a message.

The message is posted as it is (message/rfc822) to the configured address, with these headers:

    X-Footprint-Key        which key it is signed with
    X-Footprint-Time       when, in seconds since 1970
    X-Footprint-About      our own name of the message, percent-encoded
    X-Footprint-Signature  HMAC-SHA256 by the key, in hexadecimal, of five lines joined by line feeds: the method, the
                           path, the time, our name of the message, and the SHA-256 of the body in hexadecimal

A scanner computes the same, compares in constant time, and refuses what is older than a few minutes. It answers 200
with {"verdict": "risky"} or {"verdict": "clean"}. Nothing else is an answer, and no redirect is followed.
"""

import hashlib
import hmac
from datetime import timedelta
from enum import StrEnum
from urllib.parse import quote

from shared.connections.lease import Superseded
from shared.foundation.errors import FootprintError, Temporary
from shared.foundation.settings import Scanner
from shared.foundation.wire import Wire
from shared.protection.inspection.conditions import Finding

# A mailbox whose messages wait for the scanner is read again after this.
WAIT = timedelta(minutes=5)
RISKY = Finding(kind="scanner", why="The scanner reports the message as risky.")
HELD_TO_BE_RISKY = Finding(kind="scanner", why="The scanner did not answer, and such mail is acted on.")
UNANSWERED = Finding(kind="incomplete", why="The scanner did not answer.")


class Verdict(StrEnum):
    """What the scanner says of a message; UNKNOWN if it says nothing that can be believed."""

    RISKY = "risky"
    CLEAN = "clean"
    UNKNOWN = "unknown"


async def ask(wire: Wire, settings: Scanner, message: bytes, about: str) -> Verdict:
    """What the scanner says of a message; `about` is our own name of it. Never raises for what the scanner does."""
    import httpx

    if settings.url is None or settings.secret is None:
        return Verdict.UNKNOWN
    path = httpx.URL(settings.url).raw_path.decode("ascii")
    moment, name = str(int(wire.clock.now().timestamp())), quote(about, safe="")
    headers = {
        "Content-Type": "message/rfc822",
        "X-Footprint-Key": settings.key_id,
        "X-Footprint-Time": moment,
        "X-Footprint-About": name,
        "X-Footprint-Signature": signature(
            settings.secret.get_secret_value(), "POST", path, moment=moment, about=name, body=message
        ),
    }
    try:
        async with wire.client(settings.url) as http:
            reply = await http.send("POST", settings.url, headers=headers, content=message, timeout=settings.timeout)
            answer = reply.json() if reply.status == 200 else None
    except Superseded:
        raise
    except FootprintError:
        return Verdict.UNKNOWN
    said = answer.get("verdict") if isinstance(answer, dict) else None
    return Verdict(said) if said in ("risky", "clean") else Verdict.UNKNOWN


async def opinion(wire: Wire, settings: Scanner, message: bytes, about: str) -> Finding | None:
    """The scanner's finding, None if it calls the message clean; or what the settings say of a silent scanner.

    Raises Temporary "scanner_silent" if mail waits for it.
    """
    verdict = await ask(wire, settings, message, about)
    if verdict is not Verdict.UNKNOWN:
        return RISKY if verdict is Verdict.RISKY else None
    match settings.unanswered:
        case "pass":
            return UNANSWERED
        case "act":
            return HELD_TO_BE_RISKY
        case "wait":
            raise Temporary("scanner_silent", "The scanner does not answer; mail waits.", after=WAIT)


def signature(secret: str, method: str, path: str, *, moment: str, about: str, body: bytes) -> str:
    """By which a scanner knows that a request is ours and whole, in hexadecimal."""
    lines = "\n".join([method, path, moment, about, hashlib.sha256(body).hexdigest()])
    return hmac.new(secret.encode(), lines.encode(), hashlib.sha256).hexdigest()
