"""Granting access: a connection is made and its administrator invited; later it is connected again."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from shared.connections import record
from shared.connections.events import EventKind
from shared.connections.record import Connection
from shared.connections.secrets import seal_header_secrets
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.engine.rows import Row
from shared.flows import invitation
from shared.flows.app import App
from shared.flows.invitation import link
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from shared.platforms.contract import Platform
from shared.platforms.rows import dispensable, in_modes
from shared.protection import policies
from shared.protection.policies import EVERYONE, Policy
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId, new_id

# What does not show as it is written: controls of either set, what turns a text's direction, and what is not seen at
# all. What joins and parts letters stays, for Persian, Indian and pictures are written with it.
HIDDEN = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
)
# One line of text; and a name, in which there is something to see.
LINE = f"^[^{HIDDEN}]*$"
NAME = f"^[^{HIDDEN}]*[^{HIDDEN}\\s][^{HIDDEN}]*$"


class NewConnection(BaseModel):
    """What an operator says to make a connection. `tenant` names it by id or domain; recommended."""

    model_config = ConfigDict(extra="forbid")

    platform: str
    site: Site
    name: str = Field(min_length=1, max_length=120, pattern=NAME)
    customer: str = Field("", max_length=120, pattern=LINE)
    tenant: str | None = Field(None, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    modes: list[str] | None = Field(None, max_length=8)
    leave_out: list[str] = Field(
        [], max_length=8, description="keys of objects that the platform can do without; nothing later adds them"
    )
    repair_drift: bool = False
    policies: list[Policy] = Field([EVERYONE], max_length=policies.MAX_POLICIES)


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """The link for the tenant's administrator, valid for a week, who sees there what will change before consenting."""

    connection_id: ConnectionId
    consent_url: str


@dataclass(frozen=True, kw_only=True)
class MadeConnection(Invitation):
    """A connection that was made, and the objects and activities that it will have."""

    rows: tuple[Row, ...]


async def create(app: App, new: NewConnection, actor: str) -> MadeConnection:
    """Make a connection in stage NEW."""
    platform = app.platforms.get(new.platform)
    if platform is None:
        raise Refused(
            400, "unknown_platform", f"There is no platform “{new.platform}”. Use {', '.join(app.platforms)}."
        )
    if new.site not in app.settings.sites:
        raise Refused(400, "site_not_served", f"This deployment does not serve the site {new.site}.")
    modes = _modes(platform, new.modes)
    rows = in_modes(platform.rows(app.settings.brand), modes)
    left_out = _left_out(platform, rows, new.leave_out)
    for policy in new.policies:
        allowed(app, platform, policy)
    identifier, now = ConnectionId(new_id()), app.clock.now()
    brand = app.settings.brand
    box = await app.seal.new_box(identifier)
    sealed = seal_header_secrets(box, platform.new_secrets().values())
    async with app.database.write() as write:
        await record.create(
            write,
            connection_id=identifier,
            platform=new.platform,
            modes=modes,
            left_out=left_out,
            name=new.name,
            customer=new.customer,
            site=new.site,
            expected_tenant=new.tenant.lower() if new.tenant else None,
            repairs_drift=new.repair_drift,
            sealed_headers=sealed,
            brand=brand,
            now=now,
        )
        for policy in new.policies:
            await policies.put(write, identifier, policy)
        await chain.append(
            write, identifier, 1, now, Entry(key="connection", act=Act.STAGE, actor=actor, note="created")
        )
    return MadeConnection(
        connection_id=identifier,
        consent_url=await link(app, identifier),
        rows=tuple(row for row in rows if row.key not in left_out),
    )


def _modes(platform: Platform, wanted: list[str] | None) -> frozenset[str]:
    """The modes that are meant: all of them, if none is named."""
    offered = frozenset(mode.name for mode in platform.modes)
    if wanted is None:
        return offered
    if unknown := sorted(set(wanted) - offered):
        known = f"use {', '.join(sorted(offered))}" if offered else f"{platform.title} has none"
        raise Refused(400, "unknown_mode", f"modes: there is no mode “{unknown[0][:80]}”; {known}.")
    if offered and not wanted:
        raise Refused(400, "unknown_mode", f"modes: name at least one of {', '.join(sorted(offered))}.")
    return frozenset(wanted)


def _left_out(platform: Platform, rows: tuple[Row, ...], wanted: list[str]) -> frozenset[str]:
    offered = {row.key for row in dispensable(rows)}
    if unknown := sorted(set(wanted) - offered):
        known = f"only {', '.join(sorted(offered))}" if offered else f"{platform.title} needs everything it makes"
        raise Refused(400, "not_dispensable", f"leave_out: “{unknown[0][:80]}” cannot be left out; {known}.")
    return frozenset(wanted)


def allowed(app: App, platform: Platform, policy: Policy) -> None:
    """Raises Refused for a policy that asks for what the platform, or this deployment, cannot do."""
    if not platform.actions.issuperset(policy.actions) or (policy.means_messages and not platform.actions):
        field = "actions" if policy.actions else "conditions"
        raise Refused(
            400,
            "not_possible_here",
            f"{field}: mail of {platform.title} is inspected by the service while it is on its way, so a policy says "
            "only whose mail that is.",
        )
    if policy.conditions.scanner and app.settings.scanner.url is None:
        raise Refused(400, "no_scanner", "conditions.scanner: this deployment has no scanner to ask.")


async def connect_again(app: App, connection: Connection, actor: str) -> Invitation:
    """Stop removing and set up again, at any point after revoke. Returns a link in case consent is needed anew."""
    if connection.tenant is not None:
        await turn_to_grant(app, connection, actor)
    return Invitation(connection_id=connection.id, consent_url=await link(app, connection.id))


async def turn_to_grant(app: App, connection: Connection, actor: str) -> None:
    """Begin a new generation in stage GRANT, or look again if the connection is not being removed."""
    now = app.clock.now()
    if connection.stage in (Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED):
        await change_direction(app, connection, Stage.GRANT, "connected again", actor)
    else:
        async with app.database.write() as write:
            await chain.order(write, connection, now, actor, "connected again", runs=True)
            await record.update(write, connection.id, not_before=now)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)


async def _only_one(write: AsyncConnection, connection: Connection) -> None:
    tenant = str(connection.tenant)
    await record.hold_tenant(write, connection.platform, tenant)
    others = await record.of_tenant(write, connection.platform, tenant)
    if any(record.compete(connection, other) for other in others):
        raise Refused(409, "tenant_taken", "Another connection has this tenant. Revoke and close that one first.")


async def change_direction(app: App, connection: Connection, stage: Stage, why: str, actor: str | None) -> None:
    """Move to a stage under a new generation: whatever run is under way stops before its next call."""
    now = app.clock.now()
    async with app.database.write() as write:
        if stage is Stage.GRANT:
            await _only_one(write, connection)
            # Who could open the link before the end is not invited any more.
            await invitation.end(app, write, connection.id)
        if not await record.turn(write, connection, stage, now):
            raise Refused(
                409, "changed_meanwhile", "Another user or job has just changed this connection. Reload and try again."
            )
        if stage is Stage.CLOSED:
            # Most requests do without what closes a connection, and with it the engine.
            from shared.flows import own_house

            await own_house.close(write, connection.id, now)
        note = f"{connection.stage.title} → {stage.title}: {why}"
        entry = Entry(key="connection", act=Act.STAGE, actor=actor, note=note)
        await chain.append(write, connection.id, connection.generation + 1, now, entry)
        changed = {"stage": stage.name.lower(), "before": connection.stage.name.lower(), "actor": actor}
        await record.tell(write, connection, EventKind.STAGE, now, **changed)
