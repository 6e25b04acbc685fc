"""Our entries in lists that the customer uses too. Elements are added and removed; a list is never rewritten."""

from dataclasses import dataclass
from datetime import timedelta

from shared.engine.rows import Absent, Present, Settings
from shared.platforms.microsoft365 import limits
from shared.platforms.microsoft365.connectors import egress
from shared.platforms.microsoft365.exchange import Incomplete, add, remove
from shared.platforms.microsoft365.listed_records import identified
from shared.platforms.microsoft365.mail_flow.ranges import written
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record

ALLOW_LIST = "ip-allow"
"""The key of our entries in the IP allow list."""
POLICY = "Default"
SPOOF_ITEMS, KINDS = "Get-TenantAllowBlockListSpoofItems", ("External", "Internal")


@dataclass(frozen=True, kw_only=True)
class AllowedAddress:
    """One address range in the connection filter's IP allow list; `element` is the range as we write it.

    Exchange compares ranges by their addresses and may write them in another form than they were sent in.
    """

    shared: bool = True
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: MicrosoftTenant, element: str) -> Settings | None:
        """The entry itself is all there is to set. Raises Permanent if the list cannot hold all of ours."""
        there = await allowed(tenant)
        if element not in there:
            missing = [one for one in egress(tenant) if one not in there]
            limits.refuse_full("entries in its IP Allow List", len(there), len(missing), limits.MAX_ADDRESSES)
        return {"IPAllowList": element}

    async def observe(self, tenant: MicrosoftTenant, element: str, _identity: str | None) -> Present | Absent:
        """Whether the list holds the range, in whatever form."""
        if element not in await allowed(tenant):
            return Absent()
        return Present(identity=element, settings={"IPAllowList": element})

    async def create(self, tenant: MicrosoftTenant, element: str, _desired: Settings) -> str:
        """Add the entry."""
        return await self._change(tenant, add(element))

    async def update(self, tenant: MicrosoftTenant, element: str, _present: Present, _changes: Settings) -> str:
        """An entry has nothing to change, so it is either there or not."""
        return await self._change(tenant, add(element))

    async def remove(self, tenant: MicrosoftTenant, element: str, _present: Present) -> str:
        """Take the entry out, by what the list calls it."""
        there = await allowed(tenant)
        return await self._change(tenant, remove(there.get(element, element)))

    async def _change(self, tenant: MicrosoftTenant, difference: dict[str, object]) -> str:
        answer = await tenant.exchange.invoke(
            "Set-HostedConnectionFilterPolicy", Identity=POLICY, IPAllowList=difference
        )
        return answer.request_id


async def allowed(tenant: MicrosoftTenant) -> dict[str, str]:
    """The entries of the connection filter's IP allow list: each as we write it, with how Exchange does."""
    (policy,) = await tenant.listing("Get-HostedConnectionFilterPolicy", Identity=POLICY)
    return {written(str(one)): str(one) for one in policy["IPAllowList"]}


@dataclass(frozen=True, kw_only=True)
class SpoofPair:
    """The domain pair in the tenant allow/block list: any sender, returned by the service's sending domain."""

    shared: bool = True
    identified: bool = True
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """The pair; `*` may stand on one side only. Raises Permanent if the list cannot hold it."""
        pair = _pair(tenant)
        there = await spoof_entries(tenant)
        if not any(_as_written(record, pair) == pair for record in there):
            limits.refuse_full("spoof entries", len(there), 1, limits.MAX_SPOOF_PAIRS)
        return pair

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """The entry by its own id, or without one by what it says, in whatever capitals."""
        pair = _pair(tenant)
        for record in await spoof_entries(tenant):
            settings = _as_written(record, pair)
            if record["Identity"] == identity or (identity is None and settings == pair):
                return Present(identity=identified(SPOOF_ITEMS, record)["Identity"], settings=settings)
        return Absent()

    async def create(self, tenant: MicrosoftTenant, _element: str, desired: Settings) -> str:
        """Add the pair. Exchange has been seen to report one that it did not keep: it is read back."""
        answer = await tenant.exchange.invoke("New-TenantAllowBlockListSpoofItems", Identity=POLICY, **desired)
        return answer.request_id

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Only the action of an entry can be changed; the rest is what it is."""
        answer = await tenant.exchange.invoke(
            "Set-TenantAllowBlockListSpoofItems", Identity=POLICY, Ids=[present.identity], Action=changes["Action"]
        )
        return answer.request_id

    async def remove(self, tenant: MicrosoftTenant, _element: str, present: Present) -> str:
        """Take the pair out by its own id."""
        domain = f"{tenant.site.sending_domain}\\{POLICY}"
        answer = await tenant.exchange.invoke(
            "Remove-TenantAllowBlockListSpoofItems", Identity=domain, Ids=[present.identity]
        )
        return answer.request_id


def _pair(tenant: MicrosoftTenant) -> Settings:
    domain = tenant.site.sending_domain
    return {"SpoofedUser": "*", "SendingInfrastructure": domain, "SpoofType": "External", "Action": "Allow"}


def _as_written(record: Record, pair: Settings) -> Settings:
    """An entry as we write it: Exchange takes two that differ in capitals for the same."""
    return {name: value if str(record[name]).lower() == value.lower() else record[name] for name, value in pair.items()}


async def spoof_entries(tenant: MicrosoftTenant) -> list[Record]:
    """Every spoof entry; in four smaller listings where Exchange cuts the whole one short."""
    try:
        return await tenant.listing(SPOOF_ITEMS)
    except Incomplete:
        parts = [{"Action": action, "SpoofType": kind} for action in ("Allow", "Block") for kind in KINDS]
        rows = [row for part in parts for row in (await tenant.exchange.invoke(SPOOF_ITEMS, **part)).rows]
        return tenant.keep(SPOOF_ITEMS, rows)
