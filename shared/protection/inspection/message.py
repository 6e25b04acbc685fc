"""A message taken apart by the standard library, in bounded time and memory, whatever it is.

The sender of a message decides how hard it is to read. What is not read within the bounds is said in `missed`: it is
never taken for harmless. Header values are plain text here; only those that are read by people are decoded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesFeedParser
from typing import Any

from shared.protection.inspection import decoding, headers, nested, wrapped
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.doubts import UNREADABLE, declared, doubts
from shared.protection.inspection.parts import Part, encoding_of, files_in_text, may_hold_more, part_of, sanitized

# The largest mail that providers take is a little smaller.
MAX_BYTES = 40_000_000
MAX_LINES = 1_000_000
MAX_PARTS = 1_000
DEEPEST = 40
# Of messages that are sent as files.
MAX_DEPTH = 6
# Of one header, in characters. The library's parsers take time by the square of it.
MAX_HEADER_CHARS = 2_000
MAX_RESULTS_CHARS = 16_000
# Of headers that a message has once.
MAX_SAME_HEADER = 3
CHARS_AT_ONCE = 1 << 14
PUTTING_TOGETHER = 0.15
RESULTS = "authentication-results"
READ = frozenset({"from", "sender", "reply-to", "subject", RESULTS, "content-type", "content-disposition"})
# Among headers a space before the colon is an old form (RFC 5322, 4.5).
SPACE_BEFORE_COLON = re.compile(rb"^([!-9;-~]{1,80})[ \t]{1,80}:", re.MULTILINE)
MAX_HEADERS_BYTES = 200_000
TOO_LARGE = f"The message is larger than {MAX_BYTES // 1_000_000} MB: only the beginning was inspected."
TOO_MANY_LINES = f"The message has more than {MAX_LINES} lines: only the first were inspected."
TOO_MANY_PARTS = f"The message has more than {MAX_PARTS} parts: only the first were inspected."
TOO_DEEP = "The parts are nested too deeply to be inspected."
TOO_SLOW = "The message takes too long to read: only a part was inspected."
TOO_LONG = "A header is too long: only its beginning was inspected."


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
        given = declared(self)
        # A message within may not be encoded, and the library reads an encoded one as it stands.
        wrapped = given.startswith("message/") and encoding_of(self) not in decoding.AS_IT_IS
        return "application/octet-stream" if wrapped or self.depth > DEEPEST else given


class _Policy(policy.EmailPolicy):
    """The modern policy with short headers, which are left as text until somebody reads one."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        most = MAX_RESULTS_CHARS if name.lower() == RESULTS else MAX_HEADER_CHARS
        # Raw bytes count as letters only together. One more than is read, which shows that there was more.
        return name, _unfolded(sanitized(value[: 4 * most + 8]), most)

    def header_fetch_parse(self, name: str, value: str) -> Any:
        # Content is decoded below: the library leaves what is a little wrong as it is, and mail programs do not.
        return "" if name.lower() == "content-transfer-encoding" else value


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message: its headers from the top with names in lower case, its leaves (None: not given), what was missed."""

    headers: Sequence[tuple[str, str]] = field(repr=False)
    parts: Sequence[Part] | None = field(default=None, repr=False)
    missed: Sequence[str] = ()
    _known: dict[str, list[tuple[str, str]]] = field(default_factory=dict, repr=False, compare=False)

    def all(self, name: str) -> list[str]:
        """The values of the first headers of a name, from the top."""
        return [value for known, value in self.headers if known == name][:MAX_SAME_HEADER]

    @property
    def subject(self) -> str:
        """What is shown as the subject."""
        return "\n".join(headers.decoded(value[:MAX_HEADER_CHARS]) for value in self.all("subject"))

    def people(self, name: str) -> list[tuple[str, str]]:
        """The display names and addresses in all headers of a name. Without an address, what stands there is a name."""
        # The sender decides how long that takes, and several kinds of conditions ask.
        if name not in self._known:
            self._known[name] = [
                one for value in dict.fromkeys(self.all(name)) for one in headers.people(value[:MAX_HEADER_CHARS])
            ]
        return self._known[name]


def from_headers(given: Iterable[tuple[str, str]]) -> Mail:
    """A message of which only headers are known, as they stand from the top."""
    return _mail((name, _unfolded(value, MAX_RESULTS_CHARS)) for name, value in given)


def read(message: bytes, budget: Budget, *, only_headers: bool, depth: int = 0) -> Mail:
    """Take a message apart, and the messages that are in it."""
    message = _newer(message.removeprefix(decoding.UTF_8_MARK))
    if only_headers:
        message = re.split(rb"\r?\n\r?\n", message[:MAX_BYTES], maxsplit=1)[0] + b"\n\n"
    # The library goes through headers when it has them all, and what was read before the time was up is worth that.
    last = Budget(budget.left + PUTTING_TOGETHER)
    nodes, missed = _nodes(message, budget, last)
    top = list(nodes[0].raw_items()) if nodes else []
    if only_headers:
        return _mail(top, missed=missed)
    leaves: list[Part] = []
    for at, node in enumerate(nodes, 1):
        if not node.is_multipart() and not last.spent:
            leaves += _with_inner(part_of(str(at), node), budget, depth, missed)
    missed += doubts(nodes, leaves, last)
    inner = (header for node in nodes[1:] for header in node.raw_items())
    if any(len(value) > MAX_HEADER_CHARS for name, value in inner if name.lower() in READ):
        missed.append(TOO_LONG)
    return _mail(top, parts=leaves, missed=[*missed, TOO_SLOW] if last.spent else missed)


def _with_inner(leaf: Part, budget: Budget, depth: int, missed: list[str]) -> Iterator[Part]:
    """A part and the parts in it. One that mail programs unwrap gives way to what it holds."""
    held = wrapped.unwrapped(leaf, budget)
    if held is None or not held.whole:
        yield leaf
    parts = files_in_text(leaf) if held is None else held.parts
    message = None if held is None else held.message
    if held is None and nested.is_message(leaf.type, leaf.names, leaf.content() if may_hold_more(leaf) else b""):
        message = leaf.content()
    if not parts and message is None:
        return
    if depth == MAX_DEPTH or budget.spent:
        missed.append(TOO_DEEP)
        return
    for number, part in enumerate(parts, 1):
        yield from _with_inner(replace(part, number=f"{leaf.number}.{number}"), budget, depth + 1, missed)
    if message is not None:
        inner = read(message, budget, only_headers=False, depth=depth + 1)
        yield from (replace(one, number=f"{leaf.number}.{one.number}") for one in inner.parts or ())
        missed += inner.missed


def _newer(message: bytes) -> bytes:
    """A message without the old form of its headers, which the library does not take for headers."""
    end = re.search(rb"\r?\n\r?\n", message[:MAX_HEADERS_BYTES])
    top = message[: end.start() if end else MAX_HEADERS_BYTES]
    if not SPACE_BEFORE_COLON.search(top):
        return message
    return SPACE_BEFORE_COLON.sub(rb"\1:", top) + message[len(top) :]


def _nodes(message: bytes, budget: Budget, last: Budget) -> tuple[list[_Node], list[str]]:
    """The parts in their order, leaves and others, and what was missed."""
    nodes: list[_Node] = []
    missed = [TOO_LARGE] if len(message) > MAX_BYTES else []
    lines = 0

    def another(policy: Any) -> _Node:
        if len(nodes) == MAX_PARTS or (nodes and budget.spent):
            raise _Enough
        nodes.append(_Node(policy, last))
        return nodes[-1]

    parser = BytesFeedParser(policy=_Policy(message_factory=another))
    try:
        for start in range(0, min(len(message), MAX_BYTES), CHARS_AT_ONCE):
            some = message[start : start + CHARS_AT_ONCE]
            parser.feed(some)
            lines += max(some.count(b"\n"), some.count(b"\r"))
            if budget.spent or lines > MAX_LINES:
                missed.append(TOO_SLOW if budget.spent else TOO_MANY_LINES)
                break
        parser.close()
    except _Enough:
        missed.append(TOO_SLOW if budget.spent else TOO_MANY_PARTS)
    except Exception:  # the library may fail at anything that it is given
        missed.append(UNREADABLE)
    if any(node.depth > DEEPEST for node in nodes):
        missed.append(TOO_DEEP)
    return nodes, missed


def _mail(given: Iterable[tuple[str, str]], parts: Sequence[Part] | None = None, missed: Sequence[str] = ()) -> Mail:
    kept = [(name.lower(), sanitized(value)) for name, value in given]
    seen = [(name, value) for name, value in kept if name in READ]
    long = any(len(value) > (MAX_RESULTS_CHARS if name == RESULTS else MAX_HEADER_CHARS) for name, value in seen)
    return Mail(headers=seen, parts=parts, missed=tuple(dict.fromkeys([*missed, *([TOO_LONG] if long else [])])))


def _unfolded(value: str, most: int) -> str:
    return re.sub(r"[\r\n]+", "", value[: 4 * most])[: most + 1]
