"""A browser at the console and at the issuer that vouches for its accounts."""

from collections.abc import Iterator

import httpx
import pytest

from tests.harness.accounts import Browser
from tests.harness.world import World


@pytest.fixture
def issuer(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(verify=world.app.wire.ssl_context, trust_env=False) as client:
        yield client


@pytest.fixture
def browser(world: World, issuer: httpx.Client) -> Browser:
    return Browser(world.app, issuer)
