"""Before a grant: what in a tenant would harm mail once we are in it, by the model and by how it looks."""

from collections.abc import Mapping
from typing import Any

from shared.engine.concerns import Concern
from shared.engine.ledger import HoldingState
from shared.engine.rows import Settings
from shared.platforms.microsoft365 import connectors, directory_sync, mail_reading, rule_settings
from shared.platforms.microsoft365.allow_lists import ALLOW_LIST
from shared.platforms.microsoft365.concerns import concerns
from shared.platforms.microsoft365.mail_flow import setup
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection
from shared.platforms.microsoft365.mail_flow.setup import Setup
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import directory


async def concerns_of(tenant: MicrosoftTenant) -> list[Concern]:
    """Everything in the way, the worst first. Raises where a listing is not complete."""
    known = await directory.domains(tenant.context.database, tenant.connection.id)
    if not known or any(one["mx"] is None for one in known):
        await directory_sync.read_domains(tenant)  # a run that died, or DNS that was away, left them unknown
    mine = {one.identity for one in tenant.ledger.holdings.values() if one.state is not HoldingState.GONE}
    now = setup.without(await mail_reading.snapshot(tenant), {one for one in mine if one})
    protected = await mail_reading.protected(tenant)
    return concerns(now, await _setup(tenant, protected), mail_reading.service(tenant), protected)


async def _setup(tenant: MicrosoftTenant, protected: Mapping[Direction, Protection]) -> Setup:
    """What a grant would add in this tenant for whom the policies protect."""
    brand, site = tenant.brand, tenant.site
    groups = {
        way: {"names": [f"{way}@{setup.OURS.strip()}.invalid"], "members": sorted(one.people)}
        for way, one in protected.items()
        if one.people
    }
    inbound = {
        brand.inbound_incoming: connectors.inbound_for_incoming(tenant),
        brand.inbound_outgoing: connectors.inbound_for_outgoing(tenant),
    }
    outbound = {
        brand.outbound_incoming: connectors.outbound_for_incoming(tenant),
        brand.outbound_outgoing: connectors.outbound_for_outgoing(tenant),
    }
    spoof = {
        "SpoofedUser": "*",
        "SendingInfrastructure": site.sending_domain,
        "SpoofType": "External",
        "Action": "Allow",
    }
    allowed = () if ALLOW_LIST in tenant.connection.left_out else connectors.egress(tenant)
    return Setup(
        rules=[setup.rule(tenant.name(title), one) for title, one in (await _rules(tenant, groups)).items() if one],
        things={
            "inbound": _named(tenant, inbound),
            "outbound": _named(tenant, outbound),
            "allowed": dict.fromkeys(allowed, True),
            "spoof": {setup.OURS + "spoof": spoof},
            "group": {setup.OURS + way: group for way, group in groups.items()},
        },
    )


async def _rules(tenant: MicrosoftTenant, groups: Mapping[Direction, Any]) -> dict[str, Settings | None]:
    """Our rules in their order; what has nobody to protect is None."""
    brand, rules = tenant.brand, rule_settings
    who = {way: group["names"] for way, group in groups.items()}
    users_in = {"SentToMemberOf": who.get(Direction.INCOMING), **rules.incoming(tenant)}
    users_out = {"FromMemberOf": who.get(Direction.OUTGOING), **rules.outgoing(tenant)}
    return {
        brand.rule_incoming_domain: await rules.incoming_domain.values(tenant),
        brand.rule_incoming_user: users_in if Direction.INCOMING in who else None,
        brand.rule_outgoing_domain: await rules.outgoing_domain.values(tenant),
        brand.rule_outgoing_user: users_out if Direction.OUTGOING in who else None,
        brand.rule_junk: await rules.junk.values(tenant),
        brand.rule_skip_spam: await rules.skip_spam.values(tenant),
    }


def _named(tenant: MicrosoftTenant, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    records = [setup.connector(tenant.name(title), one) for title, one in settings.items()]
    return {str(one["Guid"]): one for one in records}
