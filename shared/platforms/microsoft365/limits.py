"""How much Exchange takes, known before anything is sent: what can be is spread, anything else refused by its figure.

Rules: learn.microsoft.com/exchange/troubleshoot/email-delivery/transport-rule-not-created-because-too-large and the
service description's limits; the allow list: Set-HostedConnectionFilterPolicy; spoof pairs: Tenant Allow/Block List.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.foundation.errors import Permanent

MAX_RULE_CHARS = 8192
MAX_RULES = 300
MAX_ADDRESSES = 1273
MAX_SPOOF_PAIRS = 1024
MAX_CHARS = {"Name": 64, "Comments": 1024}
# Exchange counts the XML that it stores: each value, and each name, in tags.
TAGS = len("<value></value>")
# Rules over which one condition's values are spread at most: some thousand domains.
PARTS = ("", *(str(number) for number in range(2, 9)))


def size(settings: Mapping[str, Any]) -> int:
    """How many characters a rule is taken to have; rather too many than too few."""
    return sum(len(name) + TAGS + _chars(value) for name, value in settings.items())


def _chars(value: Any) -> int:
    values = value if isinstance(value, list | tuple) else [value]
    return sum(len(str(one)) + TAGS for one in values)


def numbers(_tenant: Any) -> Sequence[str]:
    """The elements of a row whose rule may have to be several."""
    return PARTS


def spread(settings: Mapping[str, Any], condition: str) -> list[list[str]]:
    """The values of one condition in parts, each of which fits one rule; the last of all takes what is left."""
    room = left = MAX_RULE_CHARS - size({**settings, condition: []})
    parts: list[list[str]] = [[]]
    for value in settings[condition]:
        if parts[-1] and _chars(value) > left and len(parts) < len(PARTS):
            parts.append([])
            left = room
        parts[-1].append(value)
        left -= _chars(value)
    return parts


def refuse_too_large(title: str, settings: Mapping[str, Any]) -> None:
    """Raises Permanent "rule_too_large", with both figures, for a rule that Exchange would not take."""
    for name, most in MAX_CHARS.items():
        if len(str(settings.get(name, ""))) > most:
            raise Permanent(
                "rule_too_large",
                f"{title} would have {len(settings[name])} characters in its {name.lower()}; Exchange takes {most}. "
                "Nothing was sent. Shorten the deployment's name prefix or brand.",
            )
    if (chars := size(settings)) > MAX_RULE_CHARS:
        raise Permanent(
            "rule_too_large",
            f"{title} would have {chars} characters, and Exchange takes {MAX_RULE_CHARS}. Nothing was sent. Name less "
            "in the policies.",
        )


def refuse_full(what: str, there: int, more: int, most: int) -> None:
    """Raises Permanent "no_room" if a tenant's list cannot hold what is to be added."""
    if there + more > most:
        raise Permanent(
            "no_room",
            f"The tenant has {there} {what}, {more} more are needed, and Exchange takes {most} at most. Nothing was "
            "sent. Have an administrator remove some there, then reconcile again.",
        )
