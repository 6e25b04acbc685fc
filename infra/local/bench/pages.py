"""How soon the console's pages begin to arrive, in a process that has served one of each before."""

import statistics
import time
from collections.abc import Sequence

import httpx

from infra.local.machine import Machine
from shared.web.accounts import sign_in_link

TIMES = 15
# What the same server sends without looking at anything: the least that any page of it could take.
LEAST_PATH = "/style.css"


async def first_bytes_of(running: Machine, paths: Sequence[str]) -> dict[str, float]:
    """The median seconds from a request to the head of its answer, as an administrator who has signed in."""
    async with httpx.AsyncClient(
        base_url=running.address, follow_redirects=True, trust_env=False, timeout=60
    ) as browser:
        (await browser.get(await sign_in_link(running.app))).raise_for_status()
        return {path: await _median(browser, path) for path in paths}


async def _median(browser: httpx.AsyncClient, path: str) -> float:
    taken = []
    (await browser.get(path)).raise_for_status()
    for _ in range(TIMES):
        begin = time.perf_counter()
        async with browser.stream("GET", path) as answer:
            taken.append(time.perf_counter() - begin)
            await answer.aread()
    return statistics.median(taken)
