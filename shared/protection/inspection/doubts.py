"""What mail programs may find in a message that was not found: said, because it is never taken for nothing."""

import re
from collections.abc import Iterator, Sequence
from email import errors
from email.message import EmailMessage

from shared.protection.inspection import decoding, nested
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.parts import MEDIA, Part

AMBIGUOUS = (
    errors.MissingHeaderBodySeparatorDefect,
    errors.NoBoundaryInMultipartDefect,
    errors.StartBoundaryNotFoundDefect,
    errors.MisplacedEnvelopeHeaderDefect,
    errors.FirstHeaderLineIsContinuationDefect,
)
# They hold parts that only their readers can take out, or that are elsewhere.
CLOSED_TYPES = frozenset(
    {
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
        "application/pgp-encrypted",
        "application/mac-binhex40",
        "application/ms-tnef",
        "application/vnd.ms-tnef",
        "message/partial",
        "message/external-body",
    }
)
# Characters of all parts together, times borders.
MAX_CHARS_SEARCHED = 100_000_000
# What mail programs may take for a part behind the closing border.
BEHIND = re.compile(r"^--(?!.*--\s*$)\S|^content-[a-z-]+\s*:|^begin [0-7]{3,4} ", re.IGNORECASE | re.MULTILINE)
# Of a header that a part has once. Which of two counts differs from program to program.
ONCE = ("content-type", "content-transfer-encoding", "content-disposition")

UNREADABLE = "A part of the message cannot be read."
CLOSED = "A part of the message is encrypted or wrapped, and cannot be inspected."
AMBIGUOUS_PARTS = "Mail programs read the structure in different ways: only one was inspected."
UNKNOWN_ENCODING = "A part of the message has an unknown encoding."


def declared(node: EmailMessage) -> str:
    """The type of a part as its writer gives it."""
    return EmailMessage.get_content_type(node)


def doubts(nodes: Sequence[EmailMessage], leaves: Sequence[Part], budget: Budget) -> Iterator[str]:
    """What other programs may find that was not found here, in all parts of a message and those that were kept.

    When the budget is spent fewer doubts are found; the caller says that it was.
    """
    # Parts where the parser finds that the headers end early, or no border between parts; or a message that is encoded.
    if any(isinstance(defect, AMBIGUOUS) for node in nodes for defect in node.defects) or any(
        declared(node).startswith("message/") and not node.is_multipart() for node in nodes
    ):
        yield UNREADABLE
    if any(_twofold(node) for node in nodes) or _half_borders(nodes, leaves, budget):
        yield AMBIGUOUS_PARTS
    if any(
        leaf.encoding not in decoding.ENCODINGS
        or (leaf.encoding not in decoding.AS_IT_IS and leaf.raw and leaf.content() is leaf.raw)
        for leaf in leaves
    ):
        yield UNKNOWN_ENCODING
    # One that was unwrapped has given way to what it holds.
    kept = {leaf.number for leaf in leaves}
    if any(
        declared(node) in CLOSED_TYPES and (node.is_multipart() or str(at) in kept) for at, node in enumerate(nodes, 1)
    ) or any(
        nested.closed(leaf.type, leaf.names, leaf.content()) for leaf in leaves if not leaf.type.startswith(MEDIA)
    ):
        yield CLOSED


def _twofold(node: EmailMessage) -> bool:
    """Whether mail programs may find other parts than the parser: by a second header, or behind the closing border."""
    given: dict[str, set[str]] = {}
    for name, value in node.raw_items():
        if name.lower() in ONCE:
            given.setdefault(name.lower(), set()).add(" ".join(str(value).lower().split()))
    if any(len(values) > 1 for values in given.values()):
        return True
    return node.is_multipart() and BEHIND.search(node.epilogue or "") is not None


def _border(node: EmailMessage) -> str:
    try:
        return node.get_boundary() or ""
    except Exception:  # the library may fail at anything that it is given
        return ""


def _half_borders(nodes: Sequence[EmailMessage], leaves: Sequence[Part], budget: Budget) -> bool:
    """Whether a part holds a line that only begins as a border does: by the letter of RFC 2046, 5.1.1, that is one.

    Or a whole border, where only some programs find one: its type is "multipart" and no more, or in quotation marks.
    """
    given = dict.fromkeys(border for node in nodes if not budget.spent and (border := _border(node)))
    borders = [b"--" + border.encode("utf-8", "surrogatepass") for border in given]
    most = max(1, MAX_CHARS_SEARCHED // (1 + sum(len(leaf.raw) for leaf in leaves)))
    return any(
        b"\n" + border in leaf.raw or leaf.raw.startswith(border) for border in borders[:most] for leaf in leaves
    )
