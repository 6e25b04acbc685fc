"""Expressions of administrators cost nobody anything: bounded when they are compiled, and compiled off the loop."""

import asyncio
import json
import time
from typing import Any

import pytest

from shared.connections.record import Connection
from tests.harness.client import ask
from tests.harness.decisions import connect
from tests.harness.world import World

HEAVY = [rf"\p{{L}}{{{400 + number}}}" for number in range(50)]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("a{3000000}", "none above 1000"),
        ("(a{999}){999}", "none above 1000"),
        ("a(?=b)", "not possible in linear time"),
        (r"(a)\1", "not possible in linear time"),
    ],
)
async def test_one_that_cannot_be_run_is_refused_with_the_reason(world: World, expression: str, why: str) -> None:
    found = await put(world, [expression])
    assert found.status == 400
    assert why in json.loads(found.body)["detail"]


@pytest.mark.hazard(49)
async def test_the_loop_goes_on_while_many_are_compiled(world: World) -> None:
    connection = await connect(world)
    gaps = [0.0]

    async def beat() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    beating = asyncio.create_task(beat())
    begin = time.perf_counter()
    found = await put(world, HEAVY, connection)
    whole = time.perf_counter() - begin
    beating.cancel()
    assert found.status == 400
    assert max(gaps) < whole / 2


async def put(world: World, expressions: list[str], connection: Connection | None = None) -> Any:
    connection = connection or await connect(world)
    body = {"name": "x", "everyone": True, "conditions": {"expressions": expressions}, "actions": ["label"]}
    path = f"/api/connections/{connection.id}/policies/x"
    return await ask(world, "PUT", path, token=world.sims.operator_token(), body=body, if_none_match="*")
