"""One local machine for the command line's tests: each has connections of its own on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.line import Line
from tests.harness.machine import OneMachine, one_machine


@pytest.fixture(scope="session")
def machine() -> Iterator[OneMachine]:
    """One machine for all of these tests, in whichever order they come: each has connections of its own on it."""
    with one_machine() as found:
        yield found


@pytest.fixture
def line(
    machine: OneMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Line:
    """Somebody before an operator's shell."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The keyring of whom runs the tests is left alone.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return Line(machine=machine, captured=capsys, folder=tmp_path)
