"""Google's three entry points under the Functions Framework, most in process: who is let in, and what they then do."""

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa
from functions_framework.aio import create_asgi_app
from jwt.algorithms import RSAAlgorithm

from infra.local.simulators import wire
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.storage import tables as db
from tests.harness.orders import signed
from tests.harness.scripted_host import Host, Say
from tests.harness.world import MASTER_KEY, World
from tests.hosts import places

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "gcp_functions" / "main.py"
# Cloud Run kills a process so many seconds after SIGTERM:
# https://cloud.google.com/run/docs/container-contract#instance-shutdown
KILLED_AFTER = 10
ACCOUNT, ADDRESS = "invoker@footprint-test.iam.gserviceaccount.com", "https://footprint-{}-12345.europe-west1.run.app"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ANOTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Call = Callable[..., Any]


@pytest.fixture
def issuer() -> Iterator[Host]:
    """The server that publishes the keys of Google's accounts."""
    host = Host()
    key = {**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "one", "use": "sig", "alg": "RS256"}
    host.says(Say(body={"keys": [key]}))
    yield host
    host.close()


def settings(world: World, issuer: Host) -> dict[str, str]:
    """The environment of a function beside a world."""
    return {
        **world.sims.settings,
        "FOOTPRINT_DATABASE_URL": world.app.settings.database_url,
        "FOOTPRINT_MASTER_KEY__VALUE": MASTER_KEY,
        "FOOTPRINT_CLOCK_FILE": str(world.clock.file),
        "FOOTPRINT_CLOUD_TASKS__ACCOUNT": ACCOUNT,
        "FOOTPRINT_CLOUD_TASKS__CERTS_URL": f"{issuer.url}/oauth2/v3/certs",
        "FOOTPRINT_CLOUD_TASKS__JOB_URL": ADDRESS.format("job"),
        "FOOTPRINT_CLOUD_TASKS__SCHEDULE_URL": ADDRESS.format("schedule"),
    }


@pytest.fixture
async def call(world: World, issuer: Host, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    """Call one of the functions, as the framework serves it; each has settings of its own, from the environment."""
    for name, value in settings(world, issuer).items():
        monkeypatch.setenv(name, value)
    clients: dict[str, httpx.AsyncClient] = {}
    modules: list[Any] = []

    async def one(function: str, method: str, path: str, token: str = "", content: str = "") -> httpx.Response:
        if function not in clients:
            served = httpx.ASGITransport(app=create_asgi_app(function, str(SOURCE)))
            modules.append(sys.modules["main"])  # each time it is executed anew
            clients[function] = httpx.AsyncClient(transport=served, base_url=ADDRESS.format(function))
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await clients[function].request(method, path, content=content, headers=headers)

    yield one
    for client in clients.values():
        await client.aclose()
    for module in modules:
        await module.app().database.close()


def token(world: World, audience: str, key: Any = KEY, *, age: int = 0, **other: Any) -> str:
    """What Google puts into a task's or a schedule's header, so many seconds ago."""
    now = int(world.clock.now().timestamp()) - age
    content = {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "12345",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode(content | other, key, algorithm="RS256", headers={"kid": "one"})


NOT_OURS = {
    "nobody": lambda *_: "",
    "no token": lambda *_: "garbage",
    "another's key": lambda world, audience: token(world, audience, ANOTHER),
    "another function's": lambda world, _: token(world, ADDRESS.format("else")),
    "another account's": lambda world, audience: token(
        world, audience, email="invoker@elsewhere.iam.gserviceaccount.com"
    ),
    "an address that nobody has checked": lambda world, audience: token(world, audience, email_verified=False),
    "another issuer's": lambda world, audience: token(world, audience, iss="https://accounts.example.com"),
    "an old one": lambda world, audience: token(world, audience, age=2 * 3600),
    "unsigned": lambda _, audience: jwt.encode({"aud": audience, "email": ACCOUNT}, None, algorithm="none"),
}


@pytest.mark.parametrize("who", NOT_OURS)
async def test_nobody_else_has_jobs_run_or_timers_fired(world: World, call: Call, who: str) -> None:
    connection = await world.connect()
    await world.work()
    world.sims.cloud.calls.clear()
    message = await signed(world, Job(name="sync-now", connection_id=connection.id), world.clock.now())
    for function, path, callers in (("job", "/", "queues"), ("schedule", "/refresh", "schedules")):
        answer = await call(function, "POST", path, NOT_OURS[who](world, ADDRESS.format(function)), message)
        assert (answer.status_code, answer.text) == (401, f"Only this deployment's {callers} call here.\n")
    assert not world.sims.cloud.calls
    assert await EmbeddedQueue(world.app.database).next_at() is None


async def test_a_task_runs_its_job(world: World, call: Call) -> None:
    connection = await world.connect()
    await world.work()
    before = (await world.connection(connection.id)).synced_at
    ours = token(world, ADDRESS.format("job"))
    message = await signed(world, Job(name="sync-now", connection_id=connection.id), world.clock.now())
    assert (await call("job", "POST", "/", ours, message)).status_code == 204
    after = await world.connection(connection.id)
    assert before is not None
    assert after.synced_at is not None
    assert (after.synced_at > before, after.status) == (True, Status.OK)


async def test_a_task_that_is_not_ours_is_not_sent_again_and_one_that_could_not_be_noted_is(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = token(world, ADDRESS.format("job"))
    assert (await call("job", "POST", "/", ours, "gibberish")).status_code == 204
    message = await signed(world, Job(name="sync-now", connection_id="somebody"), world.clock.now())
    monkeypatch.setenv("FOOTPRINT_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'no folder' / 'footprint.db'}")
    served = httpx.ASGITransport(app=create_asgi_app("job", str(SOURCE)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=served, base_url=ADDRESS.format("job")) as client:
        answer = await client.post("/", content=message, headers={"authorization": f"Bearer {ours}"})
    assert answer.status_code == 500
    assert "footprint.db" not in answer.text


async def test_a_process_that_is_told_to_end_gives_its_lease_back_in_time(
    world: World, issuer: Host, tmp_path: Path
) -> None:
    connection = await world.connect()
    await world.work()
    job = Job(name="check", connection_id=connection.id)
    message, address = await signed(world, job, world.clock.now()), f"http://127.0.0.1:{places.free_port()}"
    environment = settings(world, issuer) | {"FOOTPRINT_CLOUD_TASKS__JOB_URL": address, "PYTHONPATH": str(ROOT)}
    told, over = list[float](), threading.Event()
    with places.framework("job", address, environment, tmp_path) as process:

        def silent(_call: wire.Call) -> None:
            if not told:
                told.append(time.monotonic())
                process.send_signal(signal.SIGTERM)
            over.wait(places.START_LIMIT)

        await asyncio.to_thread(places.until_answering, address)
        world.sims.cloud.on_request = silent
        headers = {"authorization": f"Bearer {token(world, address)}"}
        async with httpx.AsyncClient(trust_env=False, timeout=places.START_LIMIT) as client:
            answer = await client.post(address, content=message, headers=headers)
        took = time.monotonic() - told[0]
        world.sims.cloud.on_request = None
        over.set()
        assert await asyncio.to_thread(process.wait, places.START_LIMIT) == 0
    assert (answer.status_code, took < KILLED_AFTER) == (204, True), took
    columns = db.connections.c
    async with world.app.database.read() as read:
        query = sa.select(columns.lease_until, columns.begun).where(columns.id == connection.id)
        assert (await read.execute(query)).one() == (None, 0)
    delivery = await EmbeddedQueue(world.app.database).receive(world.clock.now() + timedelta(seconds=1))
    assert delivery is not None
    assert delivery.job == job


async def test_a_schedule_fires_the_timer_in_its_path_and_no_other(world: World, call: Call) -> None:
    connection = await world.connect()
    await world.work()
    assert (await world.connection(connection.id)).stage is Stage.RUN
    ours = token(world, ADDRESS.format("schedule"))
    assert (await call("schedule", "POST", "/no-such-timer", ours)).status_code == 404
    assert await EmbeddedQueue(world.app.database).next_at() is None
    assert (await call("schedule", "POST", "/refresh", ours)).status_code == 204
    delivery = await EmbeddedQueue(world.app.database).receive(world.clock.now() + timedelta(seconds=1))
    assert delivery is not None
    assert delivery.job == Job(name="refresh", connection_id=connection.id)


async def test_browsers_are_answered(call: Call) -> None:
    assert (await call("http", "GET", "/api/health")).json() == {"status": "ok"}
    assert (await call("http", "GET", "/api/connections")).status_code == 401
    assert (await call("http", "GET", "/nowhere")).status_code == 404


async def test_a_line_break_in_an_address_is_not_left_out(call: Call) -> None:
    assert (await call("http", "GET", "/api/health")).status_code == 200
    assert (await call("http", "GET", "/api/hea%0Alth")).status_code == 404
