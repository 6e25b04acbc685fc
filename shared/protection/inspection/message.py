"""A message taken apart by the standard library, in bounded time and memory, whatever it is.

Whoever writes a message decides how hard it is to read. What is not read within the bounds is said in `missed`: it is
never taken for harmless. Header values are plain text here; only those that are read by people are decoded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email import errors, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesFeedParser
from email.utils import collapse_rfc2231_value, parseaddr
from typing import Any

from shared.protection.inspection import decoding
from shared.protection.inspection.budget import Budget

# The largest mail that providers take is a little smaller.
MOST_BYTES = 40_000_000
MOST_LINES = 1_000_000
MOST_PARTS = 1_000
DEEPEST = 40
# Of one header, in characters. The library's parsers take time by the square of it.
LONGEST_HEADER = 2_000
LONGEST_RESULTS = 16_000
# Of headers that a message has once.
MOST_ALIKE = 3
AT_ONCE = 1 << 14
PUTTING_TOGETHER = 0.15
RESULTS = "authentication-results"
READ = frozenset({"from", "reply-to", "subject", RESULTS, "content-type", "content-disposition"})
AMBIGUOUS = (
    errors.MissingHeaderBodySeparatorDefect, errors.NoBoundaryInMultipartDefect, errors.StartBoundaryNotFoundDefect,
    errors.MisplacedEnvelopeHeaderDefect, errors.FirstHeaderLineIsContinuationDefect,
)  # fmt: skip
# They hold parts that only their readers can take out.
CLOSED_TYPES = frozenset({
    "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted", "application/ms-tnef",
})  # fmt: skip

TOO_LARGE = f"It is larger than {MOST_BYTES // 1_000_000} MB, and only the beginning was looked at."
TOO_MANY_LINES = f"It has more than {MOST_LINES} lines, and only the first were looked at."
TOO_MANY_PARTS = f"It has more than {MOST_PARTS} parts, and only the first were looked at."
TOO_DEEP = "Its parts are nested too deeply to be looked at."
TOO_SLOW = "It takes too long to read, and only a part was looked at."
TOO_LONG = "A header is too long to be looked at whole."
UNREADABLE = "A part of it cannot be read."
CLOSED = "A part of it is encrypted or wrapped, and cannot be looked into."


class _Enough(Exception):
    """The bound on parts is reached."""


class _Node(EmailMessage):
    """A part that knows how deep it is. One that is too deep has no parts of its own."""

    def __init__(self, policy: Any, budget: Budget) -> None:
        super().__init__(policy)
        self.depth, self._budget = 0, budget

    def set_raw(self, name: str, value: Any) -> None:
        if self._budget.spent:
            raise _Enough
        super().set_raw(name, value)

    def attach(self, payload: Any) -> None:
        payload.depth = self.depth + 1
        super().attach(payload)

    def get_content_type(self) -> str:
        return "application/octet-stream" if self.depth > DEEPEST else super().get_content_type()


class _Policy(policy.EmailPolicy):
    """The modern policy with short headers, which are left as text until somebody reads one."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        # One more than is read, which shows that there was more.
        return name, _unfolded(value, LONGEST_RESULTS if name.lower() == RESULTS else LONGEST_HEADER)

    def header_fetch_parse(self, name: str, value: str) -> Any:
        # Content is decoded below: the library leaves what is a little wrong as it is, and mail programs do not.
        return "" if name.lower() == "content-transfer-encoding" else value


@dataclass(frozen=True, kw_only=True)
class Part:
    """A leaf: its type as declared, its file name ("" if none), whether it is meant to be saved, and its content."""

    type: str
    name: str
    attached: bool
    charset: str
    encoding: str
    raw: bytes = field(repr=False)

    def content(self) -> bytes:
        """What the part holds, decoded as far as it can be."""
        return decoding.content(self.raw, self.encoding)

    def text(self, most: int) -> tuple[str, bool]:
        """The first characters of a text, and whether there are more."""
        # No charset has more than four bytes for a character, or nearly so.
        content = self.content()
        text = decoding.text(content[: 4 * most], self.charset)
        return text[:most], len(text) > most or len(content) > 4 * most


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message: its headers from the top with names in lower case, its leaves (None: not given), what was missed."""

    headers: Sequence[tuple[str, str]] = field(repr=False)
    parts: Sequence[Part] | None = field(default=None, repr=False)
    missed: Sequence[str] = ()
    _known: dict[str, list[tuple[str, str]]] = field(default_factory=dict, repr=False, compare=False)

    def all(self, name: str) -> list[str]:
        """The values of the first headers of a name, from the top."""
        return [value for known, value in self.headers if known == name][:MOST_ALIKE]

    @property
    def subject(self) -> str:
        """What is shown as the subject."""
        return "\n".join(_worded(value) for value in self.all("subject"))

    def people(self, name: str) -> list[tuple[str, str]]:
        """The display names and addresses in all headers of a name. Without an address, what stands there is a name."""
        # Whoever writes to us decides how long that takes, and several kinds of conditions ask.
        if name not in self._known:
            self._known[name] = [one for value in dict.fromkeys(self.all(name)) for one in _people(name, value)]
        return self._known[name]


def from_headers(headers: Iterable[tuple[str, str]]) -> Mail:
    """A message of which only headers are known, as they stand from the top."""
    return _mail((name, _unfolded(value, LONGEST_RESULTS)) for name, value in headers)


def read(message: bytes, budget: Budget, *, only_headers: bool) -> Mail:
    """Take a message apart."""
    if only_headers:
        message = re.split(rb"\r?\n\r?\n", message[:MOST_BYTES], maxsplit=1)[0] + b"\n\n"
    nodes: list[_Node] = []
    lines = 0
    # The library goes through headers when it has them all, and what was read before the time was up is worth that.
    last = Budget(budget.left + PUTTING_TOGETHER)
    missed = [TOO_LARGE] if len(message) > MOST_BYTES else []

    def another(policy: Any) -> _Node:
        if len(nodes) == MOST_PARTS or (nodes and budget.spent):
            raise _Enough
        nodes.append(_Node(policy, last))
        return nodes[-1]

    parser = BytesFeedParser(policy=_Policy(message_factory=another))
    try:
        for start in range(0, min(len(message), MOST_BYTES), AT_ONCE):
            some = message[start : start + AT_ONCE]
            parser.feed(some)
            lines += max(some.count(b"\n"), some.count(b"\r"))
            if budget.spent or lines > MOST_LINES:
                missed.append(TOO_SLOW if budget.spent else TOO_MANY_LINES)
                break
        parser.close()
    except _Enough:
        missed.append(TOO_SLOW if budget.spent else TOO_MANY_PARTS)
    except Exception:  # the library may fail at anything that it is given
        missed.append(UNREADABLE)
    if any(node.depth > DEEPEST for node in nodes):
        missed.append(TOO_DEEP)
    headers = list(nodes[0].raw_items()) if nodes else []
    if only_headers:
        return _mail(headers, missed=missed)
    leaves = [_part(node) for node in nodes if not node.is_multipart() and not last.spent]
    if last.spent:
        missed.append(TOO_SLOW)
    # A message within may not be encoded; the parser has read it as it stands. Other programs may find parts where the
    # parser finds that the headers end early, or no border between parts.
    if any(isinstance(defect, AMBIGUOUS) for node in nodes for defect in node.defects) or any(
        node.get_content_maintype() == "message" and _encoding(node) == "base64" for node in nodes
    ):
        missed.append(UNREADABLE)
    if any(leaf.type in CLOSED_TYPES for leaf in leaves):
        missed.append(CLOSED)
    inner = (header for node in nodes[1:] for header in node.raw_items())
    if any(len(value) > LONGEST_HEADER for name, value in inner if name.lower() in READ):
        missed.append(TOO_LONG)
    return _mail(headers, parts=leaves, missed=missed)


def _mail(headers: Iterable[tuple[str, str]], parts: Sequence[Part] | None = None, missed: Sequence[str] = ()) -> Mail:
    kept = [(name.lower(), _sanitized(value)) for name, value in headers]
    seen = [(name, value) for name, value in kept if name in READ]
    long = any(len(value) > (LONGEST_RESULTS if name == RESULTS else LONGEST_HEADER) for name, value in seen)
    return Mail(headers=seen, parts=parts, missed=tuple(dict.fromkeys([*missed, *([TOO_LONG] if long else [])])))


def _unfolded(value: str, most: int) -> str:
    return re.sub(r"[\r\n]+", "", value[: 2 * most])[: most + 1]


def _sanitized(text: str) -> str:
    """Text without half characters; raw bytes in it are taken for UTF-8."""
    return text.encode("utf-8", "surrogatepass" if _whole(text) else "surrogateescape").decode("utf-8", "replace")


def _whole(text: str) -> bool:
    # Only the escapes of raw bytes can be put back.
    return any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)


def _worded(value: str) -> str:
    """An unstructured header as people read it."""
    try:
        return str(policy.default.header_factory("subject", value[:LONGEST_HEADER]))
    except Exception:  # the library may fail at anything that it is given
        return value[:LONGEST_HEADER]


def _people(name: str, value: str) -> Iterator[tuple[str, str]]:
    # What stands between two encoded words is not shown; the library leaves it in names.
    value = re.sub(r"(?<=\?=)[ \t]+(?==\?)", "", value[:LONGEST_HEADER])
    try:
        header: Any = policy.default.header_factory(name, value)
        found = [(one.display_name, one.addr_spec) for one in header.addresses]
    except Exception:  # the library may fail at anything that it is given
        found = [_more_simply(value)]
    if any("@" in address for _, address in found):
        yield from found
    else:
        yield _encoded_words(value), ""


def _more_simply(value: str) -> tuple[str, str]:
    try:
        name, address = parseaddr(value)
    except Exception:  # the same
        return value, ""
    return _encoded_words(name), address


def _encoded_words(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (errors.HeaderParseError, LookupError, ValueError, AssertionError):
        return text


def _part(node: _Node) -> Part:
    try:
        name = node.get_filename() or ""
        charset = collapse_rfc2231_value(node.get_param("charset", "")) if node["content-type"] else ""
        attached = node.get_content_disposition() == "attachment"
    except Exception:  # the library may fail at anything that it is given
        name, charset, attached = "", "", True
    raw = node.get_payload(decode=True)
    return Part(
        type=node.get_content_type(), name=_encoded_words(_sanitized(name)), attached=attached, charset=charset,
        encoding=_encoding(node), raw=raw if isinstance(raw, bytes) else b"",
    )  # fmt: skip


def _encoding(node: _Node) -> str:
    written = next((value for name, value in node.raw_items() if name.lower() == "content-transfer-encoding"), "")
    return re.sub(r"[^\w-].*", "", str(written).strip().lower())
