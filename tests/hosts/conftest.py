"""The sample app's storage account, and the app hosted in it; skipped where a part is not there."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts.hosting import Hosted, hosted, missing
from tests.hosts.sample import CLIENT, SAMPLE, Sample
from tests.programs import azurite as storage
from tests.programs.azurite import Azurite


@pytest.fixture(scope="session")
def runtime() -> Iterator[None]:
    """Skips what needs Microsoft's runtime where it is not there."""
    if reason := missing():
        pytest.skip(f"skipped: {reason}")
    yield
    CLIENT.close()


@pytest.fixture(scope="session")
def part(runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A storage account of these tests' own, for its queues' names are the sample's."""
    if reason := storage.missing():
        pytest.skip(f"skipped: {reason}")
    with storage.azurite(tmp_path_factory.mktemp("storage") / "clock") as running:
        yield running


@pytest.fixture
def sample(part: Azurite, tmp_path: Path) -> Iterator[Sample]:
    """The surroundings, with no queue in the account."""
    made = Sample(part, tmp_path)
    yield made
    from azure.core.exceptions import ResourceNotFoundError

    for name in ("work", "work-poison"):
        with suppress(ResourceNotFoundError):
            made.queue(name).delete_queue()


@pytest.fixture
def host(sample: Sample) -> Iterator[Hosted]:
    """The sample app, hosted."""
    with hosted(SAMPLE, sample.part.clock_file, sample.settings) as running:
        yield running


@pytest.fixture(scope="session")
def site(part: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one hosted sample, for requests that leave nothing behind; it takes nobody's messages."""
    made = Sample(part, tmp_path_factory.mktemp("site"))
    nowhere = part.connection_string.replace(part.queue_url, "http://127.0.0.1:9/devstoreaccount1")
    with hosted(SAMPLE, part.clock_file, {**made.settings, "AzureWebJobsStorage": nowhere}) as running:
        yield running.url
