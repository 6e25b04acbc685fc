"""What speaks to Microsoft's hosts is tested before hosts that say what a test tells them."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from shared.foundation.platform_settings import Microsoft
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.entra import Entra
from shared.platforms.microsoft365.exchange import Exchange
from tests.harness.entra import SECRET, SignIn
from tests.harness.exchange import TENANT, Minted
from tests.harness.scripted_host import Host, StillClock
from tests.harness.scripted_host_fixtures import authority, ca_file, clock, host, login, other, wire

__all__ = ["authority", "ca_file", "clock", "host", "login", "other", "wire"]


@pytest.fixture
def sign_in(login: Host) -> SignIn:
    return SignIn(login)


@pytest.fixture
def settings(login: Host) -> Microsoft:
    return Microsoft(login_url=login.url, client_id="app-1", client_secret=SecretStr(SECRET))


@pytest.fixture
def entra(settings: Microsoft, wire: Wire, clock: StillClock) -> Iterator[Entra]:
    entra = Entra(settings=settings, wire=wire, clock=clock)
    yield entra
    entra.close()


@pytest.fixture
def minted() -> Minted:
    return Minted()


@pytest.fixture
async def exchange(wire: Wire, host: Host, minted: Minted) -> AsyncIterator[Exchange]:
    async with wire.client(host.url) as http:
        yield Exchange(http, minted, TENANT)
