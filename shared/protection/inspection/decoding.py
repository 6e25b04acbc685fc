"""Content and text out of what was sent, as leniently as mail programs do: to be a little wrong hides nothing."""

import binascii
import codecs
import re

NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
# They take time by the square of a text's length, and no mail is written in them.
SLOW_CHARSETS = frozenset({"punycode", "idna"})


def content(raw: bytes, encoding: str) -> bytes:
    """A part's content; as it stands if the transfer encoding is none that is known."""
    match encoding:
        case "base64":
            return _base64(raw)
        case "quoted-printable":
            return binascii.a2b_qp(raw)
        case "uuencode" | "x-uuencode" | "uue" | "x-uue":
            return _uuencoded(raw)
    return raw


def text(content: bytes, charset: str) -> str:
    """Bytes as text, whatever is said of them."""
    try:
        known = codecs.lookup(charset or "utf-8").name  # it goes by many names
        return content.decode("utf-8" if known in SLOW_CHARSETS else known, "replace")
    except (LookupError, ValueError):  # unknown, not for texts, or always failing
        return content.decode("utf-8", "replace")


def _base64(raw: bytes) -> bytes:
    """As mail programs do: what does not belong is passed over, and padding may stand in the middle."""
    pieces = re.split(rb"=+", raw.translate(None, NOT_BASE64), maxsplit=100)
    whole = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces)
    return b"".join(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _uuencoded(raw: bytes) -> bytes:
    lines = raw.splitlines()
    begin = next((at + 1 for at, line in enumerate(lines) if line.startswith(b"begin ")), 0)
    found = []
    for line in lines[begin:]:
        if line.strip() == b"end":
            break
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some programs write more than the length that they give.
            held = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                found.append(binascii.a2b_uu(line[:held]))
            except binascii.Error:
                continue
    return b"".join(found)
