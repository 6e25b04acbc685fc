"""Bodies that nobody asked for: refused before they are read, before anybody is asked who sends them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from functions_framework.aio import create_asgi_app

from shared.foundation.errors import Refused
from shared.web import bodies
from shared.web.dispatch import largest_body
from shared.web.routes import MAX_BODY_BYTES, MAX_ORDER_BYTES, ROUTES
from tests.harness.client import ask, at
from tests.harness.world import MASTER_KEY, World

SOURCE = Path(__file__).parents[2] / "gcp_functions" / "main.py"
MIB = 1024 * 1024
CHUNK = b"a" * (64 * 1024)

Post = Callable[[str, int, dict[str, str]], Awaitable[tuple[int, int]]]


@pytest.fixture
async def post(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    """Post so many bytes to Google's function `http`; returns the status and how many bytes it took from the wire."""
    monkeypatch.setenv("FOOTPRINT_DATABASE_URL", world.app.settings.database_url)
    monkeypatch.setenv("FOOTPRINT_MASTER_KEY__VALUE", MASTER_KEY)
    monkeypatch.setenv("FOOTPRINT_PUBLIC_URL", "http://127.0.0.1:8080")
    served: Any = create_asgi_app("http", str(SOURCE))
    module = sys.modules["main"]

    async def one(path: str, size: int, headers: dict[str, str]) -> tuple[int, int]:
        taken, statuses = 0, list[int]()

        async def receive() -> dict[str, Any]:
            nonlocal taken
            await asyncio.sleep(0)
            taken += len(CHUNK)
            return {"type": "http.request", "body": CHUNK, "more_body": taken < size}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                assert (b"connection", b"close") in message["headers"]

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 1),
        }
        await served(scope, receive, send)
        return statuses[0], taken

    yield one
    await module.app().database.close()


@pytest.mark.hazard(49)
@pytest.mark.parametrize("path", ["/sign-out", "/api/connections", "/api/notifications/gmail", "/connect"])
async def test_twenty_large_bodies_of_nobody_cost_nothing(post: Post, path: str) -> None:
    size = 30 * MIB
    announced = await asyncio.gather(*(post(path, size, {"content-length": str(size)}) for _ in range(20)))
    assert announced == [(413, 0)] * 20
    streamed = await asyncio.gather(*(post(path, size, {"transfer-encoding": "chunked"}) for _ in range(20)))
    assert {status for status, _ in streamed} == {413}
    assert max(taken for _, taken in streamed) <= MAX_BODY_BYTES + len(CHUNK)


@pytest.mark.parametrize("length", ["9" * 19, "9" * 5000, "0" * 30])
async def test_a_length_that_is_no_length_is_too_long(length: str) -> None:
    with pytest.raises(Refused) as refused:
        await bodies.read({"content-length": length}, _never(), MAX_BODY_BYTES, seconds=1)
    assert refused.value.status == 413


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    with pytest.raises(Refused) as refused:
        await bodies.read({"content-length": "5"}, _never(), MAX_BODY_BYTES, seconds=0.01)
    assert (refused.value.status, refused.value.code) == (408, "body_too_slow")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_every_route_refuses_what_is_larger_than_it_takes_before_it_asks_who_sends_it(
    world: World, route: Any
) -> None:
    told = await ask(world, route.method, at(route), content=b"a" * (route.largest_body + 1))
    assert told.status == 413


def test_what_a_route_takes_is_data_and_an_address_without_one_takes_nothing() -> None:
    assert largest_body("POST", "/sign-out") == MAX_ORDER_BYTES
    assert largest_body("POST", "/api/connections") == MAX_BODY_BYTES
    assert [largest_body(*one) for one in (("POST", "/nowhere"), ("GET", "/"), ("BREW", "/"))] == [0, 0, 0]


def test_azures_host_refuses_what_no_route_takes() -> None:
    most = max(route.largest_body for route in ROUTES)
    template = (SOURCE.parents[1] / "infra/azure/modules/app.bicep").read_text()
    assert f"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '{most}'" in template


async def _never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""
