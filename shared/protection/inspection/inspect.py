"""Hold a message against conditions.

A message costs bounded time and memory whatever is in it, and never raises. What could not be looked at within the
bounds is a finding, too: it is for the caller to say what becomes of a message that nobody can vouch for.
"""

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from shared.protection.inspection import (
    archives,
    attachments,
    authentication,
    impersonation,
    links,
    visible_text,
    words,
)
from shared.protection.inspection import message as parse
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.conditions import FROM_CONTENT, Conditions, Finding, Kind
from shared.protection.inspection.impersonation import Known
from shared.protection.inspection.misleading import misleading, suffixes
from shared.protection.inspection.rewriters import leads_to
from shared.protection.inspection.visible_text import Found

Message = bytes | Sequence[tuple[str, str]]
# Of the processor's time, in seconds: all in all well below one.
READING = 0.4
LOOKING = 0.3
MATCHING = 0.2
MAX_FINDINGS = 5
UNICODE = "confusable_homoglyphs.confusables"
READERS = ("can_ada", UNICODE, "olefile", "pypdf", "re2", "selectolax.lexbor", "webencodings")
NO_CONTENT = "Only the headers were given."
NO_ANSWER = "The text takes too long to be held against the listed expression {}."
FAILED = "The message could not be inspected for {}."

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Reason:
    """Why a condition is met, where in the message, and what was compared with what."""

    why: str
    where: str = ""
    compared: str = ""


@dataclass(kw_only=True)
class _Inspected:
    """A message being held against conditions. What several kinds look at is made once, when the first asks."""

    mail: parse.Mail
    conditions: Conditions
    known: Known
    budget: Budget
    missed: list[str] = field(default_factory=list)

    @cached_property
    def page(self) -> visible_text.Shown:
        shown = visible_text.shown(self.mail, self.budget)
        self.missed += shown.missed
        return shown

    @cached_property
    def subject(self) -> str:
        shown = self.mail.subject
        return "\n".join([shown.translate(links.INVISIBLE), *visible_text.turned(shown)])

    @property
    def text(self) -> str:
        return f"{self.subject}\n{self.page.text}"

    @cached_property
    def links(self) -> Sequence[Found]:
        self.missed += self.page.missed_links
        return self.page.links

    @cached_property
    def hosts(self) -> Mapping[str, Found]:
        """Every host that a link leads to, through rewriters too, with the first link that does; each is read once."""
        found: dict[str, Found] = {}
        for one in self.links:
            for host in leads_to(one.link.target):
                found.setdefault(host, one)
        return found


def judge(message: Message, conditions: Conditions, known: Known) -> tuple[Finding, ...]:
    """Hold a message, whole or its headers from the top, against conditions. Takes up to a second: not on the loop.

    Returns why the conditions are met, nothing if they are not; and, of kind "incomplete", what could not be looked
    at. The scanner is not asked: `inspect` does that.
    """
    asked = conditions.kinds - {"scanner"}
    content = not asked.isdisjoint(FROM_CONTENT)
    if content:
        _load_readers()
    mail = _read(message, content=content) if isinstance(message, bytes) else parse.from_headers(message)
    inspected = _Inspected(mail=mail, conditions=conditions, known=known, budget=Budget(LOOKING))
    inspected.missed += [*mail.missed, *([NO_CONTENT] if content and mail.parts is None else [])]
    found = [
        Finding(kind=kind, why=one.why, where=one.where, compared=one.compared)
        for kind in LOOKS
        if kind in asked
        for one in _look(kind, inspected)
    ]
    met = {one.kind for one in found} >= asked if conditions.match == "all" else bool(found)
    missed = [Finding(kind="incomplete", why=why) for why in dict.fromkeys(inspected.missed)]
    return (*(found if met else ()), *missed)


def _read(message: bytes, *, content: bool) -> parse.Mail:
    """Take a message apart; of one at which a reader fails, the headers alone."""
    try:
        return parse.read(message, Budget(READING), only_headers=not content)
    except Exception as error:  # no message may stop the mailbox that it is in
        # The error's own text may hold the message's.
        log.error("a message could not be read: %s", type(error).__name__)  # noqa: TRY400 - the same
        mail = parse.read(message, Budget(READING), only_headers=True)
        return replace(mail, parts=(), missed=(*mail.missed, FAILED.format("its content")))


@cache
def _load_readers() -> None:
    """Once in a process, before the time of a message begins: to load what reads a format takes longer than to read."""
    for name in READERS:
        importlib.import_module(name)
    suffixes()


async def inspect(
    message: Message, conditions: Conditions, known: Known, ask: Callable[[], Awaitable[Finding | None]]
) -> tuple[Finding, ...]:
    """As `judge`, off the loop; `ask` gives the scanner's opinion, and is called only if that can change anything."""
    found = await asyncio.to_thread(judge, message, conditions, known)
    met = any(one.kind != "incomplete" for one in found)
    alone = conditions.kinds == {"scanner"}
    if not conditions.scanner or (not alone and met == (conditions.match == "any")):
        return found
    opinion = await ask()
    if opinion is None or opinion.kind == "incomplete":
        # One of all is not so, or is not known to be.
        found = tuple(one for one in found if one.kind == "incomplete")
    return found if opinion is None else (*found, opinion)


def _look(kind: Kind, inspected: _Inspected) -> list[_Reason]:
    try:
        return list(dict.fromkeys(LOOKS[kind](inspected)))[:MAX_FINDINGS]
    except Exception as error:  # no message may stop the mailbox that it is in
        # The error's own text may hold the message's.
        log.error("inspection for %s failed: %s", kind, type(error).__name__)  # noqa: TRY400 - the same
        inspected.missed.append(FAILED.format(kind.replace("_", " ")))
        return []


def _senders(inspected: _Inspected) -> Iterator[_Reason]:
    listed = set(inspected.conditions.senders)
    # Mail programs show who has sent a message for somebody else: "A on behalf of B", "B via A".
    for header in ("from", "sender"):
        for _, address in inspected.mail.people(header):
            local, _, domain = address.rpartition("@")
            host = links.ascii_host(domain)
            for name in [f"{local.casefold()}@{host}", *links.and_above(host)] if host else []:
                if name in listed:
                    yield _Reason(
                        why=f"The sender is one of those that are listed: {name}.",
                        where=f"header {header.title()}",
                        compared="the address and its domains with the list",
                    )


def _subjects(inspected: _Inspected) -> Iterator[_Reason]:
    subject = " ".join(words.folded(inspected.subject).split())
    for at, text in enumerate(inspected.conditions.subjects, 1):
        if " ".join(words.folded(text).split()) in subject:
            yield _Reason(
                why=f"The subject holds the listed text {at}.",
                where="header Subject",
                compared=f"the subject as it is shown with the listed text {at}, letter case apart",
            )


def _authentication(inspected: _Inspected) -> Iterator[_Reason]:
    results = authentication.results(inspected.mail.all(parse.RESULTS), inspected.known.receiver)
    if not results.readable:
        inspected.missed.append("The receiver's own results of authentication cannot be read.")
    failed = authentication.failures(results)
    for kind in inspected.conditions.authentication:
        if kind in failed:
            yield _Reason(
                why=authentication.SENTENCES[kind],
                where="header Authentication-Results",
                compared=f"the topmost results of {inspected.known.receiver or 'the receiver'} with {kind}",
            )


def _impersonation(inspected: _Inspected) -> Iterator[_Reason]:
    for header in ("from", "sender", "reply-to"):
        for why, compared in impersonation.pretenders(inspected.mail.people(header), inspected.known):
            yield _Reason(why=why, where=f"header {header.title()}", compared=compared)


def _links(inspected: _Inspected) -> Iterator[_Reason]:
    listed = set(inspected.conditions.links)
    for host, found in inspected.hosts.items():
        domain = next((one for one in links.and_above(host) if one in listed), None)
        if domain is not None:
            yield _Reason(
                why=f"A link leads to {host}.", where=found.where, compared=f"the host {host} with the listed {domain}"
            )


def _misleading_links(inspected: _Inspected) -> Iterator[_Reason]:
    where = dict(inspected.links)
    for link, host, claimed in misleading(where):
        yield _Reason(
            why=f"A link shows another place and leads to {host}.",
            where=where[link],
            compared=f"the host that is shown, {claimed}, with the host {host}",
        )


def _attachments(inspected: _Inspected) -> Iterator[_Reason]:
    look = archives.Look(budget=inspected.budget)
    found = attachments.kinds(inspected.mail, look)
    inspected.missed += sorted(look.missed)
    for kind in inspected.conditions.attachments:
        if kind in found:
            yield _Reason(
                why=f"An attachment is or holds {attachments.SENTENCES[kind]}.",
                where=found[kind],
                compared=f"its content and its name with what is known of {kind}",
            )


def _words(inspected: _Inspected) -> Iterator[_Reason]:
    for at in words.words_in(inspected.text, inspected.conditions.words):
        yield _Reason(
            why=f"The subject or the text holds the listed word {at}.",
            where="subject or text",
            compared=f"the words as they are shown with the listed word {at}, letter case apart",
        )


def _expressions(inspected: _Inspected) -> Iterator[_Reason]:
    found, late = words.expressions_in(inspected.text, inspected.conditions.expressions, MATCHING)
    inspected.missed += [NO_ANSWER.format(at) for at in late]
    for at in found:
        yield _Reason(
            why=f"The subject or the text matches the listed expression {at}.",
            where="subject or text",
            compared=f"the text as it is shown with the listed expression {at}",
        )


LOOKS: Mapping[Kind, Callable[[_Inspected], Iterator[_Reason]]] = {
    "senders": _senders,
    "subjects": _subjects,
    "authentication": _authentication,
    "impersonation": _impersonation,
    "links": _links,
    "misleading_links": _misleading_links,
    "attachments": _attachments,
    "words": _words,
    "expressions": _expressions,
}
