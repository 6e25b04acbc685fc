"""Messages and files within a part that is sent as something else: mail programs open them all the same."""

import re
from collections.abc import Iterator

# What a message begins with, if it is sent as a file without a name that says so.
HEADERS = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:From [^\r\n]*\r?\n)?(?:(?:[!-9;-~]+):[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){1,200}?"
    rb"(?:mime-version|content-type|received|message-id|return-path|from|subject)[ \t]*:",
    re.IGNORECASE,
)
MESSAGES = (".eml", ".mht", ".mhtml", ".mhtm", ".email")
OFFICE = ("application/msword", "application/vnd.ms-")
OLDER = (".doc", ".dot", ".xls", ".xlt", ".ppt", ".pps", ".wps")
# Encrypted, or signed or packed in one piece: TNEF ([MS-OXTNEF] 2.1.3), CMS (RFC 5652, RFC 5083, RFC 3274) and PGP.
TNEF = b'x\x9f>"'
CMS = re.compile(
    rb"\x30.{1,6}\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07([\x02\x03\x06])|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01[\x09\x17])",
    re.DOTALL,
)
# Of a signature alone the content is elsewhere, and there is nothing to see.
CMS_WITH_CONTENT = re.compile(rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0", re.DOTALL)
PGP = b"-----BEGIN PGP MESSAGE-----"
# A way of older Macintosh programs to write a file as text (RFC 1741).
BINHEX = b"(This file must be converted with BinHex"
CLOSED = (".hqx", ".p7m", ".p7z", ".pgp", ".gpg", ".rpmsg")
# A way to encode files in texts that nobody specified; some mail programs show the files.
YENC = b"=ybegin line="
FILE = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200}?)[ \t]*\r?\n(?=[ -`][!-`]{4})", re.MULTILINE)
MAX_FILES = 20


def is_message(type: str, names: tuple[str, ...], content: bytes) -> bool:  # noqa: A002 - its name everywhere in mail
    """Whether a part is a message of its own, which opens as one."""
    if type.startswith("message/") or any(name.lower().rstrip(" .").endswith(MESSAGES) for name in names):
        return b":" in content[:2_000]
    # Office opens a page with its pictures and macros, saved as a message, by the name of an older document.
    older = type.startswith(OFFICE) or any(name.lower().rstrip(" .").endswith(OLDER) for name in names)
    asked = older or type in ("application/octet-stream", "multipart/related")
    return asked and HEADERS.match(content[:4_000]) is not None


def closed(type: str, names: tuple[str, ...], content: bytes) -> bool:  # noqa: A002 - its name everywhere in mail
    """Whether only the receiver's own program opens a part: it holds others, or a text, that nobody else sees."""
    head = content[:200].lstrip()
    if head.startswith((TNEF, PGP, BINHEX)) or any(name.lower().rstrip(" .").endswith(CLOSED) for name in names):
        return True
    if type == "text/plain":
        return PGP in content or YENC in content
    kind = CMS.match(content[:64])
    return kind is not None and (kind[1] != b"\x02" or CMS_WITH_CONTENT.search(content[:400]) is not None)


def files_in_text(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that stand in a plain text, encoded as before there was MIME; mail programs show them."""
    for number, begin in enumerate(FILE.finditer(raw) if b"begin " in raw else ()):
        if number == MAX_FILES:
            return
        end = raw.find(b"\nend", begin.end())
        yield begin[1].decode("utf-8", "replace"), raw[begin.start() : end + 5 if end >= 0 else len(raw)]
