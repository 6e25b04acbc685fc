"""The cmdlets about journal rules, which copy mail to an archive.

Source: learn.microsoft.com/powershell/module/exchange/new-journalrule.
"""

from __future__ import annotations

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import already_exists
from infra.local.simulators.wire import Record

SETTINGS = ("Name", "JournalEmailAddress", "Recipient", "Scope")


def new_journal_rule(call: CmdletCall) -> list[Record]:
    """Make a rule; without a recipient it means everybody, and it does nothing until it is enabled."""
    rules, given = call.tenant.journal_rules, call.given
    if any(one["Name"] == given["Name"] for one in rules.values()):
        raise already_exists(call.cmdlet, given["Name"])
    guid = call.tenant.new_id()
    rules[guid] = {
        "Name": given["Name"],
        "JournalEmailAddress": given["JournalEmailAddress"],
        "Recipient": given.get("Recipient"),
        "Scope": given.get("Scope") or "Global",
        "Enabled": bool(given.get("Enabled")),
        "Guid": guid,
        "Identity": given["Name"],
    }
    return [rules[guid]]


def get_journal_rules(call: CmdletCall) -> list[Record]:
    """List the rules, or one."""
    rules = call.tenant.journal_rules
    return [call.find(rules)] if call.given.get("Identity") else list(rules.values())


def set_journal_rule(call: CmdletCall) -> list[Record]:
    """Change a rule."""
    rule = call.find(call.tenant.journal_rules)
    changed = {name: call.given[name] for name in SETTINGS if name in call.given}
    identity = {"Identity": changed.get("Name", rule["Name"])}
    call.tenant.journal_rules[rule["Guid"]] = {**rule, **changed, **identity}
    return []


def remove_journal_rule(call: CmdletCall) -> list[Record]:
    """Remove a rule."""
    del call.tenant.journal_rules[call.find(call.tenant.journal_rules)["Guid"]]
    return []


def _switched(call: CmdletCall, *, on: bool) -> list[Record]:
    rule = call.find(call.tenant.journal_rules)
    call.tenant.journal_rules[rule["Guid"]] = {**rule, "Enabled": on}
    return []


CMDLETS: dict[str, Cmdlet] = {
    "New-JournalRule": new_journal_rule,
    "Get-JournalRule": get_journal_rules,
    "Set-JournalRule": set_journal_rule,
    "Remove-JournalRule": remove_journal_rule,
    "Enable-JournalRule": lambda call: _switched(call, on=True),
    "Disable-JournalRule": lambda call: _switched(call, on=False),
}
