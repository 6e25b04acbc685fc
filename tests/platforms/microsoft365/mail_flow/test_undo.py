"""A script that puts a tenant back: after it, rules, connectors and lists are what they were, but for identities."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.platforms.microsoft365.undo import quoted, script
from tests.platforms.microsoft365.mail_flow import powershell
from tests.platforms.microsoft365.mail_flow.flow import JUNK, Flow

MARKS = "Mark mail from outside"
OTHER: dict[str, Any] = {"@odata.type": "#Exchange.GenericHashTable", "add": ["192.0.2.77"]}
STOPS: dict[str, Any] = {"SetHeaderName": "X-Tag", "SetHeaderValue": "yes", "StopRuleProcessing": True}
EDITS: dict[str, Callable[[Flow], object]] = {
    "a rule that came": lambda flow: flow.run("New-TransportRule", Name="It's ours\u2019", Priority=0, **STOPS),
    "a rule that went": lambda flow: flow.run("Remove-TransportRule", Identity=MARKS),
    "a rule that changed": lambda flow: flow.run(
        "Set-TransportRule", Identity=MARKS, SenderDomainIs=["a.example"], **STOPS
    ),
    "a rule that moved": lambda flow: flow.run("Set-TransportRule", Identity=MARKS, Priority=0),
    "a rule that was switched off": lambda flow: flow.run("Disable-TransportRule", Identity=MARKS),
    "an address that came": lambda flow: flow.run(
        "Set-HostedConnectionFilterPolicy", Identity="Default", IPBlockList=OTHER
    ),
    "a pair that came": lambda flow: flow.run(
        "New-TenantAllowBlockListSpoofItems", Identity="Default", SpoofedUser="a.example",
        SendingInfrastructure="b.example", SpoofType="External", Action="Block",
    ),
    "a connector that came": lambda flow: flow.run("New-InboundConnector", Name="Theirs", SenderDomains=["a.example"]),
    "a connector that changed": lambda flow: flow.run(
        "Set-OutboundConnector", Identity="To the archive", SmartHosts=["other.example"]
    ),
    "a connector that went, with its rule": lambda flow: [
        flow.run("Remove-TransportRule", Identity="Archive the management"),
        flow.run("Remove-OutboundConnector", Identity="To the archive"),
    ],
    "a remote domain that came": lambda flow: flow.run("New-RemoteDomain", Name="P", DomainName="p.example"),
    "a remote domain that changed": lambda flow: flow.run("Set-RemoteDomain", Identity="Default", IsInternal=True),
    "a journal rule that came": lambda flow: flow.run(
        "New-JournalRule", Name="Archive", JournalEmailAddress="a@archive.example", Enabled=True
    ),
}  # fmt: skip


def shape(flow: Flow) -> Any:
    """What counts of a tenant: everything but identities, stamps and the order in which things are listed."""
    now = powershell.snapshot(flow)
    unlike = {"Guid", "Identity", "Priority", "WhenChanged", "WhenChangedUTC", "WhenCreatedUTC", "WhenCreated"}
    # Derived from the others, with the identities in them.
    unlike |= {"Description", "ImmutableId", "DistinguishedName"}

    def plain(record: Any) -> Any:
        whole = isinstance(record, dict)
        return sorted((k, str(v)) for k, v in record.items() if k not in unlike) if whole else record

    things = {
        kind: sorted(str(plain(one)) for one in some.values())
        + (sorted(some) if kind in ("allowed", "blocked") else [])
        for kind, some in now.things.items()
    }
    return [plain(one) for one in now.rules], things


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_the_customer_had_is_put_back(whole: Flow, edit: Callable[[Flow], object]) -> None:
    after = whole.copy()
    edit(after)
    assert shape(after) != shape(whole)
    powershell.run(script(powershell.snapshot(whole), powershell.snapshot(after), ()), after)
    assert shape(after) == shape(whole)


def test_all_of_it_together(whole: Flow) -> None:
    after = whole.copy()
    for name, edit in EDITS.items():
        if name not in ("a rule that went", "a connector that went, with its rule"):
            edit(after)
    powershell.run(script(powershell.snapshot(whole), powershell.snapshot(after), ()), after)
    assert shape(after) == shape(whole)


def test_what_is_ours_is_left_alone(whole: Flow) -> None:
    after = whole.copy()
    (ours,) = (one["Guid"] for one in after.tenant.rules if one["Name"] == JUNK)
    after.run("Disable-TransportRule", Identity=JUNK)
    told = script(powershell.snapshot(whole), powershell.snapshot(after), {ours})
    assert told.endswith("# Nothing differs.\n")


@pytest.mark.parametrize("mark", "'\u2018\u2019\u201a\u201b")
def test_a_text_is_nothing_but_text(mark: str) -> None:
    assert quoted(f"a{mark}; Remove-Mailbox b") == f"'a{mark}{mark}; Remove-Mailbox b'"
    assert quoted("$(Remove-Mailbox b)`n") == "'$(Remove-Mailbox b)`n'"
