"""One set of simulators for all tests here; each test starts from the same saved state."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from infra.local.simulators import Simulators
from infra.local.simulators.google.seeds import HARBOUR, ORCHARD
from infra.local.simulators.microsoft.seeds import CONTOSO, FABRIKAM
from tests.simulators.caller import Caller
from tests.simulators.google_box import Box, empty_box
from tests.simulators.google_caller import GoogleCaller


@pytest.fixture(scope="session")
def running() -> Iterator[Simulators]:
    with Simulators.start() as sims:
        yield sims


@pytest.fixture(scope="session")
def client(running: Simulators) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=running.settings["FOOTPRINT_CA_FILE"])
    with httpx.Client(verify=trusted, trust_env=False) as client:
        yield client


@pytest.fixture
def sims(running: Simulators) -> Iterator[Simulators]:
    saved = running.cloud.save()
    yield running
    running.cloud.restore(saved)
    running.cloud.calls.clear()
    running.cloud.on_request = None


@pytest.fixture
def stranger(sims: Simulators, client: httpx.Client) -> Caller:
    """The application before anyone consented."""
    return Caller(sims, client, CONTOSO)


@pytest.fixture
def caller(stranger: Caller) -> Caller:
    """The application with consent and with its directory role."""
    stranger.administer("consent")
    stranger.administer("assign-role")
    return stranger


@pytest.fixture
def large(sims: Simulators, client: httpx.Client) -> Caller:
    """The same in the tenant with 20 000 users."""
    caller = Caller(sims, client, FABRIKAM)
    caller.administer("consent")
    caller.administer("assign-role")
    return caller


@pytest.fixture
def bare_google(sims: Simulators, client: httpx.Client) -> GoogleCaller:
    """The application before the customer's administrator did anything."""
    return GoogleCaller(sims, client, ORCHARD)


@pytest.fixture
def google(bare_google: GoogleCaller) -> GoogleCaller:
    """The application with everything it declares delegated to it."""
    bare_google.administer("authorise-delegation")
    return bare_google


@pytest.fixture
def box(google: GoogleCaller) -> Box:
    """A mailbox with nothing in it."""
    return empty_box(google)


@pytest.fixture
def harbour(sims: Simulators, client: httpx.Client) -> GoogleCaller:
    """The same in the customer with 20 000 users."""
    caller = GoogleCaller(sims, client, HARBOUR)
    caller.administer("authorise-delegation")
    return caller
