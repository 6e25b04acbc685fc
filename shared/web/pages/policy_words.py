"""A policy in one sentence: whose mail, which messages of it, and what happens to them. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from shared.protection.policies import Action, Policy

Names = Mapping[str, str]
"""What groups and users are called, by id."""
# More are counted.
MAX_NAMED = 3
DONE: Mapping[Action, str] = {
    "label": "label",
    "spam": "move to spam",
    "quarantine": "quarantine",
    "trash": "move to the trash",
    "pass": "leave alone, whatever later policies say",
}
FAILED = {
    "spf-fail": "fails SPF",
    "dkim-fail": "fails DKIM",
    "dmarc-fail": "fails DMARC",
    "unauthenticated": "has no SPF, DKIM or DMARC result",
}


def sentence(policy: Policy, names: Names) -> str:
    """Such as "Mail from outside to Finance that looks like an internal person: quarantine"."""
    whom = _whom(policy, names)
    if but := _named(policy.except_domains, policy.except_groups, policy.except_users, names):
        whom += f" except {but}"
    mail = {"incoming": f"Mail from outside to {whom}", "outgoing": f"Mail from {whom} to outside"}
    told = mail.get(policy.direction, f"Mail to and from {whom}")
    if kinds := list(_kinds(policy)):
        told += f" that {_joined(kinds, 'and' if policy.conditions.match == 'all' else 'or')}"
        done = " and ".join(DONE[action] for action in policy.actions) or "no action"
        told += f": {done}{_reports(policy)}" if policy.actions else f": {done}"
    else:
        told += " is protected"
    return told if policy.enabled else f"{told} (switched off)"


def _reports(policy: Policy) -> str:
    """Until when nothing is done, if nothing is."""
    if not policy.report_only:
        return ""
    until = policy.report_only_until
    if until is None:
        return ", report only"
    then = "it acts" if policy.afterwards == "act" else "an operator decides"
    return f", report only until {until:%Y-%m-%d %H:%M} UTC, then {then}"


def named_in(policies: Sequence[Policy]) -> tuple[list[str], list[str]]:
    """The ids of the groups and of the users that the sentences name."""
    groups = {one for policy in policies for some in (policy.groups, policy.except_groups) for one in some[:MAX_NAMED]}
    users = {one for policy in policies for some in (policy.users, policy.except_users) for one in some[:MAX_NAMED]}
    return sorted(groups), sorted(users)


def _whom(policy: Policy, names: Names) -> str:
    return "everyone" if policy.everyone else _named(policy.domains, policy.groups, policy.users, names) or "nobody"


def _named(domains: Sequence[str], groups: Sequence[str], users: Sequence[str], names: Names) -> str:
    found = [*domains[:MAX_NAMED], *(names.get(one, one) for some in (groups, users) for one in some[:MAX_NAMED])]
    more = len(domains) + len(groups) + len(users)
    shown = found[:MAX_NAMED]
    rest = more - len(shown)
    return _joined([*shown, f"{rest} more"] if rest else shown, "and")


def _kinds(policy: Policy) -> Iterator[str]:
    """Which messages match, in a few words for each kind of condition."""
    asked = policy.conditions
    if asked.impersonation:
        yield "looks like an internal person"
    if asked.misleading_links:
        yield "has a link that shows another address"
    if asked.scanner:
        yield "the scanner finds risky"
    if asked.senders:
        yield f"comes from {_some(asked.senders, 'sender')}"
    if asked.subjects:
        yield f"has {_some(asked.subjects, 'text', quoted=True)} in the subject"
    if asked.words:
        yield f"contains {_some(asked.words, 'phrase', quoted=True)}"
    if asked.expressions:
        yield f"matches {_count(len(asked.expressions), 'expression')}"
    if asked.links:
        yield f"links to {_some(asked.links, 'domain')}"
    if asked.attachments:
        yield f"has an attachment that is {_joined([one.replace('-', ' ') for one in asked.attachments], 'or')}"
    yield from (FAILED[one] for one in asked.authentication)


def _some(values: Sequence[str], what: str, *, quoted: bool = False) -> str:
    if len(values) > 1:
        return f"one of {_count(len(values), what)}"
    return f"“{values[0]}”" if quoted else values[0]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _joined(parts: Sequence[str], word: str) -> str:
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
