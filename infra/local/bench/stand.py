"""The service in this process and the platforms in another one, so that what the service takes can be told."""

import asyncio
import base64
import json
import os
import resource
import secrets
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.local.demo.browser import decide
from infra.local.timers import fire_timers
from shared.connections.stages import Stage
from shared.flows import access, consent, grant, invitation
from shared.flows.app import App
from shared.flows.jobs import deliver_due
from shared.foundation.schedule import Site
from shared.foundation.settings import Settings
from shared.platforms.google_workspace.tenant import DELEGATED
from shared.service import build
from shared.storage.ids import ConnectionId
from shared.storage.migrate import migrate


def spent() -> float:
    """Seconds of a core that this process has taken, all its threads together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The service, and where the simulated platforms take orders."""

    app: App
    control: str
    settings: Mapping[str, str]
    tenants: Sequence[Mapping[str, str]]

    async def order(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Have the simulators do something, as their control API takes it, and return their answer."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, self.control + path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def pass_time(self, by: timedelta) -> None:
        """Move the time of the service and of the platforms."""
        await self.order("POST", "/_sim/clock", {"advance": by.total_seconds()})


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A simulated tenant, how it is let in, where its directory is and by which name our token for that is known."""

    platform: str
    domain: str
    actions: tuple[str, ...]
    """What its administrator does, in the control API's words."""
    signs_in: str
    """Who consents; empty for the first account that the platform's page offers."""
    service: Callable[[App], str]
    token: Callable[[App], str]


MICROSOFT_ACTIONS = ("consent", "assign-role")
SMALL = Tenant(
    platform="microsoft365",
    domain="contoso.com",
    actions=MICROSOFT_ACTIONS,
    signs_in="",
    service=lambda app: app.settings.microsoft.graph_url,
    token=lambda app: app.settings.microsoft.graph_url,
)
LARGE = Tenant(**{**vars(SMALL), "domain": "fabrikam.com"})
HARBOUR = Tenant(
    platform="google",
    domain="harbour.example",
    actions=("install-app",),
    signs_in="admin@harbour.example",
    service=lambda app: app.settings.google.admin_url,
    token=lambda _: DELEGATED,
)

ORCHARD = Tenant(**{**vars(HARBOUR), "domain": "orchard.example", "signs_in": "admin@orchard.example"})


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Start everything on loopback, with its data in `folder`; stop everything at the end of the block.

    The environment is as it was before, afterwards: it names files that are gone then.
    """
    before = dict(os.environ)
    clock = folder / "clock"
    words = ("-m", "infra.local.simulators", "--port", "0", "--clock-file", str(clock))
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is None:
            raise TypeError("a pipe was asked for")
        told = json.loads(await process.stdout.readline())
        control, tenants = told.pop("control"), told.pop("tenants")
        os.environ.update(
            told,
            FOOTPRINT_DATABASE_URL=f"sqlite+aiosqlite:///{folder / 'footprint.db'}",
            FOOTPRINT_MASTER_KEY__VALUE=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            FOOTPRINT_PUBLIC_URL="http://127.0.0.1:9",
            FOOTPRINT_CLOCK_FILE=str(clock),
            FOOTPRINT_TELEMETRY__LEVEL="ERROR",
        )
        app = build(Settings())
        await migrate(app.database)
        yield Stand(app=app, control=control, settings=told, tenants=tenants)
        await app.database.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
        process.terminate()
        await process.wait()


async def connected(at: Stand, tenant: Tenant, policies: Sequence[Any] | None = ()) -> ConnectionId:
    """Connect a tenant and bring it to rest; `policies` None: those that a new connection has by itself."""
    app = at.app
    more = {} if policies is None else {"policies": list(policies)}
    new = grant.NewConnection(platform=tenant.platform, site=Site.EU, name="Measured", tenant=tenant.domain, **more)
    made = (await grant.create(app, new, "bench")).connection_id
    identity = next(one["id"] for one in at.tenants if one["domain"] == tenant.domain)
    for action in tenant.actions:
        await at.order("POST", f"/_sim/tenants/{identity}/admin", {"action": action})
    await _consent(at, made, tenant.signs_in)
    while (found := await access.found(app, made)).stage is not Stage.RUN or found.synced_at is None:
        await fire_timers(app)
        if not await deliver_due(app, most=20):
            await at.pass_time(timedelta(minutes=1))
    while await deliver_due(app, most=20):
        pass
    return made


async def _consent(at: Stand, made: ConnectionId, chosen: str) -> None:
    found = await access.found(at.app, made)
    link = await invitation.link(at.app, made)
    held = await invitation.enter(at.app, link.partition("#")[2])
    onward: str | None = await consent.platform_url(at.app, found, held)
    trusted = ssl.create_default_context(cafile=at.settings["FOOTPRINT_CA_FILE"])
    async with httpx.AsyncClient(verify=trusted, trust_env=False) as browser:
        while onward is not None:
            answer = await decide(browser, onward, chosen)
            query = dict(httpx.URL(answer.headers["location"]).params)
            onward = await consent.callback(at.app, found.platform, query, held)
