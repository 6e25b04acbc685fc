"""One look at everything of a customer that decides about incoming mail and can be read, as it is stored."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

Record = Mapping[str, Any]
# In which kind something is, and its identity there.
Key = tuple[str, str]
STATES = "settings/gmail.rule_states"
# Lists of senders and addresses, whose entries bear ids and are no rules.
LISTS = frozenset(
    f"settings/gmail.{name}" for name in ("blocked_sender_lists", "email_address_lists", "spam_override_lists")
)
# The one group of ours, among the groups.
OURS = "ours"
CREATED, CHANGED, DELETED = "CREATE_GMAIL_SETTING", "CHANGE_GMAIL_SETTING", "DELETE_GMAIL_SETTING"
ROUTE_SETTING = "EMAIL_ROUTE"
# Google documents no name for it; whatever it is, it says what it is about.
GATEWAY_WORD = "GATEWAY"


class Change(NamedTuple):
    """What the admin log tells of one change. `rule` is the identity of a rule whose state was changed, else empty."""

    at: str
    by: str
    event: str
    setting: str
    name: str
    rule: str

    @property
    def about(self) -> str:
        """What was changed: the newest change of it says how it stands."""
        return f"rule/{self.rule}" if self.rule else f"{self.setting}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was read, by kind and identity.

    `rule`: by its id {"type", "unit", "off": units in which it is switched off, "rule": the record}.
    `setting`: by type and unit, the value. `mx`: by domain, the hosts, None where DNS did not answer.
    `group`: OURS {"address", "taken_out": how many}, missing if it is gone. `log`: the newest change of each thing.
    `root` is the top organisational unit, None where it cannot be told.
    """

    root: str | None
    things: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps({"root": self.root, "things": self.things}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """Read what was stored."""
        kept = json.loads(text)
        logged = {about: Change(*one) for about, one in kept["things"]["log"].items()}
        return cls(root=kept["root"], things={**kept["things"], "log": logged})


def read(
    *,
    policies: Iterable[Record],
    mx: Mapping[str, list[str] | None],
    group: Mapping[str, Any] | None,
    changes: Iterable[Change],
) -> Snapshot:
    """Put together what the Policy API, DNS, the Directory API and the admin log have told.

    Lists of rules are merged by the rules' ids over all policies, and a rule's state is a setting of its own, in each
    unit where it was switched (cisagov/ScubaGoggles: policy_api.py). Google's defaults are policies of the type SYSTEM
    and stand for the top unit.
    """
    listed = list(policies)
    rules: dict[str, dict[str, Any]] = {}
    settings: dict[str, Any] = {}
    off: dict[str, list[str]] = {}
    for policy in listed:
        kind, value = str(policy["setting"].get("type", "")), policy["setting"].get("value", {})
        unit = str(policy.get("policyQuery", {}).get("orgUnit", ""))
        if kind == STATES:
            for state in value.get("ruleStates", ()):
                if state.get("enabled") is False:
                    off.setdefault(str(state.get("ruleId")), []).append(unit)
        elif kind.startswith("settings/gmail."):
            lists = () if kind in LISTS else (some for some in value.values() if isinstance(some, list))
            found = [one for some in lists for one in some if _is_rule(one)]
            for one in found:
                rules[str(one["ruleId"])] = {"type": kind, "unit": unit, "off": [], "rule": one}
            if not found:
                settings[f"{kind} {unit}"] = value
    for key, units in off.items():
        if key in rules:
            rules[key]["off"] = sorted(units)
    newest: dict[str, Change] = {}
    for change in changes:
        newest[change.about] = max(newest.get(change.about, change), change, key=lambda one: one.at)
    roots = {str(one.get("policyQuery", {}).get("orgUnit", "")) for one in listed if one.get("type") == "SYSTEM"}
    return Snapshot(
        root=roots.pop() if len(roots) == 1 else None,
        things={
            "rule": rules,
            "setting": settings,
            "mx": dict(mx),
            "group": {} if group is None else {OURS: dict(group)},
            "log": newest,
        },
    )


def _is_rule(one: Any) -> bool:
    return isinstance(one, Mapping) and "ruleId" in one


def exchanged(base: Snapshot, source: Snapshot, key: Key) -> Snapshot:
    """The base with one thing as the source has it: changed, added or removed."""
    kind, identity = key
    things = dict(base.things[kind])
    things.pop(identity, None)
    if identity in source.things[kind]:
        things[identity] = source.things[kind][identity]
    return replace(base, things={**base.things, kind: things})
