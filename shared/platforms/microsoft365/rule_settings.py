"""What each of our transport rules says, in the cmdlets' own parameters: whom it is for, and what it does with mail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from shared.engine.rows import Settings
from shared.foundation.errors import Temporary
from shared.platforms.microsoft365.connectors import egress
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection.policies import Direction

# Parameters that say when a routing rule applies and what it does, beside the condition on whom it is for.
ROUTED = (
    "FromScope",
    "ExceptIfHeaderContainsMessageHeader",
    "ExceptIfHeaderContainsWords",
    "RouteMessageOutboundConnector",
    "StopRuleProcessing",
)
ROUTED_OUT = (*ROUTED, "SentToScope", "SetHeaderName", "SetHeaderValue")
# The same of a rule that trusts returned mail.
RETURNED = ("SenderIpRanges", "RemoveHeader", "HeaderContainsMessageHeader", "HeaderContainsWords", "SetSCL")


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What a rule says: the parameters' names, known without a look at anything else, and their values in a tenant."""

    names: frozenset[str]
    values: Callable[[MicrosoftTenant], Awaitable[Settings | None]]


def _routing(tenant: MicrosoftTenant, connector: str, header: str, secret: str) -> dict[str, Any]:
    return {
        "ExceptIfHeaderContainsMessageHeader": header,
        "ExceptIfHeaderContainsWords": [secret],
        "RouteMessageOutboundConnector": tenant.name(connector),
        "StopRuleProcessing": True,
    }


def incoming(tenant: MicrosoftTenant) -> dict[str, Any]:
    """Which mail from outside is routed, but for its recipients, and where to."""
    brand = tenant.brand
    routing = _routing(tenant, brand.outbound_incoming, brand.return_header, tenant.return_secret)
    return {"FromScope": "NotInOrganization", **routing}


def outgoing(tenant: MicrosoftTenant) -> dict[str, Any]:
    """Which mail to the outside is routed, but for its senders, and where to."""
    brand, loop = tenant.brand, tenant.brand.loop_header
    return {
        "FromScope": "InOrganization",
        "SentToScope": "NotInOrganization",
        **_routing(tenant, brand.outbound_outgoing, loop, tenant.loop_secret),
        "SetHeaderName": loop,
        "SetHeaderValue": tenant.loop_secret,
    }


def _by_domain(
    direction: Direction, condition: str, route: Callable[[MicrosoftTenant], dict[str, Any]]
) -> RuleSettings:
    async def settings(tenant: MicrosoftTenant) -> Settings | None:
        names = await tenant.targets.protected_domains(direction)
        return {condition: names, **route(tenant)} if names else None

    return RuleSettings(names=_names(direction, condition), values=settings)


def _by_group(direction: Direction, condition: str, route: Callable[[MicrosoftTenant], dict[str, Any]]) -> RuleSettings:
    async def settings(tenant: MicrosoftTenant) -> Settings | None:
        group = tenant.ledger.holdings.get(f"group-{direction}")
        if group is None or not await tenant.targets.protected_users(direction):
            return None
        if not (mail := await tenant.address(group)):
            raise Temporary("group_not_visible", f"The {direction} group has no address yet. We check again.")
        return {condition: [mail], **route(tenant)}

    return RuleSettings(names=_names(direction, condition), values=settings)


def _names(direction: Direction, condition: str) -> frozenset[str]:
    return frozenset({condition, *(ROUTED if direction == "incoming" else ROUTED_OUT)})


def _returned(tenant: MicrosoftTenant) -> dict[str, Any]:
    # Our addresses alone are not proof: every customer's mail comes back from them.
    return {"SenderIpRanges": egress(tenant), "RemoveHeader": tenant.brand.return_header}


async def _skip_spam(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner found clean is not filtered a second time."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "ExceptIfHeaderContainsMessageHeader": brand.verdict_header,
        "ExceptIfHeaderContainsWords": [tenant.context.settings.mail.junk_verdict],
        "SetSCL": -1,
    }


async def _junk(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner calls junk goes to the junk folder, if it bears our secret as well."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "HeaderMatchesMessageHeader": brand.verdict_header,
        "HeaderMatchesPatterns": [f"^{tenant.context.settings.mail.junk_verdict}$"],
        "SetSCL": 6,
    }


skip_spam = RuleSettings(
    names=frozenset({*RETURNED, "ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"}),
    values=_skip_spam,
)
junk = RuleSettings(names=frozenset({*RETURNED, "HeaderMatchesMessageHeader", "HeaderMatchesPatterns"}), values=_junk)
incoming_domain = _by_domain("incoming", "RecipientDomainIs", incoming)
incoming_user = _by_group("incoming", "SentToMemberOf", incoming)
outgoing_domain = _by_domain("outgoing", "SenderDomainIs", outgoing)
outgoing_user = _by_group("outgoing", "FromMemberOf", outgoing)
