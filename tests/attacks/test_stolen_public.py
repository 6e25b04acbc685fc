"""A stolen public process: who takes over what faces the internet gets content, and nothing that opens a tenant"""

import json
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from shared.connections import grants, halts
from shared.connections.stages import Stage
from shared.deployment.sealing import DEPLOYMENT
from shared.flows import consent, halting
from shared.flows.invitation import mark
from shared.foundation.errors import Permanent, Temporary
from shared.storage import tables as db
from shared.web.routes import ROUTES, Auth
from tests.harness import workspace as google
from tests.harness.apart import CREDENTIALS_KEY, Apart
from tests.harness.client import ask, at
from tests.harness.invited import OnTheWay, arrives, signed_in
from tests.harness.settings import settings_from
from tests.harness.world import CONTOSO, MASTER_KEY, World

# What a process that has no credentials would answer where it needs some.
NEEDS_CREDENTIALS = (b"cannot open credentials", b"This deployment has no", b"cannot sign")


async def consented(both: Apart) -> str:
    """A Google connection with a grant and tokens; its id."""
    made = await google.create(both.public, modes=["api"])
    both.workers.admin("install-app", "orchard.example")
    await both.consent(made)
    await both.workers.until(made, Stage.RUN)
    return made.id


async def test_no_key_of_a_public_process_opens_a_credential(world: World) -> None:
    both = await Apart.of(world)
    number, seal = await consented(both), both.public.app.seal
    for scope in (number, DEPLOYMENT):
        with pytest.raises(Permanent, match="credentials_closed"):
            await seal.credentials(scope)
    with pytest.raises(Permanent, match="credentials_closed"):
        await grants.listed(both.public.app.database, seal, number)
    # Nor does what it opens content with, whatever name it is given.
    async with world.app.database.read() as read:
        grant = (await read.execute(sa.select(db.grants))).one()
        tokens = (await read.execute(sa.select(db.tokens))).all()
        wrapped = (
            await read.execute(sa.select(db.data_keys).where(db.data_keys.c.scope == f"{number}/credentials"))
        ).one()
    assert tokens
    sealed = {f"grant {grant.account}": grant.sealed} | {f"token {one.resource}": one.sealed for one in tokens}
    for scope in (number, DEPLOYMENT):
        box = await seal.box(scope)
        for about, value in sealed.items():
            with pytest.raises(Permanent, match="sealed_by_another_key"):
                box.unseal(value, about=about)
    # The key of credentials is wrapped by a master key that it does not have.
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await seal.master.unwrap(
            type(await seal.master.wrap(b"0" * 32, "a"))(master=wrapped.master, content=wrapped.wrapped), wrapped.scope
        )


@pytest.mark.parametrize(
    "given",
    [
        {"microsoft": {"client_secret": "s"}},
        {"microsoft": {"federated": "google"}},
        {"microsoft": {"certificate": "/certificate.pem"}},
        {"google": {"client_secret": "s"}},
        {"google": {"service_account": '{"client_email": "a@b.example"}'}},
        {"google": {"service_account": "/key.json"}},
        {"credentials_key": {"value": CREDENTIALS_KEY}},
    ],
)
def test_a_public_process_does_not_start_with_a_credential(given: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ValidationError, match="leave to the workers"):
        settings_from({}, master_key={"value": MASTER_KEY}, functions="public", **given)
    # And workers do not start with the key that it has.
    with pytest.raises(ValidationError, match="set CREDENTIALS_KEY"):
        settings_from({}, master_key={"value": MASTER_KEY}, functions="private", credentials_key={"value": MASTER_KEY})


async def test_a_sign_in_that_no_worker_has_seen_counts_for_nothing(world: World) -> None:
    """The victim has consented to this application; the thief signs whatever state they like."""
    both = await Apart.of(world)
    victim = await both.workers.connect(CONTOSO)
    thief = await both.public.create(None)
    browser, app = await both.public.opens(thief), both.public.app
    state = await app.links.ticket(f"{consent.STATE} {mark(browser)}", timedelta(minutes=5), str(victim.tenant))
    query = urlencode({"admin_consent": "True", "tenant": victim.tenant, "state": state})
    await arrives(both.public, OnTheWay(browser=browser, address=f"/api/consent/microsoft365?{query}"))
    await both.workers.work()
    assert (await both.page(browser)).status == 410
    now = await world.connection(thief.id)
    assert (now.tenant, now.claimed_tenant) == (None, None)


async def test_what_a_browser_brings_back_is_for_the_workers_alone(world: World) -> None:
    both = await Apart.of(world)
    made = await both.public.create()
    one = await signed_in(both.public, made)
    await arrives(both.public, one)
    async with world.app.database.read() as read:
        row = (await read.execute(sa.select(db.callbacks))).one()
    assert httpx.URL(f"http://a{one.address}").params["code"].encode() not in row.sealed
    with pytest.raises(Permanent, match="credentials_closed"):
        await both.public.app.seal.credentials(DEPLOYMENT)
    # It is taken once, and then it is not there any more.
    await both.workers.work()
    async with world.app.database.read() as read:
        assert (await read.execute(sa.select(db.callbacks.c.sealed))).scalars().all() == [None]


async def test_nobody_has_it_sealed_to_a_key_of_their_own(world: World) -> None:
    """Neither before there is a key of the workers, nor by a key that was written into the database."""
    public = await world.again(
        functions="public", microsoft={"client_secret": None}, google={"client_secret": None, "service_account": None}
    )
    made = await public.create()
    with pytest.raises(Temporary, match="workers_not_started"):
        await arrive_in(public, made.id)
    both = await Apart.of(world)
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.workers_keys).values(public=b"a key of somebody else"))
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await arrive_in(both.public, made.id)


async def arrive_in(world: World, number: str) -> None:
    """Somebody has signed in and comes back."""
    connection = await world.connection(number)
    one = await signed_in(world, connection)
    query = dict(httpx.URL(f"http://a{one.address}").params)
    await consent.callback(world.app, connection.platform, query, one.browser)


async def test_what_a_halt_gives_back_the_workers_give_back(world: World) -> None:
    both = await Apart.of(world)
    number = await consented(both)
    told = await halting.halt(both.public.app, f"connection:{number}", "admin", "stolen", destroy=True)
    assert (told.left_to_workers, told.given_back, told.keys_destroyed) == (1, 0, 1)
    connection = await world.connection(number)
    with pytest.raises(halts.Halted):
        await halts.refuse(world.app.database, connection)
    revoked = len([one for one in world.sims.cloud.calls if one.path == "/revoke"])
    await both.workers.work()
    assert len([one for one in world.sims.cloud.calls if one.path == "/revoke"]) == revoked + 1
    async with world.app.database.read() as read:
        left = (await read.execute(sa.select(db.data_keys.c.scope))).scalars().all()
        assert not [scope for scope in left if scope.startswith(number)]
        assert not (await read.execute(sa.select(db.grants))).all()


async def test_no_route_needs_a_credential(world: World) -> None:
    """Every route is asked, for a running connection, by an administrator of all customers."""
    both = await Apart.of(world)
    number = await consented(both)
    token = world.sims.operator_token("anna", "admin")
    allowed, last = 0, ("halt", "revoke", "erase_connection", "end_session")
    for route in sorted(ROUTES, key=lambda one: (one.name in last, one.method != "GET")):
        if route.auth in (Auth.VIEWER, Auth.OPERATOR, Auth.ADMIN):
            path = at(route, id=number, scope=f"connection:{number}", action="look", section="ledger")
            body = {"why": "to try"} if route.name == "halt" else {}
            content = None if route.method in ("GET", "DELETE") else json.dumps(body).encode()
            kind = "application/json" if route.in_api else "application/x-www-form-urlencoded"
            told = {"content_type": kind, "origin": both.public.app.settings.public_url}
            said = await ask(both.public, route.method, path, token=token, content=content, **told)
            allowed += said.status < 400
            assert not [one for one in NEEDS_CREDENTIALS if one in said.body], (route.name, said.body)
            assert said.status != 500, (route.name, said.body)
    assert allowed >= 35
