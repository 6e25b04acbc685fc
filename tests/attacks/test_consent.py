"""A consent belongs to the person who gave it, and to the browser in which they did."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest

from shared.connections.stages import Stage
from shared.flows import consent, grant
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.invited import COOKIE, OnTheWay, arrives, consented, signed_in
from tests.harness.refusals import Told, is_told
from tests.harness.world import CONTOSO, FABRIKAM, World


def forged(world: World, url: str, domain: str, browser: str) -> OnTheWay:
    """A callback that nobody was sent back with: the state of a consent that was begun, and a tenant's name."""
    query = {"admin_consent": "True", "tenant": world.tenant_id(domain), "state": httpx.URL(url).params["state"]}
    return OnTheWay(browser=browser, address=f"/api/consent/microsoft365?{urlencode(query)}")


@pytest.mark.hazard(43)
@pytest.mark.parametrize("named", [None, CONTOSO])
async def test_a_forged_callback_binds_no_tenant(world: World, named: str | None) -> None:
    """Whatever consent the tenant has given, to this deployment's application or for another connection."""
    victim = await world.connect(CONTOSO, customer="contoso")
    before, thief = world.snapshot(), await world.create(named, customer="mallory")
    browser = await world.opens(thief)
    begun = await consent.platform_url(world.app, thief, browser)
    assert (await arrives(world, forged(world, begun, CONTOSO, browser))).status == 400
    # With a sign-in of the thief's own, they come as far as their own tenant's consent page.
    if named is None:
        onward = await world.sign_in(thief, world.administrator(FABRIKAM), browser)
        assert f"/{world.tenant_id(FABRIKAM)}/v2.0/adminconsent" in onward
        assert (await arrives(world, forged(world, onward, CONTOSO, browser))).status == 409
    else:
        refused = await arrives(world, await signed_in(world, thief, FABRIKAM))
        assert refused.status == 409
    await world.pass_time(timedelta(hours=2))
    now = await world.connection(thief.id)
    assert (now.stage, now.tenant, now.claimed_tenant) == (Stage.NEW, None, None)
    assert world.snapshot() == before
    assert (await world.connection(victim.id)).status == "ok"


@pytest.mark.hazard(43)
async def test_two_databases_and_one_application_take_nothing_from_each_other(world: World) -> None:
    """One application consented at one site is no consent at another: only the tenant's administrator gives that."""
    real = await world.connect(CONTOSO)
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    other = await World.make(world.sims, world.clock, world.databases, elsewhere)
    try:
        thief = await other.create(None)
        browser = await other.opens(thief)
        begun = await consent.platform_url(other.app, thief, browser)
        assert (await arrives(other, forged(other, begun, CONTOSO, browser))).status == 400
        await other.pass_time(timedelta(hours=2))
        assert (await other.connection(thief.id)).tenant is None
        # Nor is a browser of the one site anybody's at the other.
        theirs = await signed_in(world, real)
        assert (await arrives(other, theirs)).status == 410
    finally:
        await other.close()


@pytest.mark.hazard(43)
async def test_a_consent_ends_in_the_browser_in_which_it_was_begun(world: World) -> None:
    connection = await world.create()
    for on_the_way in (signed_in, consented):
        one = await on_the_way(world, connection)
        # The same link, opened by somebody else; nobody's browser; and one that makes a cookie up.
        strangers = [await world.opens(connection), "", one.browser + "x", one.browser.partition("~")[0]]
        for stranger in strangers:
            assert (await arrives(world, one, browser=stranger)).status == 410
        assert (await arrives(world, one)).status == 303
        assert (await arrives(world, one)).status == 410
    await world.until_true(connection, lambda now: now.stage is Stage.GRANT)


@pytest.mark.hazard(43)
async def test_googles_callback_is_its_own_browsers_too(world: World) -> None:
    connection = await google.create(world, modes=["api"])
    mine, another = await world.opens(connection), await world.opens(connection)
    back = google.decide(await consent.platform_url(world.app, connection, mine))
    one = OnTheWay(browser=mine, address=f"{back.path}?{back.query.decode()}")
    assert (await arrives(world, one, browser=another)).status == 410
    assert (await world.connection(connection.id)).administrator is None
    assert (await arrives(world, one)).status == 303


async def test_only_who_may_consent_for_a_tenant_connects_it(world: World) -> None:
    connection = await world.create()
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    others = (one for one in tenant.users.values() if one["userPrincipalName"] != world.administrator())
    somebody = next(one for one in others if one["accountEnabled"])
    found = await arrives(world, await signed_in(world, connection, who=somebody["userPrincipalName"]))
    assert (found.status, b"Global Administrator" in found.body) == (403, True)
    # A deployment whose application does not ask for the roles is told, and lets nobody in meanwhile.
    world.behave(roles_in_id_token=False)
    found = await arrives(world, await signed_in(world, connection))
    is_told(found, Told(502, "roles_not_shown", "Microsoft does not say which directory roles you have"))
    assert b"groupMembershipClaims" in found.body
    assert (await world.connection(connection.id)).claimed_tenant is None


async def test_a_code_is_good_for_its_own_sign_in_only(world: World) -> None:
    connection = await world.create()
    first, second = await signed_in(world, connection), await signed_in(world, connection)
    code = re.search(r"code=[^&]+", first.address)
    assert code is not None
    mixed = OnTheWay(browser=second.browser, address=re.sub(r"code=[^&]+", code[0], second.address))
    assert (await arrives(world, mixed)).status == 400


async def test_the_browser_is_told_to_keep_its_secret(world: World) -> None:
    made = await grant.create(
        world.app, grant.NewConnection(platform="microsoft365", site="eu", name="Contoso"), "operator@msp.example"
    )
    code = made.consent_url.partition("#")[2]
    content, secure = f"code={code}".encode(), "https://footprint.example.com"
    for public_url, name, more in (
        ("http://127.0.0.1:8080", COOKIE, ""),
        (secure, f"__Host-{COOKIE}", "; Secure"),
    ):
        there = await world.again()
        object.__setattr__(there.app.settings, "public_url", public_url)
        found = await ask(there, "POST", "/connect", content=content, origin=public_url)
        assert found.headers["Location"] == "/connect"
        kept = found.headers["Set-Cookie"]
        assert re.fullmatch(rf"{name}=[\w.~-]+; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax{more}", kept)


@pytest.mark.parametrize("seconds", [20, 90])
async def test_an_honest_consent_that_is_effective_later_continues(world: World, seconds: int) -> None:
    connection = await world.create()
    world.behave(consent_lag_seconds=seconds)
    begun = world.clock.now()
    await world.consent(connection)
    waiting = await world.connection(connection.id)
    await world.until_true(connection, lambda now: now.tenant is not None)
    assert world.clock.now() - begun < timedelta(seconds=seconds + 60)
    assert waiting.status == "waiting"


async def test_a_thief_gains_nothing_by_the_consents_lag(world: World) -> None:
    victim, thief = await world.create(None, customer="contoso"), await world.create(None, customer="mallory")
    world.behave(consent_lag_seconds=90)
    await world.consent(victim)
    browser = await world.opens(thief)
    for _ in range(9):
        begun = await consent.platform_url(world.app, thief, browser)
        assert (await arrives(world, forged(world, begun, CONTOSO, browser))).status == 400
        await world.pass_time(timedelta(seconds=10))
    await world.until_true(victim, lambda now: now.tenant is not None)
    assert (await world.connection(thief.id)).tenant is None


async def test_who_signed_in_and_never_consented_is_asked_again(world: World) -> None:
    connection = await world.create()
    browser = await world.opens(connection)
    onward = await world.sign_in(connection, world.administrator(), browser)
    assert (await arrives(world, forged(world, onward, CONTOSO, browser))).status == 303
    told = await world.until_true(connection, lambda now: now.reason == "consent_missing")
    assert told.tenant is None
    page = await ask(world, "GET", "/connect", cookie=f"{COOKIE}={browser}")
    assert b"to consent</a>" in page.body


async def test_a_declined_sign_in_changes_nothing(world: World) -> None:
    connection = await world.create()
    browser = await world.opens(connection)
    connection = await world.connection(connection.id)
    url = await consent.platform_url(world.app, connection, browser)
    state = httpx.URL(url).params["state"]
    address = f"/api/consent/microsoft365?error=access_denied&error_description=AADSTS65004:+no&state={state}"
    found = await arrives(world, OnTheWay(browser=browser, address=address))
    assert (found.status, b"AADSTS65004" in found.body) == (403, True)
    assert await world.connection(connection.id) == connection
