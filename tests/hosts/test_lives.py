"""The same life of each platform on each cloud's own parts, by the public routes only: the one that the demo tells."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from infra.local.demo import google_workspace as demo_google
from infra.local.demo import microsoft365 as demo_microsoft365
from infra.local.demo import story as demo
from tests.hosts import places
from tests.hosts.places import Place

HOSTS = {"azure": (places.azure, places.missing_azure()), "google": (places.google, places.missing_google())}


@pytest.mark.parametrize("story", [demo_microsoft365.STORY, demo_google.STORY], ids=["microsoft365", "gmail"])
@pytest.mark.parametrize("cloud", HOSTS)
def test_a_whole_life_by_public_routes_only(tmp_path: Path, cloud: str, story: demo.Story) -> None:
    where: Callable[[Path, str], AbstractContextManager[Place]]
    where, missing = HOSTS[cloud]
    if missing:
        pytest.skip(missing)
    with where(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'footprint.db'}") as place:
        places.until_answering(place.address)
        assert asyncio.run(lived(place, story)) == []


async def lived(place: Place, story: demo.Story) -> list[str]:
    """What of the story's promises did not hold."""
    async with httpx.AsyncClient(base_url=place.address, trust_env=False, timeout=30) as operator:
        told = demo.Demo(place=place, operator=operator, console=Console())
        await demo.conclude(await demo.live(told, story))
    return told.failures
