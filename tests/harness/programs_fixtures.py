"""The parts, each started once for a test process; a test that needs one that is not there is skipped."""

from collections.abc import Iterator

import pytest

from tests.programs import azurite
from tests.programs import cloud_tasks as tasks


@pytest.fixture(scope="session")
def azurite_part(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azurite.Azurite]:
    """The storage emulator, with whatever tests before have left in it."""
    if reason := azurite.missing():
        pytest.skip(f"skipped: {reason}")
    with azurite.azurite(tmp_path_factory.mktemp("azurite") / "clock") as part:
        yield part


@pytest.fixture(scope="session")
def tasks_part(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tasks.Tasks]:
    """The task emulator, with whatever tests before have left in it."""
    if reason := tasks.missing():
        pytest.skip(f"skipped: {reason}")
    with tasks.tasks(tmp_path_factory.mktemp("tasks") / "clock") as part:
        yield part
