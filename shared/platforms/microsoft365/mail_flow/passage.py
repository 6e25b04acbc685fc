"""One passage of a message through the transport rules: in their order, each on what those before it made of it.

The first rule has priority 0. Actions of a rule are all carried out; `StopRuleProcessing` ends the passage after
them, and so does whatever refuses or deletes the message. The last SCL counts.
Source: learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/mail-flow-rules and
learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/mail-flow-rule-actions.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from shared.platforms.microsoft365.mail_flow import parameters
from shared.platforms.microsoft365.mail_flow.answers import Answer, all_of, any_of, opposite
from shared.platforms.microsoft365.mail_flow.listing import Record, Rule
from shared.platforms.microsoft365.mail_flow.message import Message
from shared.platforms.microsoft365.mail_flow.rulebook import HEADERS, Rulebook, has_word, in_any_text, matches

# Every message bears these headers, from any sender (RFC 5322, 3.6; RFC 5321, 4.4; Exchange adds a Message-ID that is
# missing), and some with words that are always there.
EVERY_MESSAGE_HAS = {"received": "from by with", "mime-version": "1.0", "from": "", "date": "", "message-id": ""}
# The lowest SCL that there is.
LOWEST_SCL = -1
# A header that the message does not bear.
MISSING = ""


class End(StrEnum):
    """Why a message goes no further."""

    REFUSED = "refused"
    HELD = "held"


class World(NamedTuple):
    """What the rules have made of a message so far.

    `headers` are values of the headers that are followed: None for one that only the content decides. `depends` says
    that it comes to this for some content only, `unsure` that nobody documents whether it does. `doubts` are reasons
    for which the outcome cannot be told, although the way there is clear. `declined` are the places of rules that
    would have ended the passage of other content: what they did not find is not in the message when it comes back.
    """

    headers: tuple[str | None, ...]
    scl: int | None = None
    route: str | None = None
    scans: int = 0
    end: End | None = None
    stopped: bool = False
    depends: bool = False
    unsure: bool = False
    declined: frozenset[int] = frozenset()
    doubts: frozenset[str] = frozenset()


class Static(NamedTuple):
    """How surely a rule applies as far as sender, recipient and source say, and how surely its conditions alone do."""

    holds: Answer
    met: Answer


class Passage:
    """Runs messages through a rulebook; `headers` are the names of those that are followed, in small letters."""

    def __init__(self, book: Rulebook, headers: Sequence[str], scanner: Iterable[str]) -> None:
        self.book, self.headers = book, list(headers)
        self._scanner = frozenset(scanner)
        # Most classes meet the same rules, and most rules see the same headers.
        self._runs: dict[tuple[tuple[tuple[int, Static], ...], frozenset[World]], frozenset[World]] = {}
        self._reads: dict[tuple[int, tuple[str | None, ...]], tuple[Answer, Answer]] = {}
        self._matters = sum(1 << place for place, rule in enumerate(book.rules) if self._changes(rule))

    def _changes(self, rule: Rule) -> bool:
        """Whether a rule can change the way of any message."""
        stamps = {str(rule.actions.get(name, "")).lower() for name in ("SetHeaderName", "RemoveHeader")}
        other = rule.actions.keys() - parameters.INERT - parameters.STAMPS
        return bool(
            rule.stops or rule.strange or other or "SetSCL" in rule.actions or stamps.intersection(self.headers)
        )

    def run(self, message: Message, ends: tuple[bool, bool], worlds: Iterable[World]) -> frozenset[World]:
        """Every way it may come out of the rules; `ends` say whether it comes from inside and goes to the inside."""
        candidates = tuple(self._candidates(message, ends, self._matters))
        now = frozenset(worlds)
        known = candidates, now
        if known not in self._runs:
            for place, static in candidates:
                now = frozenset(after for world in now for after in self._after(place, static, world))
            self._runs[known] = now
        return self._runs[known]

    def fired(self, message: Message, ends: tuple[bool, bool], world: World) -> list[str]:
        """The names of the rules that act on a message of ordinary content, in their order."""
        acted: list[str] = []
        for place, static in self._candidates(message, ends, (1 << len(self.book.rules)) - 1):
            applies, conditions = self._applies(place, static, world)
            if not world.stopped and (applies is Answer.YES or (applies, conditions) == (Answer.DEPENDS, Answer.YES)):
                acted.append(self.book.rules[place].name)
                world = self._acted(self.book.rules[place], world)
        return acted

    def _candidates(self, message: Message, ends: tuple[bool, bool], among: int) -> Iterator[tuple[int, Static]]:
        """Rules that may apply, in their order, with how surely they do as far as sender, recipient and source say."""
        masks = (
            self.book.masks("scope", ends),
            self.book.masks("sender", message.sender),
            self.book.masks("recipient", message.recipient),
            self.book.masks("source", message.source),
        )
        left = sure = met = among
        unknown = 0
        for one in masks:
            left, sure, met = left & one.possible, sure & one.sure, met & one.met
            unknown |= one.unknown
        while left:
            bit = left & -left
            left ^= bit
            holds = Answer.YES if sure & bit else Answer.UNKNOWN if unknown & bit else Answer.DEPENDS
            yield bit.bit_length() - 1, Static(holds, Answer.YES if met & bit else Answer.DEPENDS)

    def _applies(self, place: int, static: Static, world: World) -> tuple[Answer, Answer]:
        """How surely a rule applies, and how surely its conditions hold whatever its exceptions say."""
        if place in world.declined:
            return Answer.NO, Answer.NO
        rule, content = self.book.rules[place], self.book.content[place]
        if (place, world.headers) not in self._reads:
            self._reads[place, world.headers] = self._stamped(rule, world)
        held, excepted = self._reads[place, world.headers]
        conditions = all_of((static.met, content.conditions, held))
        return all_of((static.holds, conditions, opposite(any_of((content.exceptions, excepted))))), conditions

    def _after(self, place: int, static: Static, world: World) -> Iterable[World]:
        if world.stopped:
            return (world,)
        rule = self.book.rules[place]
        without = world._replace(declined=world.declined | {place}) if self._settles(rule) else world
        match self._applies(place, static, world):
            case Answer.NO, _:
                return (world,)
            case Answer.YES, _:
                return (self._acted(rule, world),)
            case Answer.DEPENDS, Answer.YES:  # most content hits no exception
                return (without._replace(depends=True), self._acted(rule, world))
            case Answer.DEPENDS, _:  # and most content meets no condition
                return (without, self._acted(rule, world._replace(depends=True)))
            case _:
                world = world._replace(unsure=True, doubts=world.doubts | {f"what the rule “{rule.name}” asks"})
                return (world, self._acted(rule, world))

    def _settles(self, rule: Rule) -> bool:
        """Whether a rule ends the passage of what it means, by what a message says and not by what rules wrote."""
        ends = rule.stops or bool(rule.actions.keys() & (parameters.REFUSES | parameters.HOLDS))
        return ends and not any(self._written(held) for held in (rule.conditions, rule.exceptions))

    def _written(self, held: Record) -> bool:
        """Whether predicates read what may change on the way: an SCL, or a header that rules or the service write."""
        stamped = held.keys() & parameters.STAMPED
        return any(name not in HEADERS or str(held[name]).lower() in self.headers for name in stamped)

    def _stamped(self, rule: Rule, world: World) -> tuple[Answer, Answer]:
        """The conditions, and the exceptions, that read what rules and the service have written on the message."""
        return (
            all_of(self._read(name, rule.conditions, world) for name in rule.conditions.keys() & parameters.STAMPED),
            any_of(self._read(name, rule.exceptions, world) for name in rule.exceptions.keys() & parameters.STAMPED),
        )

    def _read(self, name: str, held: Record, world: World) -> Answer:
        if name not in HEADERS:
            # An SCL of before the rules is the content's.
            return Answer.YES if int(held[name]) <= LOWEST_SCL else Answer.DEPENDS
        header, wanted = str(held[name]).lower(), held.get(HEADERS[name]) or ()
        finds = has_word if name == "HeaderContainsMessageHeader" else matches
        value = world.headers[self.headers.index(header)] if header in self.headers else None
        if value is None:
            known = EVERY_MESSAGE_HAS.get(header)
            always = known is not None and any(
                in_any_text(finds, str(one)) or finds(str(one), known) is Answer.YES for one in wanted
            )
            return Answer.YES if always else Answer.DEPENDS
        return Answer.NO if value == MISSING else any_of(finds(str(one), value) for one in wanted)

    def _acted(self, rule: Rule, world: World) -> World:
        actions = rule.actions
        doubts = set(world.doubts)
        headers = list(world.headers)
        for name, value in (
            (actions.get("RemoveHeader"), MISSING),
            (actions.get("SetHeaderName"), actions.get("SetHeaderValue")),
        ):
            if name and name.lower() in self.headers:
                headers[self.headers.index(name.lower())] = value
        route, unsure = world.route, world.unsure
        if to := actions.get(parameters.ROUTES):
            if route is not None and route != to.lower():
                doubts.add("which of two rules' connectors a message takes")
                unsure = True
            route = to.lower()
            if route in self._scanner:
                if not rule.stops:
                    doubts.add(f"the rules below “{rule.name}” act before the scan too")
                if rule.on_error != "Ignore":
                    doubts.add(f"an error of “{rule.name}” delays mail")
        if not world.scans and (added := actions.keys() & parameters.ADDS):
            doubts.add(f"“{rule.name}” adds recipients ({', '.join(sorted(added))})")
        if not world.scans and actions.keys() & parameters.SEALS:
            doubts.add(f"“{rule.name}” encrypts")
        if rule.strange:
            doubts.add(f"“{rule.name}” has what we do not know: {', '.join(sorted(rule.strange))}")
        end = world.end
        if actions.keys() & parameters.REFUSES or "Reject" in str(actions.get(parameters.NOTIFIES, "")):
            end = End.REFUSED
        elif actions.keys() & parameters.HOLDS:
            end = end or End.HELD
        return World(
            headers=tuple(headers), scl=_scl(actions, world.scl), route=route, scans=world.scans, end=end,
            stopped=rule.stops or end is End.REFUSED, depends=world.depends, unsure=unsure,
            declined=world.declined, doubts=frozenset(doubts),
        )  # fmt: skip


def _scl(actions: Record, before: int | None) -> int | None:
    value = actions.get("SetSCL")
    return before if value is None else int(value)
