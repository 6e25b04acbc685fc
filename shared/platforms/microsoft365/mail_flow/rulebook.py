"""The rules that act at one moment, and which of them may apply to a sender, a recipient, a source and a direction.

A rule applies when all its conditions hold and none of its exceptions; the values of one condition are alternatives.
A disabled, expired or not yet begun rule, and one in a test mode, does nothing.
Source: learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/mail-flow-rules.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from shared.platforms.microsoft365.mail_flow import parameters as names
from shared.platforms.microsoft365.mail_flow.answers import Answer, all_of, answer, any_of, opposite
from shared.platforms.microsoft365.mail_flow.listing import Listing, Rule
from shared.platforms.microsoft365.mail_flow.message import Party
from shared.platforms.microsoft365.mail_flow.ranges import Ranges, ranges

# Bytes that RE2 may take for an administrator's expression.
MAX_EXPRESSION_MEMORY = 1 << 20
# An expression that finds something in each of these finds something in all mail.
ANY_TEXT = ("a", "7", ".")
# What is found in each of these addresses of a domain is found in all of them.
ANYBODY = ("a", "7", "x-1_y.z")


class Masks(NamedTuple):
    """Rules as bits: those that may apply, those that do as far as this property decides, those nobody can tell.

    `met` are those of which it surely meets all conditions, whatever their exceptions say.
    """

    possible: int
    sure: int
    unknown: int
    met: int


class Content(NamedTuple):
    """How surely a rule's conditions hold, and an exception, that read what the model does not see."""

    conditions: Answer
    exceptions: Answer


Test = Callable[[Any], Answer]


class Rulebook:
    """The acting rules in their order, with their tests sorted by the property of a message that they read."""

    def __init__(self, listing: Listing, moment: datetime) -> None:
        self.listing = listing
        self.rules = [rule for rule in listing.rules if rule.acts_at(moment)]
        self._tests: dict[str, list[tuple[int, list[Test], list[Test]]]] = {}
        self._masks: dict[tuple[str, Any], Masks] = {}
        for place, rule in enumerate(self.rules):
            for kind, parameters, of in KINDS:
                conditions = [
                    of(self, rule, name, rule.conditions[name]) for name in rule.conditions.keys() & parameters
                ]
                exceptions = [
                    of(self, rule, name, rule.exceptions[name]) for name in rule.exceptions.keys() & parameters
                ]
                if conditions or exceptions:
                    self._tests.setdefault(kind, []).append((place, conditions, exceptions))

    @cached_property
    def content(self) -> tuple[Content, ...]:
        """For each rule how surely what it asks of the content holds."""
        texts = (str(rule.actions[name]) for rule in self.rules for name in rule.actions.keys() & names.WRITES_TEXT)
        written = "\n".join(texts)
        return tuple(_content(rule, written) for rule in self.rules)

    def masks(self, kind: str, value: Any) -> Masks:
        """Which rules may apply as far as one property decides: `scope`, `sender`, `recipient` or `source`."""
        if (kind, value) not in self._masks:
            self._masks[kind, value] = self._compute(kind, value)
        return self._masks[kind, value]

    def _compute(self, kind: str, value: Any) -> Masks:
        every = (1 << len(self.rules)) - 1
        possible, sure, unknown, met = every, every, 0, every
        for place, conditions, exceptions in self._tests.get(kind, ()):
            holds = Answer.YES
            for test in conditions:
                holds = min(holds, test(value))
            bit = 1 << place
            if holds is not Answer.YES:
                met &= ~bit
            for test in exceptions:
                holds = min(holds, opposite(test(value)))
            if holds is not Answer.YES:
                sure &= ~bit
            if holds is Answer.NO:
                possible &= ~bit
            if holds is Answer.UNKNOWN:
                unknown |= bit
        return Masks(possible, sure, unknown, met)

    def named(self, parameters: Iterable[str]) -> set[Any]:
        """Every value that acting rules give to some predicates."""
        wanted = set(parameters)
        return {
            value
            for rule in self.rules
            for held in (rule.conditions, rule.exceptions)
            for name in held.keys() & wanted
            for value in held[name]
        }

    def members(self, name: str) -> frozenset[str] | None:
        """The members of a group as a rule names it. A rule whose group was deleted matches nobody."""
        return self.listing.groups.get(name.lower(), frozenset())


def within(domain: str, names_: Set[str]) -> bool:
    """Whether a domain is one of some or below one: `SenderDomainIs` and `RecipientDomainIs` match sub-domains too."""
    labels = domain.split(".")
    return any(".".join(labels[first:]) in names_ for first in range(len(labels)))


def _of_scope(_book: Rulebook, _rule: Rule, name: str, value: Any) -> Test:
    """Inside or outside, by where a message comes from or goes to. Partners are domains that nobody lists."""

    def test(ends: tuple[bool, bool]) -> Answer:
        inside = ends[name == "SentToScope"]
        if value in ("InOrganization", "NotInOrganization"):
            return answer(inside == (value == "InOrganization"))
        return Answer.NO if inside else Answer.DEPENDS

    return test


def _of_party(book: Rulebook, rule: Rule, name: str, value: Any) -> Test:
    wanted = {str(one).lower() for one in value}
    lists = [book.members(one) for one in wanted] if name.endswith("MemberOf") else []
    by_envelope = rule.sender_is != "Header" and name in names.SENDER
    by_primary = rule.by_primary and name in names.RECIPIENT

    def test(party: Party) -> Answer:
        held = by_header(party)
        if by_envelope and party.null and not (rule.sender_is == "HeaderOrEnvelope" and held is Answer.YES):
            return Answer.UNKNOWN  # a bounce has no envelope sender, and what Exchange reads then is not documented
        return held

    def by_header(party: Party) -> Answer:
        if by_primary and party.domain in book.listing.domains and party.address.startswith("*"):
            return Answer.UNKNOWN  # which primary address somebody has who is written to by another is not listed
        if name.endswith("DomainIs"):
            return answer(within(party.domain, wanted))
        if lists:
            return any_of(Answer.UNKNOWN if one is None else answer(party.address in one) for one in lists)
        return answer(party.address in wanted)

    return test


def _of_between(book: Rulebook, rule: Rule, _name: str, _value: Any) -> Test:
    """Who is in neither group sends and receives no mail between them; of members it depends on the other end.

    Source: learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/conditions-and-exceptions.
    """
    held = (rule.conditions, rule.exceptions)
    groups = [book.members(str(one)) for some in held for name in names.BETWEEN for one in some.get(name) or ()]

    def test(party: Party) -> Answer:
        inside = any_of(Answer.UNKNOWN if one is None else answer(party.address in one) for one in groups)
        return Answer.DEPENDS if inside is Answer.YES else inside

    return test


def _of_address(book: Rulebook, _rule: Rule, name: str, value: Any) -> Test:
    """Of the organisation's own people the addresses are known, or at least their domain; any other depends."""
    wanted = [str(one) for one in value]
    finds = has_word if name.endswith("Words") else matches
    every = any(in_any_text(finds, one) for one in wanted)

    def test(party: Party) -> Answer:
        if every:
            return Answer.YES
        if party.domain not in book.listing.domains:
            return Answer.DEPENDS
        addresses = [party.address.replace("*", one, 1) for one in ANYBODY]
        if any(all(finds(one, address) is Answer.YES for address in addresses) for one in wanted):
            return Answer.YES
        return Answer.NO if all(_misses(finds, one, party.address) for one in wanted) else Answer.DEPENDS

    return test


def _misses(finds: Callable[[str, str], Answer], pattern: str, address: str) -> bool:
    """Whether a pattern matches no such address. Of anybody's in a domain, only what stands behind an @ is known."""
    if not address.startswith("*"):
        return finds(pattern, address) is Answer.NO
    if finds is has_word:
        return False
    _, at, behind = pattern.rpartition("@")
    plain = at and not set(pattern) & set("|()[]") and not behind.startswith(("?", "*", "{"))
    return bool(plain) and matches(f"^@{behind}", address.removeprefix("*")) is Answer.NO


def _of_source(_book: Rulebook, _rule: Rule, _name: str, value: Any) -> Test:
    """The address of the last server before Exchange Online; mail from a mailbox has none."""
    wanted: Ranges = ranges(value)
    return lambda source: answer(source is not None and source in wanted)


KINDS: tuple[tuple[str, frozenset[str], Callable[[Rulebook, Rule, str, Any], Test]], ...] = (
    ("scope", names.SCOPE, _of_scope),
    ("sender", names.SENDER, _of_party),
    ("recipient", names.RECIPIENT, _of_party),
    ("source", names.SOURCE, _of_source),
    ("sender", names.BETWEEN, _of_between),
    ("recipient", names.BETWEEN, _of_between),
    ("sender", names.FROM_PATTERNS, _of_address),
    ("recipient", names.TO_PATTERNS, _of_address),
)


def has_word(word: str, text: str) -> Answer:
    """Whether a text has a word, as predicates ask that name words."""
    return answer(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None)


def matches(pattern: str, text: str) -> Answer:
    """Whether an administrator's expression is in a text. What RE2 cannot run in linear time depends."""
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_EXPRESSION_MEMORY
    try:
        return answer(re2.search(pattern, text, options=options) is not None)
    except re2.error:
        return Answer.DEPENDS


def _content(rule: Rule, written: str) -> Content:
    if rule.strange:
        return Content(Answer.UNKNOWN, Answer.UNKNOWN)
    conditions, exceptions = (
        [_read(name, held[name], written) for name in held.keys() & names.CONTENT]
        for held in (rule.conditions, rule.exceptions)
    )
    return Content(all_of(conditions), any_of(exceptions))


def _read(name: str, value: Any, written: str) -> Answer:
    """How surely a predicate of the content holds. One that asks for what another rule writes is not told apart."""
    if name in names.SIZES and _is_nothing(str(value)):
        return Answer.YES
    if name in names.TEXT:
        finds = has_word if name.endswith("Words") else matches
        if any(in_any_text(finds, str(one)) for one in value):
            return Answer.YES
        if any(finds(str(one), written) is not Answer.NO for one in value):
            return Answer.UNKNOWN
    return Answer.DEPENDS


def in_any_text(finds: Callable[[str, str], Answer], wanted: str) -> bool:
    """Whether what is asked for is found in whatever a text says."""
    return all(finds(wanted, text) is Answer.YES for text in ANY_TEXT)


def _is_nothing(size: str) -> bool:
    """Whether a size, such as `0KB`, is one that every message has."""
    number = re.match(r"\s*([0-9.]+)", size)
    return number is not None and set(number[1]) <= {"0", "."}


def tracked_headers(books: Iterable[Rulebook], own: Iterable[str]) -> tuple[str, ...]:
    """The headers worth following: the service's own, and those that one rule reads and another writes."""
    read: set[str] = set()
    written: set[str] = set()
    for book in books:
        for rule in book.rules:
            read |= {
                held[name].lower() for held in (rule.conditions, rule.exceptions) for name in HEADERS if name in held
            }
            written |= {
                rule.actions[name].lower() for name in ("SetHeaderName", "RemoveHeader") if name in rule.actions
            }
    known = [name.lower() for name in own]
    return (*known, *sorted((read & written) - set(known)))


HEADERS: Mapping[str, str] = {
    "HeaderContainsMessageHeader": "HeaderContainsWords",
    "HeaderMatchesMessageHeader": "HeaderMatchesPatterns",
}
