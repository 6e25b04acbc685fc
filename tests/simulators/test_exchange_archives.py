"""Exchange: journal rules and remote domains, from making to removal."""

from __future__ import annotations

from tests.simulators.caller import Caller, exchange_error


def test_a_journal_rule_from_making_to_removal(caller: Caller) -> None:
    made = {"Name": "Archive", "JournalEmailAddress": "a@archive.example"}
    assert exchange_error(caller.exchange("New-JournalRule", Name="Archive"))[0].endswith("ParameterBindingException")
    (rule,) = caller.values("New-JournalRule", **made)
    assert (rule["Scope"], rule["Recipient"], rule["Enabled"]) == ("Global", None, False)
    assert "already exists" in exchange_error(caller.exchange("New-JournalRule", **made))[1]
    caller.values("Enable-JournalRule", Identity="archive")
    caller.values("Set-JournalRule", Identity=rule["Guid"], Scope="External", Recipient="amber.alder@contoso.com")
    (now,) = caller.values("Get-JournalRule")
    assert (now["Scope"], now["Recipient"], now["Enabled"]) == ("External", "amber.alder@contoso.com", True)
    caller.values("Disable-JournalRule", Identity="Archive", Confirm=False)
    caller.values("Remove-JournalRule", Identity="Archive", Confirm=False)
    assert caller.values("Get-JournalRule") == []


def test_a_remote_domain_from_making_to_removal(caller: Caller) -> None:
    (default,) = caller.values("Get-RemoteDomain", ResultSize="Unlimited")
    assert (default["Name"], default["DomainName"]) == ("Default", "*")
    caller.values("New-RemoteDomain", Name="Partner", DomainName="partner.example")
    caller.values("Set-RemoteDomain", Identity="Partner", AutoForwardEnabled=False, Name="The partner")
    (now,) = caller.values("Get-RemoteDomain", Identity="The partner")
    assert (now["DomainName"], now["AutoForwardEnabled"]) == ("partner.example", False)
    caller.values("Remove-RemoteDomain", Identity="The partner", Confirm=False)
    refused = caller.exchange("Remove-RemoteDomain", Identity="Default", Confirm=False)
    assert "default" in exchange_error(refused)[1]
    assert caller.values("Get-RemoteDomain") == [default]
