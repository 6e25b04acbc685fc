"""The messages with which Python's own library is tested stop nothing, as they are and a little wrong."""

import importlib.util
import random
from pathlib import Path

import pytest

from tests.harness.mail import mixed, part
from tests.protection.test_fuzz import PIECES, look


def corpus() -> list[bytes]:
    """The messages with which Python's own library is tested; nothing where Python came without its tests."""
    found = importlib.util.find_spec("test")
    folders = (
        [Path(place) / "test_email" / "data" for place in (found.submodule_search_locations or [])] if found else []
    )
    return [file.read_bytes() for folder in folders for file in sorted(folder.glob("*")) if file.is_file()]


class TestPythonsOwnMessages:
    MESSAGES = corpus()

    @pytest.fixture(autouse=True)
    def _here(self) -> None:
        if not self.MESSAGES:
            pytest.skip("this Python came without its own tests (on Debian: apt-get install libpython3-testsuite)")

    def test_each(self) -> None:
        assert len(self.MESSAGES) > 50
        for message in self.MESSAGES:
            look(message)
            look(mixed(b"Content-Type: message/rfc822\r\n\r\n" + message, part(message, "a.eml")))

    def test_each_a_little_wrong(self) -> None:
        chance = random.Random(5)  # noqa: S311 - the same every time
        for message in self.MESSAGES * 3:
            changed = bytearray(message)
            for _ in range(chance.randint(1, 12)):
                at = chance.randrange(len(changed) + 1)
                changed[at : at + chance.choice([0, 1, 1, 30])] = chance.choice([*PIECES, b""])
            look(bytes(changed))
