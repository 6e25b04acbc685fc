"""TNEF: a whole message in one file, mostly winmail.dat, as Outlook and Exchange write it ([MS-OXTNEF], [MS-OXCDATA]).

Read here and not by a library: the one that there is says nothing of what it could not read, cuts contents that end
with NUL, and writes pieces of the message to the log.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.protection.inspection import decoding, rich_text
from shared.protection.inspection.budget import Budget

MAX_ATTRIBUTES = 20_000
MAX_PROPERTIES = 20_000
# Of messages in messages.
DEEPEST = 5
# Attributes of a message and of what is attached to it ([MS-OXTNEF] 2.1.3.2).
BODY, CODE_PAGE, PROPERTIES = 0x800C, 0x9007, 0x9003
NEW_ATTACHMENT, ATTACHED_DATA, ATTACHED_PROPERTIES = 0x9002, 0x800F, 0x9005
ATTACHED_NAMES = frozenset({0x8010, 0x9001})
# Properties ([MS-OXPROPS]): bodies and their charset; contents of attachments, their types and names.
PLAIN, PAGE, RICH, CHARSET = 0x1000, 0x1013, 0x1009, 0x3FDE
DATA, TYPE, ELSEWHERE, TITLE = 0x3701, 0x370E, 0x370D, 0x3001
NAMES = frozenset({0x3707, 0x3704})
# How many bytes a value of each type takes, filled up to four ([MS-OXCDATA] 2.11.1).
SIZES = {0x01: 0, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 2, 0x14: 8, 0x40: 8, 0x48: 16}
UNSPECIFIED, OBJECT, STRING, WIDE, BINARY = 0x00, 0x0D, 0x1E, 0x1F, 0x102
OF_ANY_SIZE = frozenset({UNSPECIFIED, OBJECT, STRING, WIDE, BINARY})
SEVERAL, NAMED = 0x1000, 0x8000
# Before an object stands what it is: this, if it is a message.
MESSAGE = bytes.fromhex("0703020000000000c000000000000046")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A body or an attachment; its type is "" if that is not said."""

    names: tuple[str, ...] = ()
    type: str = ""
    charset: str = ""
    attached: bool = False
    content: bytes = field(repr=False)


class _Broken(ValueError):
    """It is not written by the rules, ends early, or holds more than is read."""


@dataclass(kw_only=True)
class _Attachment:
    """What is attached, while it is put together: programs differ in which of two names or contents they take."""

    names: list[str] = field(default_factory=list)
    title: str = ""
    type: str = ""
    contents: list[bytes] = field(default_factory=list, repr=False)


@dataclass(kw_only=True)
class _Message:
    budget: Budget
    depth: int
    charset: str = "cp1252"
    bodies: list[Held] = field(default_factory=list)
    attached: list[_Attachment] = field(default_factory=list)
    inner: list[Held] = field(default_factory=list)
    whole: bool = True


def read(content: bytes, budget: Budget, depth: int = 0) -> tuple[list[Held], bool]:
    """The bodies and attachments in a TNEF file, and whether that is all that is in it."""
    message = _Message(budget=budget, depth=depth)
    try:
        for name, data in _attributes(content, budget):
            _take(message, name, data)
    except (struct.error, _Broken):
        message.whole = False
    attached = [
        Held(
            names=tuple(dict.fromkeys(name for name in one.names or [one.title] if name)),
            type=one.type,
            attached=True,
            content=inner,
        )
        for one in message.attached
        for inner in dict.fromkeys(one.contents)
    ]
    return [*message.bodies, *attached, *message.inner], message.whole


def _attributes(content: bytes, budget: Budget) -> Iterator[tuple[int, bytes]]:
    """The attributes one after the other. A few bytes of nothing may follow the last."""
    at = 6
    for _ in range(MAX_ATTRIBUTES):
        if at > 6 and not content[at : at + 64].strip(b"\0\r\n"):
            return
        level, name, _, size = struct.unpack_from("<BHHI", content, at)
        begin, end = at + 9, at + 9 + size
        if level not in (1, 2) or budget.spent:
            raise _Broken
        yield name, content[begin:end]
        at = end + 2
        if at > len(content):
            raise _Broken
    raise _Broken


def _take(message: _Message, name: int, data: bytes) -> None:
    if name == NEW_ATTACHMENT or (
        name in ATTACHED_NAMES | {ATTACHED_DATA, ATTACHED_PROPERTIES} and not message.attached
    ):
        message.attached.append(_Attachment())
    if name == CODE_PAGE:
        message.charset = f"cp{struct.unpack_from('<I', data)[0]}"
    elif name == BODY:
        message.bodies.append(Held(type="text/plain", charset=message.charset, content=data.rstrip(b"\0")))
    elif name == PROPERTIES:
        _bodies(message, data)
    elif name in ATTACHED_NAMES:
        message.attached[-1].names.append(decoding.text(data.rstrip(b"\0"), message.charset))
    elif name == ATTACHED_DATA:
        message.attached[-1].contents.append(data)
    elif name == ATTACHED_PROPERTIES:
        _attached(message, data)


def _bodies(message: _Message, data: bytes) -> None:
    given = {name: (kind, value) for name, kind, value in _properties(data)}
    charset = f"cp{struct.unpack_from('<I', given[CHARSET][1])[0]}" if CHARSET in given else ""
    for name, kind in ((PLAIN, "text/plain"), (PAGE, "text/html")):
        if name in given:
            form, value = given[name]
            said = "utf-16-le" if form == WIDE else charset if name == PAGE else message.charset
            message.bodies.append(Held(type=kind, charset=said, content=value.rstrip(b"\0") + b"\0" * (form == WIDE)))
    if RICH in given:
        text, whole = rich_text.unpacked(given[RICH][1], message.budget)
        message.whole &= whole
        message.bodies.append(Held(type="application/rtf", content=text))


def _attached(message: _Message, data: bytes) -> None:
    one = message.attached[-1]
    for name, kind, value in _properties(data):
        if name in NAMES:
            one.names.append(_text(message, kind, value))
        elif name == TITLE:
            one.title = _text(message, kind, value)
        elif name == TYPE:
            one.type = _text(message, kind, value).lower()
        elif name == ELSEWHERE:
            # It opens where it is, by a click.
            address = _text(message, kind, value).encode()
            message.bodies.append(Held(type="text/plain", charset="utf-8", content=address))
        elif name == DATA and kind == OBJECT and value.startswith(MESSAGE):
            if message.depth == DEEPEST:
                raise _Broken
            inner, whole = read(value[len(MESSAGE) :], message.budget, message.depth + 1)
            message.inner += inner
            message.whole &= whole
        elif name == DATA:
            one.contents.append(value[len(MESSAGE) :] if kind == OBJECT else value)


def _text(message: _Message, kind: int, value: bytes) -> str:
    if kind == WIDE:
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return decoding.text(value.rstrip(b"\0"), message.charset)


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The properties in an attribute: name, type, and each of its values."""
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(min(count, MAX_PROPERTIES)):
        kind, name = struct.unpack_from("<HH", data, at)
        at += 4
        if name >= NAMED:
            by_text, size = struct.unpack_from("<II", data, at + 16)
            at += 24 + (_filled(size) if by_text else 0)
        several, kind = kind & SEVERAL, kind & ~SEVERAL
        number = 1
        if several or kind in OF_ANY_SIZE:
            (number,) = struct.unpack_from("<I", data, at)
            at += 4
        if number > MAX_PROPERTIES or not (kind in SIZES or kind in OF_ANY_SIZE):
            raise _Broken
        for _ in range(number):
            size = SIZES.get(kind, 0)
            if kind in OF_ANY_SIZE:
                (size,) = struct.unpack_from("<I", data, at)
                at += 4
            if at + size > len(data):
                raise _Broken
            yield name, kind, data[at : at + size]
            at += _filled(size) if kind in OF_ANY_SIZE else size
        at = _filled(at)
    if count > MAX_PROPERTIES:
        raise _Broken


def _filled(size: int) -> int:
    return (size + 3) & ~3
