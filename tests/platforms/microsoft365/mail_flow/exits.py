"""Random exits with mail in flight, by the engine's own waits and the simulator's router: what becomes of each message.

What is assumed: each server of Exchange acts on a removed rule for 29 minutes more at most, and a message is a minute
at most on its way to the scanner.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from random import Random

from infra.local.simulators.microsoft.exchange.mail.message import Carried, Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from infra.local.simulators.microsoft.tenant import Tenant
from shared.connections.stages import Stage
from shared.engine.effects import Effect
from shared.engine.rows import Change, Sighting, Wanted, wanted
from shared.flows.drain import is_evidence
from shared.foundation.brand import PUBLISHED
from shared.platforms.microsoft365 import catalogue
from shared.platforms.microsoft365.mail_flow.verdict import difference
from tests.platforms.microsoft365.mail_flow import flow as names
from tests.platforms.microsoft365.mail_flow.flow import Flow

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CEILING = catalogue.UNTIL_MAIL_IS_BACK
LETS_OUT = ("outbound-incoming", "outbound-outgoing")
LETS_BACK = ("inbound-incoming", "inbound-outgoing", "rule-junk", "rule-skip-spam", "spoof", "ip-allow")
STRANGERS, RETURNS_FROM = "192.0.2.55", "198.51.100.33"
# Mail must not meet a state in which the model finds this.
HARM = frozenset({Effect.BOUNCED_OR_DELAYED, Effect.SCANNED_TWICE_OR_LOOP})
Gone = frozenset[str]
"""What is gone of a tenant: `routing`, `out` and `back`."""


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A message: when it comes, until when the rules act on its server, and how long it is away."""

    mail: Mail
    at: datetime
    rules_until: datetime
    away: timedelta
    hold: timedelta

    @property
    def returns(self) -> datetime:
        """When the scanner gives it back."""
        return self.at + self.away + self.hold


@dataclass(kw_only=True)
class Exits:
    """The states of a tenant on its way out, made once and asked often."""

    flow: Flow
    rules_act_for: int = 29
    """Minutes."""

    def __post_init__(self) -> None:
        self._states: dict[Gone, Flow] = {}
        self._harms: dict[Gone, frozenset[Effect]] = {}
        self._ways: dict[tuple[Gone, bool, str], Carried] = {}
        self.lengths: list[timedelta] = []
        self.lost: list[str] = []
        self.carried = 0

    @cached_property
    def rows(self) -> dict[str, Change]:
        """The catalogue's rows by key."""
        every = catalogue.rows(PUBLISHED, _nobody)
        return {row.key: row for row in every if isinstance(row, Change)}

    def run(self, random: Random) -> None:
        """One exit, whose routing rules are gone now."""
        start = self.flow.now
        messages = list(passing(random, start, self.rules_act_for))
        out, back = self._removed(random, start, messages)
        self.lengths.append(back - start)
        for one in messages:
            self._follow(one, out, back)

    def _removed(self, random: Random, start: datetime, messages: list[Passing]) -> tuple[datetime, datetime]:
        """When connectors to the scanner go, and when what lets mail back goes, by what the scanner says."""
        moments, speaks = {start + HOUR, start + CEILING}, random.random() < 0.7
        every, first = random.randint(2, 15), random.randint(0, 15)
        words = [start + MINUTE * minute for minute in range(first, 24 * 60, every)] if speaks else []
        drained: datetime | None = None
        found: dict[str, datetime] = {}
        for now in sorted(moments | set(words)):
            if now in words:
                inside = [one for one in messages if one.at + one.away <= now and self._was_routed(one)]
                held = sum(one.returns > now for one in inside)
                last = max((one.returns if one.returns <= now else one.at + one.away for one in inside), default=None)
                drained = now if is_evidence(held, last, now) else None
            for key in (*LETS_OUT, *LETS_BACK):
                want = wanted(self.rows[key], Stage.CLEANUP, now, lambda _: start, drained)
                if key not in found and want.wanted is Wanted.ABSENT:
                    found[key] = now
            if len(found) == len(LETS_OUT) + len(LETS_BACK):
                break
        return min(found[key] for key in LETS_OUT), min(found[key] for key in LETS_BACK)

    def _was_routed(self, one: Passing) -> bool:
        return one.at < one.rules_until

    def _follow(self, one: Passing, out: datetime, back: datetime) -> None:
        """Carry a message out and back, each time through the tenant as it is then."""
        self.carried += 1
        went = self._carry(one, one.mail, self._gone(one, one.at, out, back), scanned=False)
        if went.end != "elsewhere":
            self._note(one, went, went.end in ("mailbox", "outside"))
            return
        returned = replace(went.mail, server=RETURNS_FROM)
        if one.mail.server is not None:
            for name, value in self._headers.items():
                returned = returned.with_header(name, value)
        came = self._carry(one, returned, self._gone(one, one.returns, out, back), scanned=True)
        right = came.end == ("outside" if one.mail.server is None else "mailbox") and came.scans == 0
        self._note(one, came, right and (one.mail.server is None or came.scl == -1))

    def _gone(self, one: Passing, at: datetime, out: datetime, back: datetime) -> Gone:
        gone = {"routing": one.rules_until, "out": out, "back": back}
        return frozenset(name for name, since in gone.items() if since <= at)

    def _carry(self, one: Passing, mail: Mail, gone: Gone, *, scanned: bool) -> Carried:
        if gone not in self._states:
            self._states[gone] = without(self.flow, gone)
            state = self._states[gone]
            found = difference(None, state.listing(), state.service, state.protected, state.now)
            self._harms[gone] = frozenset(one.effect for one in found)
        if not scanned and self._was_routed(one) and "routing" not in gone and self._harms[gone] & HARM:
            self.lost.append(f"the model finds {self._harms[gone] & HARM} without {sorted(gone)}")
        # The same mail takes the same way through the same state: most messages are of few kinds.
        known = gone, scanned, repr(mail)
        if known not in self._ways:
            hosts = self.flow.service.hosts if scanned else frozenset[str]()
            scanner = Scanner(hosts=hosts, address=RETURNS_FROM, headers=self._headers)
            self._ways[known] = carry(self._states[gone].tenant, mail, scanner, self.flow.now)
        return self._ways[known]

    def _note(self, one: Passing, carried: Carried, right: bool) -> None:  # noqa: FBT001 - what is noted
        if not right:
            self.lost.append(f"{carried.end} ({carried.relayed_by}, SCL {carried.scl}): {one}")

    @cached_property
    def _headers(self) -> dict[str, str]:
        service = self.flow.service
        return {service.return_header: service.return_secret, service.verdict_header: "clean"}

    def __str__(self) -> str:
        median, longest = statistics.median(self.lengths), max(self.lengths)
        early = sum(length < CEILING for length in self.lengths)
        return (
            f"{len(self.lengths)} exits, {self.carried} messages, {len(self.lost)} lost, refused, filtered twice or "
            f"sent round; the median exit takes {_minutes(median)}, the longest {_minutes(longest)}; the fixed times "
            f"take {_minutes(CEILING)}, and {early} exits ended before"
        )


def passing(random: Random, start: datetime, rules_act_for: int = 29) -> Iterator[Passing]:
    """Some messages, most of them returned in seconds, a few after hours."""
    person = "coral.birch@contoso.com"
    for _ in range(random.randint(0, 10)):
        stranger = f"ann@{random.choice(('supplier.example.org', 'bank.example.org'))}"
        comes = random.random() < 0.5
        author, recipient = (stranger, person) if comes else (person, stranger)
        hold = random.choices(
            (random.uniform(0, 1), random.uniform(1, 60), random.uniform(60, 22 * 60)), (0.8, 0.15, 0.05)
        )[0]
        yield Passing(
            mail=Mail(author=author, recipient=recipient, envelope_sender=author, server=STRANGERS if comes else None),
            at=start + MINUTE * random.uniform(-120, 40),
            rules_until=start + MINUTE * random.uniform(0, rules_act_for),
            away=MINUTE * random.uniform(0, 1),
            hold=MINUTE * hold,
        )


def without(flow: Flow, gone: Gone) -> Flow:
    """A tenant from which parts of ours are gone. A rule whose connector is gone has its action left."""
    after = flow.copy()
    tenant = after.tenant
    rules = {"routing": {names.IN_DOMAIN, names.OUT_DOMAIN}, "back": {names.JUNK, names.SKIP}}
    dropped = {name for part in gone for name in rules.get(part, ())}
    tenant.rules = [one for one in tenant.rules if one["Name"] not in dropped]
    if "out" in gone:
        tenant.outbound_connectors = _but(tenant, "outbound_connectors", {names.TO_SCANNER_IN, names.TO_SCANNER_OUT})
    if "back" in gone:
        tenant.inbound_connectors = _but(tenant, "inbound_connectors", {names.BACK_IN, names.BACK_OUT})
        tenant.connection_filter = {**tenant.connection_filter, "IPAllowList": ("192.0.2.10",)}
    return after


def _but(tenant: Tenant, what: str, dropped: set[str]) -> dict[str, dict[str, object]]:
    return {key: one for key, one in getattr(tenant, what).items() if one["Name"] not in dropped}


def _minutes(span: timedelta) -> str:
    return f"{span / MINUTE:.0f} min"


async def _nobody(_tenant: object, _identity: str | None) -> Sighting:
    raise NotImplementedError("a schedule is made without a tenant")


def many(flow: Flow, number: int, *, seed: int = 0, rules_act_for: int = 29) -> Exits:
    """Run so many exits."""
    exits = Exits(flow=flow, rules_act_for=rules_act_for)
    random = Random(seed)  # noqa: S311 - a run has to be repeatable
    for _ in range(number):
        exits.run(random)
    return exits
