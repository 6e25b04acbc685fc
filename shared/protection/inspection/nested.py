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
FILE = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200}?)[ \t]*\r?\n(?=[ -`][!-`]{4})", re.MULTILINE)
MOST_FILES = 20


def is_message(type: str, names: tuple[str, ...], content: bytes) -> bool:  # noqa: A002 - its name everywhere in mail
    """Whether a part is a message of its own, which opens as one."""
    if type.startswith("message/") or any(name.lower().rstrip(" .").endswith(MESSAGES) for name in names):
        return b":" in content[:2_000]
    return type in ("application/octet-stream", "multipart/related") and HEADERS.match(content[:4_000]) is not None


def files_in_text(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that stand in a plain text, encoded as before there was MIME; mail programs show them."""
    for number, begin in enumerate(FILE.finditer(raw)):
        if number == MOST_FILES:
            return
        end = raw.find(b"\nend", begin.end())
        yield begin[1].decode("utf-8", "replace"), raw[begin.start() : end + 5 if end >= 0 else len(raw)]
