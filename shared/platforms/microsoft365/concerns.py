"""What in a tenant is in the way of the service, from what was listed and what a grant would add. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from shared.engine.concerns import Concern
from shared.engine.effects import FOREIGN, WORST_FIRST, Effect
from shared.platforms.microsoft365 import limits, mail_reading
from shared.platforms.microsoft365.mail_flow import setup
from shared.platforms.microsoft365.mail_flow.blame import TOGETHER, Blame, blames
from shared.platforms.microsoft365.mail_flow.hindrances import Hindrance, hindrances
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.setup import Setup
from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot

# What to do about what only the model has found.
ADVICE: Mapping[str, str] = {
    "rule": "Change the rule so that it lets mail pass, or accept what it does.",
    "inbound": "Change the connector so that it lets mail pass, or accept what it does.",
    "outbound": "Change the connector so that it lets mail pass, or accept what it does.",
    "domain": "Check the accepted domain's settings, or accept what they do.",
    "mx": "Correct the domain's DNS, then check again.",
    "remote": "Change the remote domain so that its mail is treated like any other, or accept what it does.",
    "changes": "Ask an engineer to review the tenant's rules and connectors, or accept it.",
}
UNREAD = {"remote": "Remote domains", "journal": "Journal rules"}
OTHERWISE = "Take it out of the list, or accept what it does."


def concerns(now: Snapshot, ours: Setup, service: Service, protected: Mapping[Direction, Protection]) -> list[Concern]:
    """Everything in the way of `ours` in a tenant that has none of it, the worst first."""
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
    told += [*_journals(now), *_unread(now)] if ours.rules else []
    return sorted(told, key=lambda one: (not one.waits, _worst(one)))


def _worst(concern: Concern) -> int:
    return min((WORST_FIRST.index(Effect(one)) for one in concern.effect), default=len(WORST_FIRST))


def _concern(after: Snapshot, key: tuple[str, str], look: Hindrance | None, blame: Blame | None) -> Concern:
    title = mail_reading.title(after.of(key), key)
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
        ("rules", "transport rules", len(now.rules), len(ours.rules), limits.MAX_RULES),
        ("allowed", "entries in its IP Allow List", len(addresses), new, limits.MAX_ADDRESSES),
        ("spoof", "entries for spoofed senders", len(pairs), int(not has_pair), limits.MAX_SPOOF_PAIRS),
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
                told=f"The tenant has {mail_reading.NOUNS[kind]} “{name}” already, and we did not make it.",
                advice="An earlier product or connection left this object. Remove or rename it.",
                effect=(str(Effect.UNKNOWN),),
            )


def _unread(now: Snapshot) -> Iterator[Concern]:
    """What the application's role in Exchange does not let us read."""
    for kind, (cmdlet, _) in mail_reading.OPTIONAL.items():
        if kind not in now.things:
            yield Concern(
                key=f"{FOREIGN}/{kind}/unread",
                told=f"{UNREAD[kind]} cannot be read: the application's role in Exchange does not hold {cmdlet}.",
                advice="Have an administrator add the cmdlet to the role group, or review them by hand.",
                effect=(),
                waits=False,
            )


def _journals(now: Snapshot) -> Iterator[Concern]:
    """Journalling copies a message when it passes Exchange, and what the service scans passes twice.

    Source: learn.microsoft.com/exchange/security-and-compliance/journaling/journaling.
    """
    advice = "Ask those who keep the journal whether they drop duplicates by Message-ID."
    for rule in now.things.get("journal", {}).values():
        if rule["Enabled"]:
            whose = rule.get("Recipient") or "everybody"
            yield Concern(
                key=f"{FOREIGN}/journal/{rule['Guid']}",
                told=f"The journal rule “{rule['Name']}” copies mail of {whose} to {rule['JournalEmailAddress']}: "
                "what is scanned passes Exchange twice, and may be copied twice.",
                advice=advice,
                effect=(),
                waits=False,
            )
