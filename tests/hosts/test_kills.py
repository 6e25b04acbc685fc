"""The host dies again and again, at random, with everything it has in hand, while many lives are lived on it.

Their customers and the operator are the test: they look at what is shown and do what it asks for, and what was not
answered they do again. Nothing that was acknowledged may be lost, and everything must end clean.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from shared.engine.chain import verify
from shared.storage.database import Database
from tests.hosts import places
from tests.hosts.operator import Customer, Operator, Row
from tests.hosts.places import Place

HOSTS = {"azure": (places.azure, places.missing_azure()), "google": (places.google, places.missing_google())}
# As many as there is time for, on each host: `make kills` asks for fifty.
LIVES = int(os.environ.get("LIVES", "2"))


def without_unsure(after: Row, before: Row, unsure: Collection[str]) -> None:
    """Take off what the certificate says is left since nobody can tell whose it is: its creation had no answer."""
    if addresses := {key.removeprefix("ip-allow/") for key in unsure if key.startswith("ip-allow/")}:
        left = after["connectionFilter"]["IPAllowList"]
        assert addresses <= set(left)
        after["connectionFilter"]["IPAllowList"] = [one for one in left if one not in addresses]
    if "spoof" in unsure:
        assert len(after["spoofItems"]) == len(before["spoofItems"]) + 1
        after["spoofItems"] = before["spoofItems"]


async def many(place: Place, url: str) -> Operator:
    """Live all lives while the host keeps dying; returns who lived them."""
    customers = [
        Customer(platform=platform, name=f"{platform.title()} {number}", domain=f"{platform}-{number}.example")
        for platform in ("microsoft365", "google")
        for number in range(LIVES // 2)
    ]
    async with httpx.AsyncClient(base_url=place.address, trust_env=False, timeout=30) as client:
        trusted = ssl.create_default_context(cafile=place.simulators.settings["FOOTPRINT_CA_FILE"])
        database = Database(url)
        operator = Operator(place, client, trusted, database, {one.name: one for one in customers})
        for one in customers:
            made = operator.control("/tenants", platform=one.platform, name=one.name, domain=one.domain, users=3)
            one.tenant = json.loads(made)["id"]
            one.before = operator.control(f"/tenants/{one.tenant}/snapshot")
        killing = asyncio.create_task(operator.kill())
        await operator.live()
        await killing
        for one in customers:
            one.unsure = await operator.unsure(one)
        await database.close()
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
        operator = asyncio.run(many(place, url))
        assert operator.kills >= max(1, LIVES // 4)
        for one in operator.customers.values():
            before, after = json.loads(one.before), json.loads(operator.control(f"/tenants/{one.tenant}/snapshot"))
            without_unsure(after, before, one.unsure)
            assert {key: after[key] for key in after if after[key] != before[key]} == {}, one.name
    asyncio.run(unbroken(url, operator))
