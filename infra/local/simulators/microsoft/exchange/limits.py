"""How much Exchange Online takes, and how it refuses more.

Where the figures come from: the size of a rule, with its sentence, from KB 3003043
(learn.microsoft.com/exchange/troubleshoot/email-delivery/transport-rule-not-created-because-too-large); the number of
rules from the service description's Exchange Online limits; the allow list from Set-HostedConnectionFilterPolicy;
spoof pairs from the page on the Tenant Allow/Block List. No page gives the sentences of the other refusals: those are
ours. How long names and comments may be stands in the table of cmdlets.
"""

from __future__ import annotations

from infra.local.simulators.microsoft.exchange.call import CmdletCall
from infra.local.simulators.microsoft.exchange.errors import invalid_argument
from infra.local.simulators.wire import Record

MAX_RULE_CHARS = 8192
MAX_RULES = 300
MAX_FILTER_ENTRIES = 1273
MAX_SPOOF_PAIRS = 1024


def refuse_large_rule(call: CmdletCall, record: Record) -> None:
    """Refuse a rule that is too large. Exchange counts the XML that it stores, which is longer than what we count."""
    size = sum(len(name) + _chars(value) for name, value in record.items())
    if size > MAX_RULE_CHARS:
        text = f"It has {size} characters and the maximum number of characters is {MAX_RULE_CHARS}. Reduce the size."
        raise invalid_argument(call.cmdlet, f"The rule can't be created because it is too large. {text}")


def refuse_more_rules(call: CmdletCall) -> None:
    """Refuse one rule more than a tenant may have."""
    if len(call.tenant.rules) >= MAX_RULES:
        raise invalid_argument(call.cmdlet, f"There can be {MAX_RULES} transport rules at most.")


def refuse_more_entries(call: CmdletCall, entries: tuple[str, ...]) -> None:
    """Refuse an allow or block list of the connection filter that is too long."""
    if len(entries) > MAX_FILTER_ENTRIES:
        raise invalid_argument(call.cmdlet, f"The list can hold {MAX_FILTER_ENTRIES} entries at most.")


def refuse_more_spoof_pairs(call: CmdletCall) -> None:
    """Refuse one spoof pair more than a tenant may have."""
    if len(call.tenant.spoof_items) >= MAX_SPOOF_PAIRS:
        raise invalid_argument(call.cmdlet, f"There can be {MAX_SPOOF_PAIRS} spoof entries at most.")


def _chars(value: object) -> int:
    return sum(map(_chars, value)) if isinstance(value, tuple | list) else len(str(value))
