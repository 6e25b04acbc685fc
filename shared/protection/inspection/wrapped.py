"""What mail programs unwrap before they show anything: TNEF, and S/MIME that is signed or packed in one piece."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.protection.inspection import cms, nested, tnef
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.parts import MEDIA, Part, file_of

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# Also a letter without headers of its own, which begins with an empty line.
LETTER = re.compile(
    rb"\r?\n|(?:[!-9;-~]{1,80}:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){0,50}?"
    rb"(?:mime-version|content-[a-z-]{2,40}|subject)[ \t]*:",
    re.IGNORECASE,
)
ENDING = re.compile(r"\.p7[mz][ .]*\Z", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What was wrapped: a message, if it is one, or parts; and whether that is all that is in it."""

    whole: bool
    message: bytes | None = field(default=None, repr=False)
    parts: Sequence[Part] = field(default=(), repr=False)


def unwrapped(part: Part, budget: Budget) -> Held | None:
    """What a part holds that mail programs unwrap by themselves; None if it is another part, or is sealed."""
    if part.type.startswith(MEDIA):
        return None
    content = part.content()
    if content.startswith(nested.TNEF):
        found, whole = tnef.read(content, budget)
        return Held(whole=whole, parts=[_part(part, one) for one in found])
    opened = cms.opened(content, budget) if part.type in TYPES or content[:1] in (b"0", b"M", b"-") else None
    if opened is None:
        return None
    inner, whole = opened
    if not inner:
        return Held(whole=whole)  # certificates alone
    if LETTER.match(inner[:4_000]):
        return Held(whole=whole, message=inner)
    # A file that was signed: its name with another ending.
    names = [ENDING.sub("", name) for name in part.names] or [""]
    return Held(whole=whole, parts=[file_of(part, "" if name == "smime" else name, inner) for name in names])


def _part(outer: Part, held: tnef.Held) -> Part:
    file = file_of(outer, "", held.content)
    return replace(
        file,
        names=held.names,
        type=held.type or file.type,
        attached=held.attached,
        charset=held.charset,
    )
