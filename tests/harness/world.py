"""A world for tests: the simulated platforms, one app, and a clock that both follow."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from infra.local.demo.browser import decide
from infra.local.simulators import Simulators
from infra.local.simulators.cloud import Saved
from infra.local.simulators.wire import Call
from infra.local.timers import fire_timers
from shared.connections import record as connections
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows import consent, grant, invitation, revoke
from shared.flows.app import App
from shared.flows.jobs import deliver_due
from shared.foundation.schedule import Site
from shared.protection.policies import EVERYONE, Policy
from shared.service import build
from shared.web.views import changes as views
from tests.harness.clock import TestClock
from tests.harness.databases import Databases
from tests.harness.settings import settings_from

CONTOSO = "contoso.com"
FABRIKAM = "fabrikam.com"
ORCHARD = "orchard.example"
HARBOUR = "harbour.example"
LARGE = "large.example"
# One client for all: to make one costs more than most calls, for it reads every certificate authority.
CONTROL = httpx.Client(trust_env=False)
MASTER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


async def accepted(url: str, chosen: str) -> httpx.URL:
    """What somebody's browser does at a platform's page: choose, accept; returns where it is sent back to."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:  # noqa: S501 - plain HTTP on loopback
        return httpx.URL((await decide(browser, url, chosen)).headers["location"])


def let_purge(sims: Simulators) -> None:
    """Most tests are about something else than the step that the recycle bin asks of administrators."""
    for tenant in sims.microsoft.tenants.values():
        tenant.behaviour = tenant.behaviour.changed({"purge_app_only": True})


@dataclass(frozen=True, kw_only=True)
class Lived:
    """Where the beginning of a life came to: all that outlives a process, and the machine's own time then."""

    connection: str
    cloud: Saved
    calls: tuple[Call, ...]
    content: Any
    at: datetime


# Beginnings that were lived in this process. To live them again would show nothing new, and takes long.
LIVED: dict[object, Lived] = {}


@dataclass(eq=False, repr=False)  # asyncio prints what a task was given, again and again, and this is a lot
class World:
    """Everything a test needs to live a connection's life."""

    sims: Simulators
    clock: TestClock
    databases: Databases
    folder: Path
    app: App
    at_first: Saved | None
    others: list["World"] = field(default_factory=list)

    @classmethod
    async def make(
        cls, sims: Simulators, clock: TestClock, databases: Databases, folder: Path, **settings: Any
    ) -> "World":
        """A fresh database beside the simulators as they are, or the one that a process before has left there."""
        made = settings_from(
            sims.settings,
            master_key={"value": MASTER_KEY},
            **{"database_url": databases.url(folder), "public_url": "http://127.0.0.1:8080", **settings},
        )
        app = build(made, clock)
        at_first = None if settings else sims.cloud.save()
        return cls(sims=sims, clock=clock, databases=databases, folder=folder, app=app, at_first=at_first)

    async def again(self, **settings: Any) -> "World":
        """Another process of the same deployment, perhaps with other settings. It ends when this one does."""
        self.others.append(await World.make(self.sims, self.clock, self.databases, self.folder, **settings))
        return self.others[-1]

    async def close(self) -> None:
        """Let go of the database."""
        for one in self.others:
            await one.close()
        await self.app.database.close()

    async def once(self, what: object, live: Callable[[], Awaitable[Connection]]) -> Connection:
        """Live the beginning of a life; if it was lived before, and nothing has happened here, go where it came to."""
        if not self._untouched():
            return await live()
        key = type(self.databases), what
        if key not in LIVED:
            connection = await live()
            LIVED[key] = Lived(
                connection=connection.id,
                cloud=self.sims.cloud.save(),
                calls=tuple(self.sims.cloud.calls),
                content=self.databases.content(self.folder),
                at=datetime.now(UTC),
            )
            return connection
        lived = LIVED[key]
        await self.close()
        self.databases.put(self.folder, lived.content)
        self.sims.cloud.restore(lived.cloud)
        self.sims.cloud.calls[:] = lived.calls
        # To the service and the platforms no time has passed.
        self.clock.move(lived.at - datetime.now(UTC))
        return await self.connection(lived.connection)

    def _untouched(self) -> bool:
        cloud, first = self.sims.cloud, self.at_first
        as_it_was = first is not None and cloud.states == first.states
        nothing_in_the_way = first is not None and not cloud.faults and cloud.clock.offset == first.offset
        return as_it_was and nothing_in_the_way and self.databases.content(self.folder) == self.databases.template

    # The administrator and the operator

    def large(self, platform: str, domain: str = LARGE) -> None:
        """There is a customer whose directory does not fit the platform's largest page, nor do its members ours."""
        users = {"microsoft365": 1010, "google": 510}[platform]
        self.control("POST", "/tenants", platform=platform, name="Large", domain=domain, users=users)
        if platform == "microsoft365":
            self.behave(domain, purge_app_only=True)

    def tenant_id(self, domain: str = CONTOSO) -> str:
        """The id of a simulated tenant or customer."""
        return next(one["id"] for one in self.sims.tenants() if one["domain"] == domain)

    def control(self, method: str, path: str, /, **body: Any) -> httpx.Response:
        """Use the simulators' control API."""
        answer = CONTROL.request(method, f"{self.sims.control}/_sim{path}", json=body or None)
        assert answer.status_code < 300, answer.text
        return answer

    def snapshot(self, domain: str = CONTOSO) -> str:
        """The tenant's whole state as canonical JSON."""
        return self.control("GET", f"/tenants/{self.tenant_id(domain)}/snapshot").text

    def behave(self, domain: str = CONTOSO, **knobs: Any) -> None:
        """Turn the tenant's knobs."""
        self.control("POST", f"/tenants/{self.tenant_id(domain)}/behaviour", **knobs)

    def fault(self, match: dict[str, Any], do: dict[str, Any], *, times: int = 1, skip: int = 0) -> None:
        """Make the platform misbehave."""
        self.control("POST", "/faults", match=match, do=do, times=times, skip=skip)

    def admin(self, action: str, domain: str = CONTOSO, **more: Any) -> None:
        """The tenant's administrator acts in the admin center."""
        self.control("POST", f"/tenants/{self.tenant_id(domain)}/admin", action=action, **more)

    def cmdlet(self, name: str, domain: str = CONTOSO, /, **parameters: Any) -> Any:
        """The tenant's administrator acts in Exchange."""
        path = f"/tenants/{self.tenant_id(domain)}/cmdlet"
        return self.control("POST", path, CmdletName=name, Parameters=parameters).json()

    def graph(self, method: str, path: str, domain: str = CONTOSO, body: Any = None) -> Any:
        """The tenant's administrator acts in Graph."""
        where = f"/tenants/{self.tenant_id(domain)}/graph"
        answer = self.control("POST", where, method=method, path=path, body=body)
        return answer.json() if answer.content else None

    async def create(
        self, domain: str | None = CONTOSO, *, policies: list[Policy] | None = None, **more: Any
    ) -> Connection:
        """An operator makes a connection."""
        new = grant.NewConnection(
            platform="microsoft365",
            site=more.pop("site", Site.EU),
            name="Contoso",
            tenant=domain,
            policies=[EVERYONE] if policies is None else policies,
            **more,
        )
        made = await grant.create(self.app, new, "operator@msp.example")
        return await self.connection(made.connection_id)

    async def opens(self, connection: Connection) -> str:
        """Somebody opens the connection's link; returns what their browser holds from then on."""
        link = await invitation.link(self.app, connection.id)
        return await invitation.enter(self.app, link.partition("#")[2])

    def administrator(self, domain: str = CONTOSO) -> str:
        """The sign-in name of a tenant's Global Administrator."""
        tenant = self.sims.microsoft.tenants[self.tenant_id(domain)]
        held = {one["principalId"] for one in tenant.role_assignments.values()}
        return next(one["userPrincipalName"] for key, one in tenant.users.items() if key in held)

    async def sign_in(self, connection: Connection, who: str, browser: str) -> str:
        """Somebody signs in at Microsoft and comes back; returns the page that they are sent on to."""
        url = await consent.platform_url(self.app, connection, browser)
        back = await accepted(url, who)
        onward = await consent.callback(self.app, connection.platform, dict(back.params), browser)
        assert onward is not None
        return onward

    async def consent(self, connection: Connection, domain: str = CONTOSO) -> None:
        """The administrator opens the link, signs in, accepts and comes back."""
        browser = await self.opens(connection)
        onward = await self.sign_in(connection, self.administrator(domain), browser)
        back = await accepted(onward, self.tenant_id(domain))
        assert await consent.callback(self.app, connection.platform, dict(back.params), browser) is None

    async def connect(self, domain: str = CONTOSO, **more: Any) -> Connection:
        """From nothing to a running connection."""

        async def live() -> Connection:
            connection = await self.create(domain, **more)
            await self.consent(connection, domain)
            self.admin("assign-role", domain)
            return await self.until(connection, Stage.RUN)

        return await self.once(("microsoft365", domain, repr(more)), live)

    # Time and work

    async def connection(self, identifier: str) -> Connection:
        """The connection as it is now."""
        found = await connections.find(self.app.database, identifier)
        assert found is not None
        return found

    async def work(self) -> None:
        """Run whatever is due now."""
        await deliver_due(self.app)

    async def tick(self) -> None:
        """Fire the timers that are due, then run whatever is due."""
        await fire_timers(self.app)
        await self.work()

    async def pass_time(self, span: timedelta) -> None:
        """Let time pass; whatever falls due meanwhile is run when it does."""
        end = self.clock.now() + span
        await self.work()
        queue = EmbeddedQueue(self.app.database)
        while (at := await queue.next_at()) is not None and at <= end:
            self.clock.move(max(at - self.clock.now(), timedelta(milliseconds=1)))
            await self.work()
        self.clock.move(max(end - self.clock.now(), timedelta(0)))

    async def until(self, connection: Connection, stage: Stage, *, limit: timedelta = timedelta(days=3)) -> Connection:
        """Let time pass until the connection stands in a stage."""
        return await self.until_true(connection, lambda now: now.stage is stage, limit=limit)

    async def until_true(
        self, connection: Connection, test: Callable[[Connection], bool], *, limit: timedelta = timedelta(days=3)
    ) -> Connection:
        """Let time pass until something is true of the connection; fails with its reason otherwise."""
        end = self.clock.now() + limit
        queue = EmbeddedQueue(self.app.database)
        while True:
            await self.work()
            now = await self.connection(connection.id)
            if test(now):
                return now
            at = await queue.next_at()
            # With nothing on its way, the sweep's next turn.
            moment = self.clock.now()
            known = [later for later in (at, now.not_before) if later and later > moment]
            soonest: datetime = min(known, default=moment + timedelta(minutes=5))
            assert soonest < end, f"stays in {now.stage.name}: {now.status} {now.reason} {now.sentence}"
            self.clock.move(soonest - moment)
            # Messages come when they are due; the sweep looks for those that did not.
            await self.work()
            await fire_timers(self.app)

    async def revoke(self, connection: Connection) -> None:
        """An operator revokes."""
        await revoke.revoke(self.app, await self.connection(connection.id), "operator@msp.example")

    async def leave(self, connection: Connection, domain: str = CONTOSO) -> Connection:
        """From running to closed, with the administrator's step."""
        await self.revoke(connection)
        await self.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
        self.admin("remove-application", domain)
        return await self.until(connection, Stage.CLOSED)

    async def marks(self, connection: Connection) -> dict[str, str]:
        """The published rows' keys, with the mark of each."""
        shown = await views.changes(self.app, await self.connection(connection.id))
        return {row["key"] + (f"/{row['element']}" if row["element"] else ""): row["state"] for row in shown["rows"]}
