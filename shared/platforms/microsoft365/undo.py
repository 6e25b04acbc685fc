"""A script for Exchange Online PowerShell that puts a tenant's mail flow back to a snapshot. Pure.

It changes what is the customer's only: our objects are repaired by the service itself. What a cmdlet cannot bring
back (a domain, a DNS record, a group's members) stands in it as a comment.
Source: learn.microsoft.com/powershell/module/exchange.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from shared.platforms.microsoft365 import mail_reading
from shared.platforms.microsoft365.mail_flow.listing import Record
from shared.platforms.microsoft365.mail_flow.parameters import ACTIONS, PREDICATES, is_set
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot, changed, exchanged, moved

RULE = frozenset(
    {
        *PREDICATES,
        *(f"ExceptIf{name}" for name in PREDICATES),
        *ACTIONS,
        *("Name", "Comments", "Mode", "StopRuleProcessing", "RuleErrorAction", "SenderAddressLocation"),
        *("RecipientAddressType", "ActivationDate", "ExpiryDate"),
    }
)
INBOUND = frozenset(
    """AssociatedAcceptedDomains CloudServicesMailEnabled Comment ConnectorType EFSkipIPs EFSkipLastIP EFUsers Enabled
    Name RequireTls RestrictDomainsToCertificate RestrictDomainsToIPAddresses SenderDomains SenderIPAddresses
    TlsSenderCertificateName TreatMessagesAsInternal""".split()  # noqa: SIM905 (one name a line would hide the list)
)
OUTBOUND = frozenset(
    """AllAcceptedDomains CloudServicesMailEnabled Comment ConnectorType Enabled IsTransportRuleScoped Name
    RecipientDomains RouteAllMessagesViaOnPremises SmartHosts TestMode TlsDomain TlsSettings
    UseMXRecord""".split()  # noqa: SIM905 (one name a line would hide the list)
)
CONNECTORS = {"inbound": ("InboundConnector", INBOUND), "outbound": ("OutboundConnector", OUTBOUND)}
LISTS = {"allowed": "IPAllowList", "blocked": "IPBlockList"}
# Of a remote domain what decides about mail.
REMOTE = ("Name", "AutoForwardEnabled", "IsInternal", "TrustedMailInboundEnabled")
JOURNAL = ("Name", "JournalEmailAddress", "Recipient", "Scope")
DOMAIN = ("DomainType", "SendingFromDomainDisabled", "SendingToDomainDisabled")
# Parameters that a cmdlet takes only together.
PAIRS = (
    ("HeaderContainsMessageHeader", "HeaderContainsWords"),
    ("HeaderMatchesMessageHeader", "HeaderMatchesPatterns"),
    ("ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"),
    ("ExceptIfHeaderMatchesMessageHeader", "ExceptIfHeaderMatchesPatterns"),
    ("SetHeaderName", "SetHeaderValue"),
    ("ApplyHtmlDisclaimerText", "ApplyHtmlDisclaimerLocation"),
)
# PowerShell takes typographic quotation marks for plain ones: about_Quoting_Rules.
QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def script(then: Snapshot, now: Snapshot, ours: Container[str]) -> str:
    """The whole script: what rules need comes first, and what they needed goes last."""
    keys = [key for key in changed(now, then) if key[1] not in ours]
    lines = [
        f"# Puts the mail flow back to {then.at:%Y-%m-%d %H:%M} UTC, from how it was at {now.at:%Y-%m-%d %H:%M} UTC.",
        "# Review each line, then run it after Connect-ExchangeOnline.",
        *(line for key in keys for line in _connector(then, now, key)),
        *(line for key in keys for line in _entry(then, now, key)),
        *_rules(then, now, [key for key in keys if key[0] == "rule"]),
        *(_remove(CONNECTORS[key[0]][0], key[1]) for key in keys if key[0] in CONNECTORS and then.of(key) is None),
    ]
    return "\n".join([*lines, "" if keys else "# Nothing differs.\n"])


def _connector(then: Snapshot, now: Snapshot, key: Key) -> Iterator[str]:
    if key[0] not in CONNECTORS or (record := then.of(key)) is None:
        return
    noun, names = CONNECTORS[key[0]]
    there = now.of(key)
    given = {name: _plain(name, value) for name, value in record.items() if name in names}
    if there is None:
        yield _command(f"New-{noun}", {name: value for name, value in given.items() if value not in (None, "", [])})
    elif differing := {name: value for name, value in given.items() if _plain(name, there.get(name)) != value}:
        yield _command(f"Set-{noun}", {"Identity": key[1], **differing})


def _entry(then: Snapshot, now: Snapshot, key: Key) -> Iterator[str]:
    kind, identity = key
    old, new = then.of(key), now.of(key)
    if kind in LISTS:
        change = "Remove" if old is None else "Add"
        value = f"@{{{change}={quoted(identity)}}}"
        yield f"Set-HostedConnectionFilterPolicy -Identity 'Default' -{LISTS[kind]} {value}"
    elif kind == "spoof" and old is None:
        yield f"Remove-TenantAllowBlockListSpoofItems -Identity 'Default' -Ids {quoted(identity)}"
    elif kind == "spoof" and new is None:
        names = ("SpoofedUser", "SendingInfrastructure", "SpoofType", "Action")
        pair = {"Identity": "Default", **{name: old[name] for name in names}}
        yield _command("New-TenantAllowBlockListSpoofItems", pair)
    elif kind == "spoof":
        action = {"Identity": "Default", "Ids": [identity], "Action": old["Action"]}
        yield _command("Set-TenantAllowBlockListSpoofItems", action)
    elif kind == "domain" and old is not None and new is not None:
        differing = {name: old.get(name) for name in DOMAIN if old.get(name) != new.get(name)}
        if differing:
            yield _command("Set-AcceptedDomain", {"Identity": identity, **differing})
    elif kind == "remote":
        yield from _remote(old, new)
    elif kind == "journal":
        yield from _journal(identity, old, new)
    elif kind in ("domain", "mx", "group"):
        yield f"# By hand: {UNPRINTABLE.sub(' ', mail_reading.title(old or new, key))} differs."


def _remote(old: Record | None, new: Record | None) -> Iterator[str]:
    if old is None:
        yield from (_remove("RemoteDomain", one["Name"]) for one in (new,) if one)
        return
    if new is None:
        yield _command("New-RemoteDomain", {name: old[name] for name in ("Name", "DomainName")})
    there = new or {"Name": old["Name"]}
    if differing := {name: old[name] for name in REMOTE if name in old and old[name] != there.get(name)}:
        yield _command("Set-RemoteDomain", {"Identity": there["Name"], **differing})


def _journal(identity: str, old: Record | None, new: Record | None) -> Iterator[str]:
    if old is None:
        yield _remove("JournalRule", identity)
        return
    given = {name: old.get(name) for name in JOURNAL}
    if new is None:
        made = {name: value for name, value in given.items() if value}
        yield _command("New-JournalRule", {**made, "Enabled": bool(old["Enabled"])})
        return
    if differing := {name: value for name, value in given.items() if value != new.get(name)}:
        yield _command("Set-JournalRule", {"Identity": identity, **differing})
    if old["Enabled"] != new["Enabled"]:
        yield _command(f"{'Enable' if old['Enabled'] else 'Disable'}-JournalRule", {"Identity": identity})


def _rules(then: Snapshot, now: Snapshot, keys: list[Key]) -> Iterator[str]:
    """Rules that came are removed; the others are put back in their order, each behind the one that it stood behind."""
    state = now
    for key in keys:
        if then.of(key) is None:
            yield _remove("TransportRule", key[1])
            state = exchanged(state, then, key)
    shifted, wanted = moved(now, then), {guid for _, guid in keys}
    for record in (one for one in then.rules if one["Guid"] in wanted):
        guid = record["Guid"]
        there = now.of(("rule", guid))
        state = exchanged(state, then, ("rule", guid))
        place = [one["Guid"] for one in state.rules].index(guid)
        if there is None:
            made = {name: value for name, value in _settings(record).items() if is_set(value)}
            enabled = record.get("State") == "Enabled"
            yield _command("New-TransportRule", {**made, "Priority": place, "Enabled": enabled})
            continue
        differing = _differing(_settings(record), _settings(there)) | ({"Priority": place} if guid in shifted else {})
        if differing:
            yield _command("Set-TransportRule", {"Identity": guid, **differing})
        if record.get("State") != there.get("State"):
            verb = "Enable" if record.get("State") == "Enabled" else "Disable"
            yield _command(f"{verb}-TransportRule", {"Identity": guid})


def _settings(record: Record) -> dict[str, Any]:
    return {name: record.get(name) for name in sorted(RULE)}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    names = {name for name in old if old[name] != new[name] and (is_set(old[name]) or is_set(new[name]))}
    names |= {name for pair in PAIRS if names & set(pair) for name in pair}
    return {name: old[name] if is_set(old[name]) or old[name] is False else None for name in sorted(names)}


def _plain(name: str, value: Any) -> Any:
    """A value as the cmdlet takes it: sender domains are listed with a scheme and a cost."""
    if name == "SenderDomains":
        return [str(one).removeprefix("smtp:").partition(";")[0] for one in value or ()]
    return list(value) if isinstance(value, tuple) else value


def _remove(noun: str, identity: str) -> str:
    return _command(f"Remove-{noun}", {"Identity": identity})


def _command(cmdlet: str, given: Mapping[str, Any]) -> str:
    words = [cmdlet]
    for name, value in given.items():
        # A switch and a Boolean are both understood with a colon.
        words.append(f"-{name}:{quoted(value)}" if isinstance(value, bool) else f"-{name} {quoted(value)}")
    return " ".join(words)


def quoted(value: Any) -> str:
    """A value as PowerShell reads it: nothing in a text is anything but text."""
    if value is None:
        return "$null"
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, list | tuple):
        return f"@({','.join(quoted(one) for one in value)})"
    if isinstance(value, int):
        return str(value)
    return "'" + QUOTES.sub(r"\1\1", str(value)) + "'"
