"""The cmdlets about remote domains: what mail to them looks like, and what is sent to them by itself.

Source: learn.microsoft.com/powershell/module/exchange/set-remotedomain.
"""

from __future__ import annotations

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import already_exists, invalid_argument
from infra.local.simulators.wire import Record

DEFAULT: Record = {
    "Name": "Default",
    "Identity": "Default",
    "DomainName": "*",
    "AllowedOOFType": "External",
    "AutoForwardEnabled": True,
    "AutoReplyEnabled": True,
    "ContentType": "MimeHtmlText",
    "DeliveryReportEnabled": True,
    "IsInternal": False,
    "MeetingForwardNotificationEnabled": False,
    "NDREnabled": True,
    "TargetDeliveryDomain": False,
    "TNEFEnabled": None,
    "TrustedMailInboundEnabled": False,
    "TrustedMailOutboundEnabled": False,
}
IDENTITIES = ("Name", "DomainName")


def new_remote_domain(call: CmdletCall) -> list[Record]:
    """Make one, with the settings of the default one."""
    domains, given = call.tenant.remote_domains, call.given
    if any(given["DomainName"].lower() == one["DomainName"].lower() for one in domains.values()):
        raise already_exists(call.cmdlet, given["DomainName"])
    named = {"Name": given["Name"], "Identity": given["Name"], "DomainName": given["DomainName"]}
    domains[given["Name"].lower()] = {**DEFAULT, **named}
    return [domains[given["Name"].lower()]]


def get_remote_domains(call: CmdletCall) -> list[Record]:
    """List them, or one."""
    domains = call.tenant.remote_domains
    return [call.find(domains, by=IDENTITIES)] if call.given.get("Identity") else list(domains.values())


def set_remote_domain(call: CmdletCall) -> list[Record]:
    """Change one."""
    one = call.find(call.tenant.remote_domains, by=IDENTITIES)
    changed = {name: value for name, value in call.given.items() if name in DEFAULT and name != "Identity"}
    del call.tenant.remote_domains[one["Name"].lower()]
    after = {**one, **changed}
    call.tenant.remote_domains[after["Name"].lower()] = {**after, "Identity": after["Name"]}
    return []


def remove_remote_domain(call: CmdletCall) -> list[Record]:
    """Remove one; the default one stays."""
    one = call.find(call.tenant.remote_domains, by=IDENTITIES)
    if one["DomainName"] == "*":
        raise invalid_argument(call.cmdlet, "The default remote domain can't be removed.")
    del call.tenant.remote_domains[one["Name"].lower()]
    return []


CMDLETS: dict[str, Cmdlet] = {
    "New-RemoteDomain": new_remote_domain,
    "Get-RemoteDomain": get_remote_domains,
    "Set-RemoteDomain": set_remote_domain,
    "Remove-RemoteDomain": remove_remote_domain,
}
