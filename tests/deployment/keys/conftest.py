"""Each kind of master key, the vaults that hold them, and a database whose secrets they seal."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.local.simulators.vaults import Vaults
from shared.foundation.wire import Wire
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.master_keys import Holder, in_kms, in_vault, local
from tests.harness.scripted_host import Host, StillClock


@pytest.fixture
def still() -> StillClock:
    return StillClock()


@pytest.fixture
def wire(still: StillClock) -> Wire:
    return Wire(clock=still, ca_file=None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaults]:
    with Vaults.start(tmp_path_factory.mktemp("vaults")) as running:
        yield running


@pytest.fixture
def vaults(running: Vaults, monkeypatch: pytest.MonkeyPatch) -> Vaults:
    """The simulated vaults, and a runtime whose identity they know."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for version in (*running.vault, *running.kms):
        version.enabled = True
    running.permitted = True
    running.faults.clear()
    running.calls.clear()
    return running


@pytest.fixture(params=[local, in_vault, in_kms], ids=["local", "key_vault", "kms"])
def holder(request: pytest.FixtureRequest, vaults: Vaults, wire: Wire) -> Holder:
    made: Holder = request.param(vaults, wire)
    return made


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}")
    await migrate(database)
    yield database
    await database.close()
