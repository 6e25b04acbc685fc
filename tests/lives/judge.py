"""The judge: after each call to a platform it compares the tenant with before, and knows who made what.

What changes in a call of the service's was done by the service; all else was done by the customer. A `Thing` is one
object, or one element of a list that others use too; its content leaves out what only time and order decide.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from infra.local.simulators.cloud import Cloud
from infra.local.simulators.wire import Call

Who = Literal["us", "them", "nobody knows"]
Thing = tuple[str, str]
"""(kind, identity)."""
Contents = Mapping[Thing, Mapping[str, Any]]
# Calls of a browser that stands for the administrator's.
PEOPLES = ("/_consent", "/_sign_in", "/oauth2/v2.0/authorize", "/adminconsent", "/o/oauth2")


@dataclass(kw_only=True)
class Tenancy:
    """How a platform's tenant is read: its things, and what belongs to what."""

    things: Callable[[], Contents]
    volatile: frozenset[str]
    intents: Mapping[str, tuple[str, ...]]
    """For each kind, how the keys of the ledger begin under which its writes are intended; none are for no entry."""
    only_one: Callable[[Thing, Mapping[str, Any]], str | None]
    """The name under which there may be only one of ours; None if there may be any number, or it is deleted."""
    goes_by_itself: Callable[[Mapping[str, Any]], bool]
    """Whether a deleted one is so old that the platform forgets it."""


@dataclass
class Judge:
    """Who made what, and what was wrong."""

    cloud: Cloud
    tenancy: Tenancy
    intended: Callable[[tuple[str, ...]], bool]
    """Whether the newest entry of the ledger under these keys is an intent."""
    now: Callable[[], datetime]
    made: dict[Thing, Who] = field(default_factory=dict)
    appeared: dict[Thing, datetime] = field(default_factory=dict)
    """Since when each is there without a break."""
    vanished: dict[str, datetime] = field(default_factory=dict)
    """When each identity was last seen to go."""
    violations: list[tuple[str, str]] = field(default_factory=list)
    """(kind, what happened)."""
    calls: int = 0
    _seen: dict[Thing, Mapping[str, Any]] = field(default_factory=dict)

    def begin(self) -> None:
        """All that is there is the customer's."""
        self._take("them")
        self.watch()

    def watch(self) -> None:
        """Look at every call from now on."""
        self.cloud.on_request = self._after

    def end(self) -> None:
        """Look no more."""
        self.cloud.on_request = None

    def theirs(self) -> None:
        """What has changed was done by the customer."""
        with self.cloud.lock:
            self._take("them")

    def ours(self) -> None:
        """What has changed was done by us, in calls that were not watched."""
        with self.cloud.lock:
            self._take("us")

    def left(self) -> list[Thing]:
        """What we made and is still there."""
        return sorted(thing for thing in self._seen if self.made.get(thing) == "us" and not self._old(thing))

    def all(self) -> Contents:
        """What is there."""
        return self._seen

    def stood(self, identity: str, when: str) -> bool:
        """Whether something of an identity is there, or went only after a moment."""
        went = self.vanished.get(identity)
        return any(key == identity for _, key in self._seen) or (went is not None and went.isoformat() > when)

    def find(self, kind: str, who: Who) -> list[str]:
        """The identities of a kind that somebody made and are there."""
        return sorted(key for (one, key) in self._seen if one == kind and self.made.get((one, key)) == who)

    def content(self, thing: Thing) -> Mapping[str, Any]:
        """How it is."""
        return self._seen[thing]

    def wrong(self, kind: str, what: str) -> None:
        """Something is not as it must be."""
        if (kind, what) not in self.violations:
            self.violations.append((kind, what))

    def _after(self, call: Call) -> None:
        self.calls += 1
        if any(part in call.path for part in PEOPLES):
            self._take("them")
            return
        self._take("us", call.cmdlet or f"{call.method} {call.path}")

    def _take(self, who: Who, call: str = "") -> None:
        now = dict(self.tenancy.things())
        for thing in now.keys() | self._seen.keys():
            before, after = self._seen.get(thing), now.get(thing)
            if before is after:
                continue
            if before is not None and after is not None and self._plain(before) == self._plain(after):
                continue
            if who == "us" and call:
                self._judge(thing, before, after, call)
            if before is None:
                self.made[thing] = who
            if after is None:
                self.vanished[thing[1]] = self.now()
            if before is None or (after is not None and before.get("bin") != after.get("bin")):
                self.appeared[thing] = self.now()
        self._seen = now

    def _judge(self, thing: Thing, before: Any, after: Any, call: str) -> None:
        kind, key = thing
        if before is not None and after is None and self.tenancy.goes_by_itself(before):
            return
        if before is not None and self.made.get(thing) == "them":
            verb = "removed" if after is None else "altered"
            told = "" if after is None else f": {_difference(before, after)}"
            self.wrong(f"{verb} theirs", f"{call} {verb} the {kind} {key}{told}")
        name = self.tenancy.only_one(thing, after) if before is None else None
        others = [t for t in self._seen if t[0] == kind and self.made.get(t) == "us"] if name else []
        if any(self.tenancy.only_one(other, self._seen[other]) == name for other in others):
            self.wrong("duplicate", f"{call} made a second {kind} {name}")
        keys = self.tenancy.intents.get(kind)
        if keys and not self.intended(keys):
            self.wrong("no intent", f"{call} changed the {kind} {key}, and the ledger's last word on it is no intent")

    def _old(self, thing: Thing) -> bool:
        return self.tenancy.goes_by_itself(self._seen[thing])

    def _plain(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in record.items() if name not in self.tenancy.volatile}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    changed = {k: (before.get(k), after.get(k)) for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    return json.dumps(changed, default=str)[:300]
