"""docs/security.md shows every attack that is tried, and each was seen to fail."""

import re
from pathlib import Path

from tests.attacks.table import ATTACKS

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text()


def test_every_attack_has_its_words() -> None:
    found = {
        file.stem: re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
        for file in sorted((ROOT / "tests" / "attacks").glob("test_*.py"))
    }
    assert {module: sorted(tests) for module, tests in found.items()} == {
        module: sorted(attacks) for module, attacks in ATTACKS.items()
    }


def test_the_table_has_every_attack_as_it_was_seen() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", DOCUMENT.partition("<!-- attacks -->")[2], re.MULTILINE)
    shown = {(attack, expected): seen for attack, expected, seen in rows if attack not in ("Attack", "---")}
    wanted = {
        (attack, test.removeprefix("test_").replace("_", " "))
        for attacks in ATTACKS.values()
        for test, attack in attacks.items()
    }
    assert shown.keys() == wanted, "run `python -m tests.attacks`"
    assert [key for key, seen in shown.items() if not seen.startswith("as expected")] == []
