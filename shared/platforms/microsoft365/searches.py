"""Where a tenant is searched for what bears our mark, name or addresses, whether the ledger knows it or not.

Our mark is the comment, and the nickname of a group, that name the connection: nobody writes those by chance. Names and
addresses may be a customer's own doing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shared.engine.last_look import Bearer, Search, Sign
from shared.platforms.microsoft365.allow_lists import allowed, spoof_entries
from shared.platforms.microsoft365.connectors import ALSO
from shared.platforms.microsoft365.groups import nicknames
from shared.platforms.microsoft365.mail_flow.ranges import ranges
from shared.platforms.microsoft365.recycle_bin import GROUP_FIELDS, deleted_groups
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record


def _listed(key: str, title: str, cmdlet: str, comment: str, addresses: Callable[[Record], Iterable[str]]) -> Search:
    """Objects of Exchange that have a name and a comment; `addresses` are the hosts and ranges that one names."""

    async def bearers(tenant: MicrosoftTenant) -> Sequence[Bearer]:
        names = {tenant.name(getattr(tenant.brand, field)) for field in tenant.brand.in_exchange}

        def sign(record: Record) -> Sign | None:
            if record.get(comment) == tenant.mark:
                return "mark"
            name = str(record["Name"])
            if name in names or name.rpartition(" ")[0] in names:
                return "name"
            return "addresses" if any(_ours(tenant, one) for one in addresses(record)) else None

        found = [(record, sign(record)) for record in await tenant.listing(cmdlet, **ALSO.get(cmdlet, {}))]
        return [Bearer(identity=r["Guid"], name=str(r["Name"]), sign=borne) for r, borne in found if borne]

    return Search(key=key, title=title, bearers=bearers)


def _ours(tenant: MicrosoftTenant, address: str) -> bool:
    """Whether a host or range is the scanning service's, or a part of it."""
    site = tenant.site
    hosts = {
        one.format(connection=tenant.connection.label) for one in (site.incoming_smart_host, site.outgoing_smart_host)
    }
    if address.lower() in hosts:
        return True
    try:
        return ranges([address]).touches(ranges(map(str, site.egress)))
    except ValueError:
        return False  # a host


async def _groups(tenant: MicrosoftTenant) -> Sequence[Bearer]:
    quoted = [name.replace("'", "''") for name in _names(tenant)]
    wanted = [f"startswith(mailNickname,'{stem}')" for stem in nicknames(tenant)]
    wanted += [f"description eq '{tenant.mark}'", *(f"displayName eq '{name}'" for name in quoted)]
    query = {"$filter": " or ".join(wanted), "$select": GROUP_FIELDS}
    return _bearing(tenant, [one async for page in tenant.graph.pages("/v1.0/groups", **query) for one in page])


async def _deleted_groups(tenant: MicrosoftTenant) -> Sequence[Bearer]:
    found = _bearing(tenant, await deleted_groups(tenant))
    # What somebody else has deleted under a name like ours goes by itself.
    return [one for one in found if one.sign == "mark"]


def _bearing(tenant: MicrosoftTenant, groups: Iterable[Record]) -> list[Bearer]:
    def sign(group: Record) -> Sign | None:
        if group.get("description") == tenant.mark or str(group.get("mailNickname")).startswith(nicknames(tenant)):
            return "mark"
        return "name" if group.get("displayName") in _names(tenant) else None

    found = [(group, sign(group)) for group in groups]
    return [Bearer(identity=one["id"], name=str(one["displayName"]), sign=borne) for one, borne in found if borne]


def _names(tenant: MicrosoftTenant) -> tuple[str, str]:
    return tenant.name(tenant.brand.group_incoming), tenant.name(tenant.brand.group_outgoing)


async def _spoof_pairs(tenant: MicrosoftTenant) -> Sequence[Bearer]:
    domain = tenant.site.sending_domain.lower()
    pairs = [one for one in await spoof_entries(tenant) if str(one["SendingInfrastructure"]).lower() == domain]
    return [
        Bearer(identity=one["Identity"], name=f"{one['SpoofedUser']} with {domain}", sign="addresses") for one in pairs
    ]


async def _allowed(tenant: MicrosoftTenant) -> Sequence[Bearer]:
    entries = await allowed(tenant)
    return [Bearer(identity=one, name=name, sign="addresses") for one, name in entries.items() if _ours(tenant, one)]


def _of_rule(record: Record) -> Iterable[str]:
    return map(str, record.get("SenderIpRanges") or ())


def _of_inbound(record: Record) -> Iterable[str]:
    return map(str, record.get("SenderIPAddresses") or ())


def _of_outbound(record: Record) -> Iterable[Any]:
    return map(str, record.get("SmartHosts") or ())


SEARCHES = (
    _listed("transport-rules", "Transport rules", "Get-TransportRule", "Comments", _of_rule),
    _listed("inbound-connectors", "Inbound connectors", "Get-InboundConnector", "Comment", _of_inbound),
    _listed("outbound-connectors", "Outbound connectors", "Get-OutboundConnector", "Comment", _of_outbound),
    Search(key="groups", title="Groups", bearers=_groups),
    Search(key="deleted-groups", title="Groups in the recycle bin", bearers=_deleted_groups),
    Search(key="spoof-pairs", title="Spoofed senders", bearers=_spoof_pairs),
    Search(key="allowed-addresses", title="Entries of the IP Allow List", bearers=_allowed),
)
