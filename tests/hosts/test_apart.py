"""What faces the internet and what opens tenants, apart on each cloud's own parts: lives, by public routes only."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from shared.foundation.clock import FileClock
from shared.storage import tables
from shared.storage.database import Database
from tests.harness.apart import CREDENTIALS_KEY
from tests.hosts import places
from tests.hosts.halves import ACCOUNT, WORKERS_ONLY, halves
from tests.hosts.operator import Customer, Operator, Row
from tests.hosts.test_lives import HOSTS


@dataclass(kw_only=True)
class Planner(Operator):
    """Reads what a revoke would do before it is ordered, as people do: the workers look, the page shows it."""

    planned: dict[str, list[int]] = field(default_factory=dict)
    """What each customer's plan was answered with, again and again until it was there."""

    async def further(self, customer: Customer, row: Row | None) -> None:
        """Plan first."""
        answered = self.planned.setdefault(customer.name, [])
        if row and row["stage"] == "run" and row["synced_at"] and not row["reason"] and answered[-1:] != [200]:
            answered.append((await self.api("GET", f"/connections/{row['id']}/plan?for=revoke")).status_code)
        else:
            await super().further(customer, row)

    async def at_work(self) -> bool:
        """A run is under way, or one is due: nobody dies here, so what is due begins."""
        due = sa.select(tables.expected_jobs.c.connection).where(tables.expected_jobs.c.at <= self.now())
        async with self.database.read() as read:
            return await super().at_work() or (await read.execute(due)).first() is not None

    def now(self) -> datetime:
        """By the clock that everybody follows."""
        return FileClock(self.place.clock_file).now()


async def lived(place: places.Place, url: str) -> Planner:
    """A life of each platform, to its end."""
    customers = [
        Customer(platform=platform, name=platform.title(), domain=f"{platform}.example")
        for platform in ("microsoft365", "google")
    ]
    async with httpx.AsyncClient(base_url=place.address, trust_env=False, timeout=30) as client:
        trusted = ssl.create_default_context(cafile=place.simulators.settings["FOOTPRINT_CA_FILE"])
        database = Database(url)
        operator = Planner(place, client, trusted, database, {one.name: one for one in customers})
        for one in customers:
            made = operator.control("/tenants", platform=one.platform, name=one.name, domain=one.domain, users=3)
            one.tenant = json.loads(made)["id"]
            one.before = operator.control(f"/tenants/{one.tenant}/snapshot")
        await operator.live()
        for one in customers:
            one.unsure = await operator.unsure(one)
        await database.close()
    return operator


@pytest.mark.parametrize("cloud", HOSTS)
def test_lives_with_public_and_private_apart(tmp_path: Path, cloud: str) -> None:
    where, missing = HOSTS[cloud]
    if missing:
        pytest.skip(missing)
    url = f"sqlite+aiosqlite:///{tmp_path / 'footprint.db'}"
    with where(tmp_path, url, apart=True) as place:
        places.until_answering(place.address)
        whole = place.simulators.settings
        public, _ = halves(whole)
        secrets = [CREDENTIALS_KEY, json.loads(Path(whole[ACCOUNT]).read_text())["private_key"]]
        secrets += [whole[name] for name in WORKERS_ONLY]
        assert not [name for name, value in public.items() if any(one in value for one in secrets)]
        operator = asyncio.run(lived(place, url))
        for one in operator.customers.values():
            assert operator.control(f"/tenants/{one.tenant}/snapshot") == one.before, one.name
            assert one.unsure == []
            # No request looked itself: the first was told that a worker does.
            assert operator.planned[one.name][0] == 409
            assert operator.planned[one.name][-1] == 200
