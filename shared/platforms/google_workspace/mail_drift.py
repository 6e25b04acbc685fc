"""What others changed in the way of a customer's mail since it last flowed as it should, and what that does to mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.connections import baseline
from shared.engine.concerns import Concern
from shared.engine.effects import FOREIGN, Drift, Harm
from shared.platforms.google_workspace import mail_reading
from shared.platforms.google_workspace.mail_flow.rules import Share
from shared.platforms.google_workspace.mail_flow.service import Service
from shared.platforms.google_workspace.mail_flow.snapshot import CHANGED, Change, Snapshot, exchanged
from shared.platforms.google_workspace.mail_flow.verdict import Fault, copies, difference, newest_of_gateway
from shared.platforms.google_workspace.preflight import concerns_of
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

LOOKED = "mail flow"


@dataclass(frozen=True, kw_only=True)
class MailFlow:
    """The wanted and the present way of mail, and what is wrong with the present one and was not before."""

    wanted: Snapshot | None
    now: Snapshot
    faults: Sequence[Fault]
    service: Service


class MailWatch:
    """Looks at one customer's mail flow, once until the tenant is told to forget."""

    def __init__(self, tenant: WorkspaceCustomer) -> None:
        self._tenant = tenant

    async def drifts(self) -> list[Drift]:
        """Everything of others' doing that harms mail, each thing once."""
        flow = await _look(self._tenant)
        by_key: dict[str, list[Fault]] = {}
        for fault in flow.faults:
            by_key.setdefault(fault.own or f"{FOREIGN}/{fault.key[0]}/{fault.key[1]}", []).append(fault)
        return [_drift(flow, key, faults) for key, faults in by_key.items()]

    async def concerns(self) -> list[Concern]:
        """What in the customer would harm mail once we are in it."""
        return await concerns_of(self._tenant)

    async def keep(self) -> None:
        """Make the present way of mail the wanted one, but for what does harm in it, once all of ours is in place."""
        tenant = self._tenant
        flow = await _look(tenant)
        placed = copies(flow.now, flow.service) and all(mail_reading.in_place(tenant, key) for key in mail_reading.OURS)
        if not placed or any(fault.own for fault in flow.faults):
            return
        kept = flow.now
        for fault in flow.faults if flow.wanted else ():
            kept = exchanged(kept, flow.wanted or kept, fault.key)
        await _remark(tenant, flow)
        text = kept.to_json()
        if flow.wanted is None or text != flow.wanted.to_json():
            context = tenant.context
            await baseline.keep(context.database, context.seal, tenant.connection.id, text, tenant.now)


async def _look(tenant: WorkspaceCustomer) -> MailFlow:
    """Read the way of mail, once until the tenant is told to forget, and compare it with the wanted one."""
    if LOOKED not in tenant.read:
        now, service, protected = (
            await mail_reading.snapshot(tenant),
            await mail_reading.service(tenant),
            await mail_reading.protected(tenant),
        )
        stored = await baseline.find(tenant.context.database, tenant.context.seal, tenant.connection.id)
        wanted = Snapshot.from_json(stored) if stored else None
        # What is not set up yet, or not known to be, cannot have been changed.
        found = [
            one
            for one in difference(wanted, now, service, protected)
            if one.own is None or mail_reading.in_place(tenant, one.own)
        ]
        tenant.read[LOOKED] = MailFlow(wanted=wanted, now=now, faults=found, service=service)
    flow: MailFlow = tenant.read[LOOKED]
    return flow


def _drift(flow: MailFlow, key: str, faults: Sequence[Fault]) -> Drift:
    first = faults[0]
    change = _told(flow, first)
    harms = tuple(
        Harm(
            effect=one.effect,
            direction="incoming",
            share="all" if one.share is Share.ALL else "some",
            people=one.people,
        )
        for one in faults
    )
    return Drift(
        key=key,
        title=mail_reading.title(flow.now, first),
        done=first.done,
        harms=harms,
        at=change.at if change else None,
        by=change.by or None if change else None,
    )


def _told(flow: MailFlow, fault: Fault) -> Change | None:
    """What the admin log tells of the change, if it does."""
    log: Mapping[str, Change] = flow.now.things["log"]
    kind, identity = fault.key
    if kind == "rule":
        record = flow.now.things["rule"].get(identity)
        name = str(record["rule"].get("description", "")).strip() if record else flow.service.rule
        found = [one for one in log.values() if one.rule == identity or (one.name == name and not one.rule)]
        return max(found, key=lambda one: one.at, default=None)
    return log.get(identity if kind == "log" else f"{kind}/{identity}")


async def _remark(tenant: WorkspaceCustomer, flow: MailFlow) -> None:
    """A gateway is the customer's too: that it was changed is no alarm, and what it holds now cannot be seen."""
    changed = newest_of_gateway(flow.now)
    if flow.wanted and changed and changed.event == CHANGED and changed != newest_of_gateway(flow.wanted):
        text = (
            f"The inbound gateway was changed at {changed.at} by {changed.by or 'someone'}. No API shows which "
            "addresses it has now: look in the Admin console that ours are among them."
        )
        await tenant.ledger.remark("gateway", text)
