"""An operator and the customers' administrators, who live many lives at once on a host, by what its API shows."""

import asyncio
import contextlib
import json
import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from infra.local.demo import browser as demo_browser
from shared.connections.lease import LEASE
from shared.foundation.clock import FileClock
from shared.storage import tables
from shared.storage.database import Database
from tests.harness.world import CONTROL
from tests.hosts import places
from tests.hosts.places import Place

# Nothing that is shown has changed while the host died so often, or through so many waits: it will not any more.
MAX_STILL_KILLS = 100
MAX_WAITS = 100
# One call of the API is made so often, each time to a host that lives.
MAX_TRIES = 1000
# Nothing has changed for this long, in seconds, and no run is under way: everybody waits for time to pass, and it does.
STILL_SECONDS = 0.5
# A host lives for so many times as long as its start took, which tells how fast the machine is just then.
SHORTEST_LIFE, LONGEST_LIFE = 0.1, 3.0
# What had no effect yet is done again after so many seconds.
PAUSE_SECONDS = 3.0
Row = dict[str, Any]


@dataclass
class Customer:
    """One customer, what their tenant was before anything happened, and what their administrator has done so far."""

    platform: str
    name: str
    domain: str
    tenant: str = ""
    before: str = ""
    connection: str = ""
    acts: set[str] = field(default_factory=set)
    unsure: list[str] = field(default_factory=list)
    looked: tuple[Any, float] = (None, 0.0)
    """What was shown when something was done about it last, and when."""

    def patient(self, shown: Any) -> bool:
        """Whether what is shown has been seen to a moment ago."""
        what, since = self.looked
        if what == shown and time.monotonic() - since < PAUSE_SECONDS:
            return True
        self.looked = shown, time.monotonic()
        return False

    @property
    def chosen(self) -> str:
        """What the administrator chooses on the platform's page."""
        return self.name if self.platform == "microsoft365" else f"admin@{self.domain}"


@dataclass
class Operator:
    """Lives all lives at once, by what the API shows of them."""

    place: Place
    client: httpx.AsyncClient
    trusted: ssl.SSLContext
    database: Database
    customers: dict[str, Customer]
    kills: int = 0
    closed: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    """The acts that the service said it has accepted."""

    async def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of the API, again and again until it is answered."""
        for _ in range(MAX_TRIES):
            headers = {"Authorization": f"Bearer {self.place.simulators.operator_token()}"}
            try:
                answer = await self.client.request(method, f"/api{path}", json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.to_thread(places.until_answering, self.place.address)
                continue
            if answer.status_code < 500:
                return answer
            await asyncio.sleep(0.02)
        raise TimeoutError(path)

    def control(self, path: str, **body: Any) -> str:
        """What happens on the platforms by others' hands."""
        url = f"{self.place.simulators.control}/_sim{path}"
        answer = CONTROL.request("POST" if body else "GET", url, json=body or None)
        assert answer.status_code < 300, answer.text
        return answer.text

    def act(self, customer: Customer, action: str, **more: Any) -> None:
        """The customer's administrator does something, once."""
        if action not in customer.acts:
            customer.acts.add(action)
            self.control(f"/tenants/{customer.tenant}/admin", action=action, **more)

    async def connections(self) -> dict[str, Row]:
        """Every connection, by its customer's name. There is one for each and no more."""
        listed: list[Row] = (await self.api("GET", "/connections")).json()["connections"]
        by_name = {row["name"]: row for row in listed}
        assert len(by_name) == len(listed)
        return by_name

    async def create(self, customer: Customer) -> None:
        """Make the connection. If the answer was lost, the list tells whether there is one."""
        new = {"platform": customer.platform, "site": "eu", "name": customer.name, "tenant": customer.domain}
        headers = {"Authorization": f"Bearer {self.place.simulators.operator_token()}"}
        with contextlib.suppress(httpx.TransportError):
            answer = await self.client.post("/api/connections", json=new, headers=headers)
            if answer.status_code == 201:
                self.acknowledged.add(f"create {customer.name}")

    async def consent(self, customer: Customer) -> None:
        """The administrator opens a fresh link, and consents; the host may die on the way."""
        answer = await self.api("POST", f"/connections/{customer.connection}/grant")
        async with httpx.AsyncClient(
            verify=self.trusted, trust_env=False, follow_redirects=True, timeout=30
        ) as browser:
            # Wherever it breaks off, what is shown afterwards tells whether it was enough.
            with contextlib.suppress(httpx.HTTPError, KeyError):
                await demo_browser.consent(browser, answer.json()["consent_url"], customer.chosen)

    async def further(self, customer: Customer, row: Row | None) -> None:
        """Do what this life waits for somebody to do."""
        if row is None:
            assert f"create {customer.name}" not in self.acknowledged
            await self.create(customer)
            return
        customer.connection = row["id"]
        if customer.patient((row["stage"], row["reason"], row["sentence"], row["synced_at"])):
            return
        match row["stage"], row["reason"]:
            case "new", None:
                await self.consent(customer)
            case _, "exchange_role_missing":
                self.act(customer, "assign-role")
            case _, "delegation_not_effective":
                self.act(customer, "install-app")
            case _, "waiting_for_administrator":
                await self.asked(customer)
            case "run", None if row["synced_at"]:
                answer = await self.api("POST", f"/connections/{row['id']}/revoke", {})
                assert answer.status_code == 202
                self.acknowledged.add(f"revoke {customer.name}")
            case "closed", _:
                self.closed.add(customer.name)
            case "run", _:
                pass
            case _:
                assert row["stage"] != "run" or f"revoke {customer.name}" not in self.acknowledged

    async def asked(self, customer: Customer) -> None:
        """The administrator does what is asked of them, with the values that are shown."""
        changes = (await self.api("GET", f"/connections/{customer.connection}/changes")).json()
        for row in changes["rows"]:
            if row.get("offered"):
                await self.api("POST", f"/connections/{customer.connection}/steps/{row['key']}")
            if not row.get("asked"):
                continue
            values = {one["label"]: one["value"] for one in row["asked"]["values"]}
            if row["asked"]["removal"]:
                self.take_down(customer, row["key"])
                await self.api("POST", f"/connections/{customer.connection}/steps/{row['key']}")
            else:
                self.set_up(customer, row["key"], values)
                await self.api("POST", f"/connections/{customer.connection}/reconcile")

    def set_up(self, customer: Customer, key: str, values: Mapping[str, str]) -> None:
        match key:
            case "route":
                self.act(customer, "add-route", name=values["Name"], host=values["Single host"])
                customer.acts.add(f"route {values['Name']}")
            case "gateway":
                self.act(customer, "add-gateway", ips=values["Gateway IPs"].split(", "))
            case "rule":
                self.act(customer, "add-rule", name=values["Name"])

    def take_down(self, customer: Customer, key: str) -> None:
        match customer.platform, key:
            case "microsoft365", "deleted-groups":
                self.act(customer, "delete-groups-for-good")
            case "microsoft365", "application":
                self.act(customer, "remove-application")
            # After an early revoke the administrator is asked to take down what was never set up, and only says so.
            case _, "rule" if "add-rule" in customer.acts:
                self.act(customer, "delete-rule")
            case _, "route":
                for name in [act.removeprefix("route ") for act in customer.acts if act.startswith("route ")]:
                    self.act(customer, "remove-route", name=name)
            case _, "gateway" if "add-gateway" in customer.acts:
                self.act(customer, "remove-gateway")
            case _, "application" | "delegation":
                self.act(customer, "uninstall-app")

    async def unsure(self, customer: Customer) -> list[str]:
        """Keys of what the customer's certificate says is left, since nobody can tell whose it is."""
        answer = await self.api("GET", f"/connections/{customer.connection}/certificate")
        keys: list[str] = answer.json()["certificate"]["cannot_tell_whose"]
        return keys

    async def live(self) -> None:
        """Until every life has ended."""
        seen, waits, kills, since = "", 0, self.kills, time.monotonic()
        while len(self.closed) < len(self.customers):
            rows = await self.connections()
            todo = [one for one in self.customers.values() if one.name not in self.closed]
            await asyncio.gather(*(self.further(one, rows.get(one.name)) for one in todo))
            now = json.dumps([[row[k] for k in ("name", "stage", "reason", "synced_at")] for row in rows.values()])
            if now != seen:
                seen, waits, kills, since = now, 0, self.kills, time.monotonic()
            elif time.monotonic() - since > STILL_SECONDS and not await self.at_work():
                self.let_time_pass(rows)
                since, waits = time.monotonic(), waits + 1
            stuck = self.kills - kills > MAX_STILL_KILLS or waits > MAX_WAITS
            assert not stuck, {name: rows[name]["sentence"] for name in rows.keys() - self.closed}
            await asyncio.sleep(0.2)

    async def at_work(self) -> bool:
        """Whether a run is under way. The lease of one that died with an earlier host is older than the present host.

        Time that passed in a jump meanwhile would cost the run its lease, however often it is begun again.
        """
        later = tables.connections.c.lease_until > self.place.began + LEASE
        async with self.database.read() as read:
            return (await read.execute(sa.select(tables.connections.c.id).where(later))).first() is not None

    def let_time_pass(self, rows: Mapping[str, Row]) -> None:
        """To the next moment that anybody waits for; and a while longer than a dead run's lease, if nobody does."""
        now = FileClock(self.place.clock_file).now()
        moments = [datetime.fromisoformat(row["not_before"]) for row in rows.values() if row["not_before"]]
        later = [moment for moment in moments if moment > now]
        self.place.move_clock(min(later, default=now + timedelta(minutes=11)) - now + timedelta(seconds=1))

    async def kill(self) -> None:
        """Again and again, at random, while anybody lives."""
        chance = random.Random(4)  # noqa: S311 - not a secret
        started = 1.0
        while len(self.closed) < len(self.customers):
            await asyncio.sleep(started * chance.uniform(SHORTEST_LIFE, LONGEST_LIFE))
            await asyncio.to_thread(self.place.kill)
            self.kills += 1
            since = time.monotonic()
            await asyncio.to_thread(self.place.begin)
            await asyncio.to_thread(places.until_answering, self.place.address)
            started = time.monotonic() - since
