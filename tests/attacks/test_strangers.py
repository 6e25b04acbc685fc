"""What somebody may ask who is no account: so much from one address, so much in all, and nothing that stays."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from infra.local.simulators.vaults import Vaults
from shared.deployment.sealing import Seal
from shared.flows.timers import sweep
from shared.foundation.wire import Wire
from shared.storage import tables as db
from shared.web.http import received
from shared.web.routes import ROUTES, Auth
from tests.harness.accounts import DECLINED, OVER, says
from tests.harness.client import ask
from tests.harness.master_keys import kms_key
from tests.harness.world import World

HERE, THERE = "192.0.2.1", "192.0.2.2"


async def links(world: World) -> int:
    """How many rows there are of links."""
    async with world.app.database.read() as read:
        return int((await read.execute(sa.select(sa.func.count()).select_from(db.links))).scalar_one())


async def begin(world: World, address: str) -> tuple[str, str]:
    """Begin a sign-in: its state, and the cookie."""
    told = await ask(world, "GET", "/sign-in", x_forwarded_for=address)
    assert told.status == 303
    state = dict(parse_qsl(urlsplit(told.headers["Location"]).query))["state"]
    return state, told.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/back?state=x", "/sign-in/once/x", "/connect", "/api/consent/google?state=x"]
)
async def test_a_flood_of_one_address_is_refused_and_stops_nobody_else(world: World, path: str) -> None:
    # A few more than are allowed, for while they are sent the time goes on.
    flood = [(await ask(world, "GET", path, x_forwarded_for=HERE)).status for _ in range(180)]
    assert 429 not in flood[:120]
    assert 429 in flood[120:]
    assert (await ask(world, "GET", path, x_forwarded_for=THERE)).status != 429
    assert (await ask(world, "GET", "/api/health", x_forwarded_for=HERE)).status == 200
    world.clock.move(timedelta(minutes=1))
    assert (await ask(world, "GET", path, x_forwarded_for=HERE)).status != 429


@pytest.mark.parametrize("shown", [{"authorization": "Bearer e30.e30.e30"}, {"cookie": "footprint=x"}, {}])
async def test_a_flood_without_a_good_account_is_refused_and_stops_no_account(
    world: World, shown: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    flood = [(await ask(world, "GET", "/api/connections", x_forwarded_for=HERE, **shown)).status for _ in range(180)]
    assert set(flood[:120]) == {401}
    assert set(flood[120:]) >= {429}
    assert len([one for one in caplog.records if one.getMessage() == "request rejected"]) == flood.count(401)
    assert (
        await ask(world, "GET", "/api/connections", token=world.sims.operator_token(), x_forwarded_for=HERE)
    ).status == 200
    assert (await ask(world, "GET", "/api/connections", x_forwarded_for=THERE, **shown)).status == 401


async def test_what_one_address_asks_too_much_is_not_taken_from_all(world: World) -> None:
    few = await world.again(api={"requests_a_minute_of_an_address": 5, "requests_a_minute_of_all_addresses": 8})
    found = [(await ask(few, "GET", "/sign-in/once/x", x_forwarded_for=HERE)).status for _ in range(50)]
    assert found == [410] * 5 + [429] * 45
    found = [(await ask(few, "GET", "/sign-in/once/x", x_forwarded_for=f"192.0.2.{n}")).status for n in range(2, 7)]
    assert found == [410] * 3 + [429] * 2


async def test_a_site_of_many_addresses_asks_no_more_than_some_of_them(world: World) -> None:
    few = await world.again(api={"requests_a_minute_of_an_address": 5, "requests_a_minute_of_all_addresses": 30})
    sites = [f"2001:db8:{site}:{network:x}::1" for site in (1, 2) for network in range(25)]
    found = [(await ask(few, "GET", "/sign-in/once/x", x_forwarded_for=one)).status for one in sites]
    assert found == [410] * 20 + [429] * 5 + [410] * 10 + [429] * 15


async def test_a_sign_in_that_ends_badly_leaves_no_row(world: World) -> None:
    for answer, expected in (("error=access_denied", DECLINED), ("code=made-up", OVER)):
        state, cookie = await begin(world, HERE)
        told = await ask(world, "GET", f"/sign-in/back?state={state}&{answer}", x_forwarded_for=HERE, cookie=cookie)
        assert says(told, expected)
    assert await links(world) == 0


async def test_what_is_over_is_deleted_by_the_sweep_and_by_nobody_else(world: World) -> None:
    for _ in range(3):
        await world.app.links.create("test", None, timedelta(minutes=10))
    world.clock.move(timedelta(minutes=10))
    await world.app.links.create("test", None, timedelta(minutes=10))
    assert await links(world) == 4
    await sweep(world.app)
    assert await links(world) == 1


async def test_the_health_page_does_not_tell_where_the_master_key_is(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Vaults.start(tmp_path) as vaults:
        for name, value in vaults.environment.items():
            monkeypatch.setenv(name, value)
        vaults.permitted = False
        closed = Seal(kms_key(vaults, Wire(clock=world.clock, ca_file=None)), world.app.database, world.clock)
        found = await ask(replace(world, app=replace(world.app, seal=closed)), "GET", "/api/health/ready")
    host = str(urlsplit(vaults.address).hostname)
    assert found.status == 503
    assert "The master key does not open a data key: " in found.body.decode()
    assert host not in found.body.decode()
    assert host in caplog.text


def test_a_caller_without_an_account_is_counted_unless_it_costs_nothing() -> None:
    free = {route.name for route in ROUTES if not route.needs_account and not route.cost}
    signed = {"notification", "report_sighting", "report_in_flight"}  # by the platform, and by the scanner
    assert free == {"health", "describe", "page_style", "page_script", "page_icon", "signing_keys"} | signed
    assert all(route.cost for route in ROUTES if route.auth in (Auth.LINK, Auth.INVITED, Auth.STATE))


@pytest.mark.parametrize(
    ("header", "proxies", "address"),
    [
        ("", 0, ""),
        ("192.0.2.7", 0, "192.0.2.7"),
        ("192.0.2.7:4711", 0, "192.0.2.7"),
        ("forged, 198.51.100.1, 192.0.2.7", 0, "192.0.2.7"),
        ("forged, 198.51.100.1, 192.0.2.7", 1, "198.51.100.1"),
        ("192.0.2.7", 3, "192.0.2.7"),
        ("2001:db8:1:2:3::9", 0, "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:ffff::1]:443", 0, "2001:db8:1:2::/64"),
        ("unknown", 0, ""),
    ],
)
def test_an_address_is_the_one_that_the_host_has_seen(header: str, proxies: int, address: str) -> None:
    assert received("GET", "/", "", {"x-forwarded-for": header}, b"").address(proxies) == address
