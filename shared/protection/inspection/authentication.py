"""What the receiver found about the sender: its own Authentication-Results (RFC 8601), and nobody else's.

The receiver puts its header above all that came with the message. So of the headers in its name only the topmost can
be its own; one further down came from the sender. Results of earlier hops, sealed or not, are not believed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.protection.inspection.conditions import Failure

# A signature that cannot be checked is not one. What failed for the moment says nothing.
FAILED: Mapping[str, frozenset[str]] = {
    "spf": frozenset({"fail", "softfail"}),
    "dkim": frozenset({"fail", "neutral", "policy", "permerror"}),
    "dmarc": frozenset({"fail"}),
}
SENTENCES: Mapping[Failure, str] = {
    "spf-fail": "The sending server is not one of those that the sender's domain names (SPF).",
    "dkim-fail": "No signature of the message holds, and one does not (DKIM).",
    "dmarc-fail": "The sender's domain disowns the message (DMARC).",
    "unauthenticated": "No SPF, DKIM or DMARC check passed.",
}
RESULT = re.compile(r"\s*([a-z0-9-]+)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results by method, in the receiver's words; `readable` is False if its header is broken."""

    of: Mapping[str, frozenset[str]]
    readable: bool = True


def results(headers: Sequence[str], receiver: str) -> Results:
    """Those of the receiver with this authserv-id, from the message's Authentication-Results as they stand."""
    for header in headers:
        plain = _without_comments(header)
        who, *said = (plain if plain is not None else header).split(";")
        name = who.split()
        if not name or name[0].casefold() != receiver.casefold():
            continue
        if plain is None:
            return Results(of={}, readable=False)
        found: dict[str, set[str]] = {}
        for one in said:
            result = RESULT.match(one)
            if result:
                found.setdefault(result[1].lower(), set()).add(result[2].lower())
        return Results(of={method: frozenset(each) for method, each in found.items()})
    return Results(of={})


def failures(found: Results) -> frozenset[Failure]:
    """What did not hold."""
    spf, dkim, dmarc = (found.of.get(method, frozenset()) for method in ("spf", "dkim", "dmarc"))
    failed: dict[Failure, bool] = {
        "spf-fail": bool(spf & FAILED["spf"]),
        # Of several signatures one that holds is enough.
        "dkim-fail": bool(dkim & FAILED["dkim"]) and "pass" not in dkim,
        "dmarc-fail": bool(dmarc & FAILED["dmarc"]),
        "unauthenticated": "pass" not in spf | dkim | dmarc,
    }
    return frozenset(kind for kind, is_so in failed.items() if is_so)


def _without_comments(text: str) -> str | None:
    """A structured header without comments and quoted strings, in which the sender's words stand; None if one is open.

    A quotation mark in a comment is one of its letters, and a bracket in a quoted string is one of its.
    """
    kept, depth, quoted, escaped = [], 0, False, False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\" and (depth or quoted):
            escaped = True
        elif quoted:
            quoted = letter != '"'
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif letter == '"' and not depth:
            quoted = True
        elif not depth:
            kept.append(letter)
    return None if depth or quoted else "".join(kept)
