"""Reads a script for Exchange Online PowerShell, as far as ours go, and runs it in a simulated tenant."""

import re
from typing import Any

from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot
from tests.platforms.microsoft365.mail_flow.flow import Flow

TEXT = r"'(?:[^']|'')*'"
WORD = re.compile(rf"-(\w+)[: ]({TEXT}|\$\w+|-?\d+|@\((?:{TEXT}|,)*\)|@\{{\w+={TEXT}\}})(?= |$)")
HASH_TABLE = {"@odata.type": "#Exchange.GenericHashTable"}


def run(script: str, flow: Flow) -> None:
    """Every line that is no comment. A line that cannot be read to its end fails."""
    for line in script.splitlines():
        if not line or line.startswith("#"):
            continue
        cmdlet, _, rest = line.partition(" ")
        found = list(WORD.finditer(rest))
        assert " ".join(one[0] for one in found) == rest, line
        flow.run(cmdlet, **{one[1]: _value(one[2]) for one in found})


def _value(word: str) -> Any:
    match word[:2]:
        case "@(":
            return [_text(one) for one in re.findall(TEXT, word)]
        case "@{":
            act, _, text = word[2:-1].partition("=")
            return {**HASH_TABLE, act.lower(): [_text(text)]}
    if word.startswith("$"):
        return {"$null": None, "$true": True, "$false": False}[word]
    return _text(word) if word.startswith("'") else int(word)


def _text(word: str) -> str:
    return word[1:-1].replace("''", "'")


def snapshot(flow: Flow) -> Snapshot:
    """What a look writes down."""
    (policy,) = flow.run("Get-HostedConnectionFilterPolicy")
    rules = sorted(flow.run("Get-TransportRule"), key=lambda one: int(one["Priority"]))
    return Snapshot(
        at=flow.now,
        rules=rules,
        things={
            "inbound": {one["Guid"]: one for one in flow.run("Get-InboundConnector")},
            "outbound": {one["Guid"]: one for one in flow.run("Get-OutboundConnector", IncludeTestModeConnectors=True)},
            "domain": {one["DomainName"]: one for one in flow.run("Get-AcceptedDomain")},
            "allowed": dict.fromkeys(policy["IPAllowList"] or (), True),
            "blocked": dict.fromkeys(policy["IPBlockList"] or (), True),
            "spoof": {one["Identity"]: one for one in flow.run("Get-TenantAllowBlockListSpoofItems")},
            "mx": {},
            "group": {},
            "remote": {one["DomainName"].lower(): one for one in flow.run("Get-RemoteDomain")},
            "journal": {one["Guid"]: one for one in flow.run("Get-JournalRule")},
        },
    )
