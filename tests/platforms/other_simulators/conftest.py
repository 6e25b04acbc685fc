"""A simulated Google and a simulated Microsoft that we did not write, over TLS with an authority of their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from shared.flows.app import App
from shared.platforms.google_workspace.sign_in import SignIn
from shared.platforms.microsoft365.entra import Entra
from shared.storage.migrate import migrate
from tests.harness.emulated import SEED, Person, app_at, at_google, at_microsoft, signing_in
from tests.programs.emulate import Emulate, emulate


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def _google(authority: trustme.CA) -> Iterator[Emulate]:
    # Whose tokens Google's are is fixed in our code, as it is in Google's own.
    with emulate("google", authority, SEED, issuer="https://accounts.google.com") as part:
        yield part


@pytest.fixture(scope="module")
def _microsoft(authority: trustme.CA) -> Iterator[Emulate]:
    with emulate("microsoft", authority, SEED) as part:
        yield part


@pytest.fixture
def google(_google: Emulate) -> Emulate:
    _google.seen.clear()
    return _google


@pytest.fixture
def microsoft(_microsoft: Emulate) -> Emulate:
    _microsoft.seen.clear()
    return _microsoft


@pytest.fixture
def google_app(google: Emulate, authority: trustme.CA, tmp_path: Path) -> App:
    return app_at(authority, tmp_path, google=at_google(google))


@pytest.fixture
def sign_in(google_app: App) -> SignIn:
    return signing_in(google_app)


@pytest.fixture
async def migrated(google_app: App) -> AsyncIterator[App]:
    await migrate(google_app.database)
    yield google_app
    await google_app.database.close()


@pytest.fixture
def microsoft_app(microsoft: Emulate, authority: trustme.CA, tmp_path: Path) -> App:
    return app_at(authority, tmp_path, microsoft=at_microsoft(microsoft))


@pytest.fixture
def entra(microsoft_app: App) -> Iterator[Entra]:
    made = Entra(settings=microsoft_app.settings.microsoft, wire=microsoft_app.wire, clock=microsoft_app.clock)
    yield made
    made.close()


@pytest.fixture
def person(microsoft_app: App, microsoft: Emulate) -> Person:
    return Person(microsoft_app, microsoft)
