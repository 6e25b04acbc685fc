"""What others changed in the way of a tenant's mail since it last flowed as it should, and what that does to mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.connections import baseline
from shared.engine.concerns import Concern
from shared.engine.effects import FOREIGN, SAID, Drift, Effect
from shared.platforms.microsoft365 import mail_history, mail_reading
from shared.platforms.microsoft365.mail_flow.blame import TOGETHER, Blame, blames
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.service import Protection, Service
from shared.platforms.microsoft365.mail_flow.snapshot import Snapshot, done, exchanged
from shared.platforms.microsoft365.mail_flow.verdict import Finding, difference
from shared.platforms.microsoft365.preflight import concerns_of
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.platforms.microsoft365.transport_rules import ROUTING

# What a repair must not bring about. To be filtered twice is better than not to be scanned.
DOES_HARM = frozenset({Effect.UNSCANNED, Effect.BOUNCED_OR_DELAYED, Effect.SCANNED_TWICE_OR_LOOP})


@dataclass(frozen=True, kw_only=True)
class MailFlow:
    """The wanted and the present mail flow of a tenant, and the changes between them."""

    wanted: Snapshot | None
    now: Snapshot
    blames: tuple[Blame, ...]
    service: Service
    protected: Mapping[Direction, Protection]
    stored: str | None = None
    """The wanted one as it is written down."""

    def harms(self, before: Snapshot, after: Snapshot) -> list[Finding]:
        """What is wrong after a change and was not before."""
        listings = before.listing(), after.listing()
        return difference(*listings, self.service, self.protected, self.now.at, before.at)


class MailWatch:
    """Looks at one tenant's mail flow, once until it is told to forget."""

    modelled: frozenset[str] = mail_reading.MODELLED

    def __init__(self, tenant: MicrosoftTenant) -> None:
        self._tenant = tenant
        self._flow: MailFlow | None = None
        self._first: Snapshot | None = None

    def forget(self) -> None:
        """Forget what was seen."""
        self._flow = None

    async def look_ahead(self) -> None:
        """Read side by side what a plan reads of the mail flow."""
        await mail_reading.look_ahead(self._tenant)

    async def drifts(self) -> list[Drift] | None:
        """Every change by others, with what it does to mail; None where nothing is known of how it should be."""
        flow = await self._looked()
        if flow.wanted is None:
            return None
        own = mail_reading.own(self._tenant)
        return [_drift(flow.wanted, flow.now, blame, own) for blame in flow.blames]

    async def concerns(self) -> list[Concern]:
        """What in the tenant would harm mail once we are in it."""
        return await concerns_of(self._tenant)

    async def keep(self) -> None:
        """Make the present mail flow the wanted one, but for what does harm in it."""
        flow, context = await self._looked(), self._tenant.context
        # What others changed and this run has put right already is a change too.
        first = self._first or flow.now
        for snapshot in (first, flow.now) if first is not flow.now else (flow.now,):
            await mail_history.note(self._tenant, snapshot, "changed")
        kept, harmful = flow.now, [blame.key for blame in flow.blames if blame.harms]
        if TOGETHER in harmful:
            return  # nobody can say which of the changes to leave out
        for key in harmful if flow.wanted else ():
            kept = exchanged(kept, flow.wanted or kept, key)
        if flow.wanted and harmful and flow.harms(flow.wanted, kept):
            return  # what does no harm now would, if what hides it were put right
        # Nothing has changed, neither by others nor by a rule's dates: it is not written once more.
        if flow.wanted is None or flow.blames or replace(kept, at=flow.wanted.at).to_json() != flow.stored:
            text = kept.to_json()
            await baseline.keep(context.database, context.seal, self._tenant.connection.id, text, self._tenant.now)

    async def note(self, why: str) -> None:
        """Keep a snapshot of the present mail flow, unless nothing has changed since the last one."""
        await mail_history.note(self._tenant, await mail_reading.snapshot(self._tenant), why)

    async def repair_harms(self, keys: Sequence[str]) -> dict[str, str]:
        """Of our objects by key, those whose repair would do harm as everything else is now, with that in words."""
        flow = await self._looked()
        if flow.wanted is None:
            return {}
        found, state = {}, flow.now
        theirs = {key: identity for identity, key in mail_reading.own(self._tenant).items()}
        # Members are repaired to what the policies say today, and not by what the group was before.
        for key in (one for one in keys if one not in mail_reading.MEMBERS):
            identity = theirs.get(key)
            one = next((blame.key for blame in flow.blames if blame.key[1] == identity), None)
            if one is None:
                continue
            repaired = exchanged(state, flow.wanted, one)
            worse = [finding for finding in flow.harms(state, repaired) if finding.effect in DOES_HARM]
            if worse:
                found[key] = f"{worse[0].direction} mail {SAID[worse[0].effect]}"
            else:
                state = repaired
        return found

    async def _looked(self) -> MailFlow:
        if self._flow is None:
            self._flow = await _look(self._tenant)
            self._first = self._first or self._flow.now
        return self._flow


async def _look(tenant: MicrosoftTenant) -> MailFlow:
    """Read the mail flow and compare it with the wanted one. Complete, or it raises."""
    now, service, protected = (
        await mail_reading.snapshot(tenant),
        mail_reading.service(tenant),
        await mail_reading.protected(tenant),
    )
    stored = await baseline.find(tenant.context.database, tenant.context.seal, tenant.connection.id)
    if stored is None:
        return MailFlow(wanted=None, now=now, blames=(), service=service, protected=protected)
    wanted = _as_ordered(Snapshot.from_json(stored), tenant)
    then, own = wanted.things["group"], mail_reading.own(tenant)
    # A group of the customer's that nothing named then was not written down.
    unnamed = {key: one for key, one in now.things["group"].items() if key not in own}
    # What cannot be read is taken to be as it was, and what could not be read then to be as it is.
    wanted = replace(wanted, things={**now.things, **wanted.things, "group": {**unnamed, **then}})
    now = replace(now, things={**wanted.things, **now.things})
    found = blames(wanted, now, service, protected)
    return MailFlow(wanted=wanted, now=now, blames=tuple(found), service=service, protected=protected, stored=stored)


def _as_ordered(wanted: Snapshot, tenant: MicrosoftTenant) -> Snapshot:
    """The wanted mail flow with our routing switched as an operator has ordered: off while paused, on otherwise."""
    state = "Disabled" if tenant.paused else "Enabled"
    routing = {identity for identity, key in mail_reading.own(tenant).items() if key.partition("/")[0] in ROUTING}
    return replace(wanted, rules=[{**one, "State": state} if one["Guid"] in routing else one for one in wanted.rules])


def _drift(wanted: Snapshot, now: Snapshot, blame: Blame, own: Mapping[str, str]) -> Drift:
    kind, identity = blame.key
    if blame.key == TOGETHER:
        key, what = f"{FOREIGN}/{kind}/{identity}", "came together"
    else:
        mine = own.get(identity)
        what = done(wanted, now, blame.key)
        if kind == "group" and mine and what == "was changed":
            mine, what = f"{mine}-members", "has other members than the policies say"
        key = mine or f"{FOREIGN}/{kind}/{identity}"
    record = now.of(blame.key)
    stamps = record if isinstance(record, Mapping) else {}
    return Drift(
        key=key,
        title=mail_reading.title(record or wanted.of(blame.key), blame.key),
        done=what,
        harms=blame.harms,
        at=stamps.get("WhenChangedUTC") or stamps.get("WhenChanged"),
        by=stamps.get("LastModifiedBy") or None,
    )
