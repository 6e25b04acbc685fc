"""The host dies again and again, at random, with everything it has in hand, while many lives are lived on it.

Their customers and the operator are the test: they look at what is shown and do what it asks for, and what was not
answered they do again. Nothing that was acknowledged may be lost, and everything must end clean.
"""

import asyncio
import contextlib
import json
import os
import random
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.demo import browser as demo_browser
from shared.engine.chain import verify
from shared.foundation.clock import FileClock
from shared.storage.database import Database
from tests.harness.world import CONTROL
from tests.hosts import places
from tests.hosts.places import Place

HOSTS = {"azure": (places.azure, places.missing_azure()), "google": (places.google, places.missing_google())}
# As many as there is time for, on each host: `make kills` asks for fifty.
LIVES = int(os.environ.get("LIVES", "2"))
# Nothing that is shown has changed for so many seconds, or through so many waits: it will not any more.
STUCK = 300.0
MOST_WAITS = 100
# Nothing has changed for this long, in seconds: everybody waits for time to pass, and it does.
STILL = 0.5
# What had no effect yet is done again after so many seconds.
PATIENCE = 3.0
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
        if what == shown and time.monotonic() - since < PATIENCE:
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
    customers: dict[str, Customer]
    kills: int = 0
    closed: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    """The acts that the service said it has accepted."""

    async def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of the API, again and again until it is answered."""
        begun = time.monotonic()
        while time.monotonic() - begun < STUCK:
            headers = {"Authorization": f"Bearer {self.place.simulators.operator_token()}"}
            with contextlib.suppress(httpx.TransportError):
                answer = await self.client.request(method, f"/api{path}", json=body, headers=headers)
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
            case "microsoft365", "application":
                self.act(customer, "remove-application")
            # Whoever revokes early is asked to take down what was never set up, and need only say so.
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
        seen, waits = "", 0
        moved = since = time.monotonic()
        while len(self.closed) < len(self.customers):
            rows = await self.connections()
            todo = [one for one in self.customers.values() if one.name not in self.closed]
            await asyncio.gather(*(self.further(one, rows.get(one.name)) for one in todo))
            now = json.dumps([[row[k] for k in ("name", "stage", "reason", "synced_at")] for row in rows.values()])
            if now != seen:
                seen, waits = now, 0
                moved = since = time.monotonic()
            elif time.monotonic() - since > STILL:
                self.let_time_pass(rows)
                since, waits = time.monotonic(), waits + 1
            stuck = time.monotonic() - moved > STUCK or waits > MOST_WAITS
            assert not stuck, {name: rows[name]["sentence"] for name in rows.keys() - self.closed}
            await asyncio.sleep(0.2)

    def let_time_pass(self, rows: Mapping[str, Row]) -> None:
        """To the next moment that anybody waits for; and a while longer than a dead run's lease, if nobody does."""
        now = FileClock(self.place.clock_file).now()
        moments = [datetime.fromisoformat(row["not_before"]) for row in rows.values() if row["not_before"]]
        later = [moment for moment in moments if moment > now]
        self.place.move_clock(min(later, default=now + timedelta(minutes=11)) - now + timedelta(seconds=1))

    async def kill(self) -> None:
        """Again and again, at random, while anybody lives."""
        chance = random.Random(4)  # noqa: S311 - not a secret
        while len(self.closed) < len(self.customers):
            await asyncio.sleep(chance.uniform(0.2, 6.0))
            await asyncio.to_thread(self.place.kill)
            self.kills += 1
            await asyncio.to_thread(self.place.begin)
            await asyncio.to_thread(places.until_answering, self.place.address)


def without_unsure(after: Row, before: Row, unsure: Collection[str]) -> None:
    """Take off what the certificate says is left since nobody can tell whose it is: its creation had no answer."""
    if addresses := {key.removeprefix("ip-allow/") for key in unsure if key.startswith("ip-allow/")}:
        left = after["connectionFilter"]["IPAllowList"]
        assert addresses <= set(left)
        after["connectionFilter"]["IPAllowList"] = [one for one in left if one not in addresses]
    if "spoof" in unsure:
        assert len(after["spoofItems"]) == len(before["spoofItems"]) + 1
        after["spoofItems"] = before["spoofItems"]


async def many(place: Place) -> Operator:
    """Live all lives while the host keeps dying; returns who lived them."""
    customers = [
        Customer(platform=platform, name=f"{platform.title()} {number}", domain=f"{platform}-{number}.example")
        for platform in ("microsoft365", "google")
        for number in range(LIVES // 2)
    ]
    async with httpx.AsyncClient(base_url=place.address, trust_env=False, timeout=30) as client:
        trusted = ssl.create_default_context(cafile=place.simulators.settings["FOOTPRINT_CA_FILE"])
        operator = Operator(place, client, trusted, {one.name: one for one in customers})
        for one in customers:
            made = operator.control("/tenants", platform=one.platform, name=one.name, domain=one.domain, users=3)
            one.tenant = json.loads(made)["id"]
            one.before = operator.control(f"/tenants/{one.tenant}/snapshot")
        killing = asyncio.create_task(operator.kill())
        await operator.live()
        await killing
        for one in customers:
            one.unsure = await operator.unsure(one)
    return operator


async def unbroken(url: str, operator: Operator) -> None:
    """Every ledger is a whole chain."""
    database = Database(url)
    for one in operator.customers.values():
        assert await verify(database, one.connection) is None, one.name
    await database.close()


@pytest.mark.hazard(27)
@pytest.mark.parametrize("cloud", HOSTS)
def test_a_host_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, cloud: str) -> None:
    where: Callable[[Path, str], AbstractContextManager[Place]]
    where, missing = HOSTS[cloud]
    if missing:
        pytest.skip(missing)
    url = f"sqlite+aiosqlite:///{tmp_path / 'footprint.db'}"
    with where(tmp_path, url) as place:
        places.until_answering(place.address)
        operator = asyncio.run(many(place))
        assert operator.kills >= max(1, LIVES // 4)
        for one in operator.customers.values():
            before, after = json.loads(one.before), json.loads(operator.control(f"/tenants/{one.tenant}/snapshot"))
            without_unsure(after, before, one.unsure)
            assert {key: after[key] for key in after if after[key] != before[key]} == {}, one.name
    asyncio.run(unbroken(url, operator))
