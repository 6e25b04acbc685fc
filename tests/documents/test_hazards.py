"""The list of hazards names the tests that are there."""

import re

from tests.hazards import LIST, TESTS, marks, numbers, printed

# To be covered yet. None is added here: what is covered stays covered.
UNCOVERED = set(range(31, 55)) - {31, 32, 33, 34, 35, 36, 37, 38, 39, 41, 42, 43, 44, 45, 46, 47, 49, 54}


def test_the_list_of_hazards_names_the_tests_that_are_marked() -> None:
    assert printed(LIST.read_text()) == LIST.read_text(), "run `make format`"


def test_every_hazard_is_covered_but_those_that_are_to_be() -> None:
    listed, covered = numbers(), {number for number, _ in marks()}
    assert listed == list(range(1, len(listed) + 1))
    assert set(listed) - covered == UNCOVERED
    assert covered <= set(listed)


def test_a_tests_name_says_the_behaviour_and_no_number_of_a_hazard() -> None:
    found = [file.name for file in TESTS.rglob("test_*.py") if re.search(r"def test_\w*hazard_?\d", file.read_text())]
    assert found == []
