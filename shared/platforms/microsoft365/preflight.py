"""Before a grant: what in a tenant would harm mail once we are in it, by the model and by how it looks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.engine.concerns import Concern
from shared.engine.effects import FOREIGN, WORST_FIRST, Effect
from shared.engine.ledger import HoldingState
from shared.engine.rows import Settings
from shared.platforms.microsoft365 import connectors, directory_sync, limits, rule_settings
from shared.platforms.microsoft365 import mail_reading as reading
from shared.platforms.microsoft365.mail_flow import setup
from shared.platforms.microsoft365.mail_flow.blame import TOGETHER, Blame, blames
from shared.platforms.microsoft365.mail_flow.hindrances import Hindrance, hindrances
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection
from shared.platforms.microsoft365.mail_flow.setup import Setup
from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import directory

# What to do about what only the model has found.
ADVICE: Mapping[str, str] = {
    "rule": "Change the rule so that it lets mail pass, or accept what it does.",
    "inbound": "Change the connector so that it lets mail pass, or accept what it does.",
    "outbound": "Change the connector so that it lets mail pass, or accept what it does.",
    "domain": "Check the accepted domain's settings, or accept what they do.",
    "mx": "Correct the domain's DNS, then check again.",
    "changes": "Ask an engineer to review the tenant's rules and connectors, or accept it.",
}
OTHERWISE = "Take it out of the list, or accept what it does."


async def concerns_of(tenant: MicrosoftTenant) -> list[Concern]:
    """Everything in the way, the worst first. Raises where a listing is not complete."""
    known = await directory.domains(tenant.context.database, tenant.connection.id)
    if not known or any(one["mx"] is None for one in known):
        await directory_sync.read_domains(tenant)  # a run that died, or DNS that was away, left them unknown
    mine = {one.identity for one in tenant.ledger.holdings.values() if one.state is not HoldingState.GONE}
    now = setup.without(await reading.snapshot(tenant), {one for one in mine if one})
    service, protected = reading.service(tenant), await reading.protected(tenant)
    ours = await _setup(tenant, protected)
    domains = _domains(protected.get(Direction.INCOMING))
    looks: dict[tuple[str, str], Hindrance] = {}
    for one in hindrances(now, service, domains & now.things["domain"].keys()):
        looks.setdefault(one.key, one)
    after = setup.planned(now, ours)
    found = {one.key: one for one in blames(setup.alone(now, ours), after, service, protected) if one.harms}
    keys = [*looks, *(key for key in found if key not in looks and key != TOGETHER)]
    # What does harm only together with what is told already needs no line of its own.
    keys += [TOGETHER] if TOGETHER in found and not keys else []
    told = [_concern(after, key, looks.get(key), found.get(key)) for key in keys]
    told += _full(now, ours) if ours.rules else []
    return sorted(told, key=lambda one: (not one.waits, _worst(one)))


def _worst(concern: Concern) -> int:
    return min((WORST_FIRST.index(Effect(one)) for one in concern.effect), default=len(WORST_FIRST))


def _concern(after: Snapshot, key: tuple[str, str], look: Hindrance | None, blame: Blame | None) -> Concern:
    title = reading.title(after.of(key), key)
    effect = tuple(dict.fromkeys(str(one.effect) for one in blame.harms)) if blame else ()
    harm = f"{blame.harms[0]}" if blame else ""
    if look is None:
        told, advice = f"{harm}: {title}", ADVICE.get(key[0], OTHERWISE)
    else:
        told, advice = f"{title[0].upper()}{title[1:]} {look.told}" + (f". {harm}" if harm else ""), look.advice
    waits = True if look is None else _certain(effect) if look.waits is None else look.waits
    return Concern(key=f"{FOREIGN}/{key[0]}/{key[1]}", told=f"{told}.", advice=advice, effect=effect, waits=waits)


def _certain(effect: Sequence[str]) -> bool:
    return any(one != Effect.UNKNOWN for one in effect)


def _domains(protection: Protection | None) -> set[str]:
    if protection is None:
        return set()
    return {*protection.domains, *(one.rpartition("@")[2] for one in protection.people)}


def _full(now: Snapshot, ours: Setup) -> Iterator[Concern]:
    """What has no room, or no free name, for ours."""
    addresses, pairs = now.things["allowed"], now.things["spoof"]
    (pair,) = ours.things["spoof"].values()
    has_pair = any(all(one.get(name) == value for name, value in pair.items()) for one in pairs.values())
    new = len(ours.things["allowed"].keys() - addresses.keys())
    for kind, what, there, more, most in (
        ("rules", "transport rules", len(now.rules), len(ours.rules), limits.MOST_RULES),
        ("allowed", "entries in its IP Allow List", len(addresses), new, limits.MOST_ADDRESSES),
        ("spoof", "entries for spoofed senders", len(pairs), int(not has_pair), limits.MOST_SPOOF_PAIRS),
    ):
        if there + more > most:
            yield Concern(
                key=f"{FOREIGN}/full/{kind}",
                told=f"The tenant has {there} {what}, {more} more are needed, and Exchange takes {most} at most.",
                advice="Have an administrator remove some. Nothing can be made before that.",
                effect=(str(Effect.UNSCANNED),),
            )
    taken = {"rule": [one["Name"] for one in now.rules]}
    taken |= {kind: [one["Name"] for one in now.things[kind].values()] for kind in ("inbound", "outbound")}
    wanted = {"rule": ours.rules, **{kind: [*ours.things[kind].values()] for kind in ("inbound", "outbound")}}
    for kind, records in wanted.items():
        for name in (one["Name"] for one in records if one["Name"] in taken[kind]):
            yield Concern(
                key=f"{FOREIGN}/name/{kind}/{name}",
                told=f"The tenant has {reading.NOUNS[kind]} “{name}” already, and we did not make it.",
                advice="An earlier product or connection left this object. Remove or rename it.",
                effect=(str(Effect.UNKNOWN),),
            )


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
    return Setup(
        rules=[setup.rule(tenant.name(title), one) for title, one in (await _rules(tenant, groups)).items() if one],
        things={
            "inbound": _named(tenant, inbound),
            "outbound": _named(tenant, outbound),
            "allowed": dict.fromkeys(connectors.egress(tenant), True),
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
