"""A tenant that a connection lives in, edited by the simulator's cmdlets without a wire, and what the model says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from infra.local.simulators.microsoft.exchange.call import CmdletCall
from infra.local.simulators.microsoft.exchange.host import CMDLETS
from infra.local.simulators.microsoft.exchange.mail.message import Carried, Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from infra.local.simulators.microsoft.exchange.parameters import CmdletParameters
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.vendor import mail_exchanges
from shared.engine.effects import Effect
from shared.platforms.microsoft365.mail_flow.listing import Listing, read
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.verdict import Finding, difference, told_of

PARAMETERS = CmdletParameters()
IN_DOMAIN = "TMCAS Inline Incoming Domain Transport Rule"
IN_USER = "TMCAS Inline Incoming User Transport Rule"
OUT_DOMAIN = "TMCAS Inline Outgoing Domain Transport Rule"
OUT_USER = "TMCAS Inline Outgoing User Transport Rule"
JUNK = "TMCAS Inline Incoming Move to Junk Folder Transport Rule"
SKIP = "TMCAS Inline Incoming Skip Spam Filter Transport Rule"
TO_SCANNER_IN = "TMCAS Inline Outbound Connector for Incoming Message"
TO_SCANNER_OUT = "TMCAS Inline Outbound Connector for Outgoing Message"
BACK_IN = "TMCAS Inline Inbound Connector for Incoming Message"
BACK_OUT = "TMCAS Inline Inbound Connector for Outgoing Message"


@dataclass(kw_only=True)
class Flow:
    """A simulated tenant with the service in it."""

    tenant: Tenant
    service: Service
    protected: Mapping[Direction, Protection]
    now: datetime

    def copy(self) -> "Flow":
        """One that can be edited without this one."""
        return replace(self, tenant=self.tenant.copy())

    def run(self, cmdlet: str, /, **given: Any) -> list[dict[str, Any]]:
        """The tenant's administrator runs a cmdlet."""
        bound = PARAMETERS.bind(cmdlet, given)
        bound.pop("Confirm", None)
        call = CmdletCall(cmdlet=cmdlet, tenant=self.tenant, now=self.now, given=bound)
        return [dict(row) for row in CMDLETS[cmdlet](call)]

    def place(self, rule: str) -> int:
        """Where a rule stands."""
        return next(place for place, one in enumerate(self.tenant.rules) if one["Name"] == rule)

    def group(self, direction: str) -> str:
        """The id of our group of a direction."""
        alias = f"tmcas-inline-{direction}-"
        return next(key for key, one in self.tenant.groups.items() if one["mailNickname"].startswith(alias))

    def listing(self) -> Listing:
        """What a look lists."""
        (policy,) = self.run("Get-HostedConnectionFilterPolicy")
        return read(
            rules=self.run("Get-TransportRule"), inbound=self.run("Get-InboundConnector"),
            outbound=self.run("Get-OutboundConnector", IncludeTestModeConnectors=True),
            domains=self.run("Get-AcceptedDomain"), connection_filter=policy,
            spoof=self.run("Get-TenantAllowBlockListSpoofItems"), mx=self._mx(), groups=self._groups(),
            remote=self.run("Get-RemoteDomain"),
        )  # fmt: skip

    def _mx(self) -> dict[str, list[str]]:
        records = {name: mail_exchanges(self.tenant, name) for name in self.tenant.accepted_domains}
        return {name: [host for _, host in sorted(found)] for name, found in records.items()}

    def _groups(self) -> dict[str, frozenset[str]]:
        named = {key: (key, one["mail"], one["mailNickname"]) for key, one in self.tenant.groups.items()}
        return {name: self._members(key) for key, some in named.items() for name in some if name}

    def _members(self, group: str) -> frozenset[str]:
        people, groups = set[str](), [group]
        for one in groups:
            for member in self.tenant.members.get(one, ()):
                if member in self.tenant.groups and member not in groups:
                    groups.append(member)
                elif address := self.tenant.users.get(member, {}).get("mail"):
                    people.add(address)
        return frozenset(people)

    def carry(self, mail: Mail, *, address: str, verdict: str | None = None) -> Carried:
        """What the simulator makes of one message, with a scanner that returns it from an address."""
        headers = {self.service.return_header: self.service.return_secret, self.service.verdict_header: verdict or "-"}
        scanner = Scanner(hosts=self.service.hosts, address=address, headers=headers)
        return carry(self.tenant, mail, scanner, self.now)


def findings(before: Flow, after: Flow) -> list[Finding]:
    """What a change did to the mail."""
    return told_of(difference(before.listing(), after.listing(), after.service, after.protected, after.now))


def effects(before: Flow, after: Flow) -> set[Effect]:
    """The effects of a change."""
    return {one.effect for one in findings(before, after)}
