"""The table of `make bench`: a goal is reached from its own side, and what was not measured is not called reached."""

import pytest

from infra.local.bench import held
from infra.local.bench.chart import CHART, drawn
from infra.local.bench.measures import MEASURES, Measure, kept, last, rows

HIGH = Measure("Rate", 40, "times", why="Because.")
LOW = Measure("Time", 0.8, "s", high=False, why="Because.")


@pytest.mark.parametrize(
    ("measure", "figure", "told"),
    [
        (HIGH, 41.2, ("≥ 40 times", "41 times", "yes")),
        (HIGH, 40, ("≥ 40 times", "40 times", "yes")),
        (HIGH, 3.456, ("≥ 40 times", "3.46 times", "no. Because.")),
        (LOW, 0.5, ("≤ 0.8 s", "0.50 s", "yes")),
        (LOW, 0.8, ("≤ 0.8 s", "0.80 s", "yes")),
        (LOW, 1.9, ("≤ 0.8 s", "1.90 s", "no. Because.")),
        (HIGH, None, ("≥ 40 times", "not measured", "Because.")),
    ],
)
def test_a_figure_is_held_to_its_goal(measure: Measure, figure: float | None, told: tuple[str, str, str]) -> None:
    assert measure.told(figure) == told


def test_every_measure_has_its_row() -> None:
    assert [row[0] for row in rows({})] == [one.title for one in MEASURES.values()]
    assert {row[2] for row in rows({})} == {"not measured"}


def test_a_run_keeps_what_it_left_out_as_the_run_before_had_it() -> None:
    first = kept({"form": "whole", "commit": "a"}, {"night": 9_000.0, "statements": 30.0}, {})
    second = kept({"form": "short", "commit": "b"}, {"statements": 25.0, "statements-limit": 1.0}, first["measures"])
    assert second["form"] == "short"
    found = {"goal": 25, "figure": 25.0, "limit": 1.0, "reached": True, "commit": "b"}
    assert second["measures"]["statements"] == found
    assert second["measures"]["night"] == first["measures"]["night"]
    assert second["measures"]["night"]["commit"] == "a"
    assert "tokens" not in second["measures"]


def test_what_is_kept_is_held_to_the_goals_as_they_are() -> None:
    run = last()
    assert run["form"] in {"short", "whole"}
    for key, told in run["measures"].items():
        assert (told["goal"], told["reached"]) == (MEASURES[key].goal, MEASURES[key].reached(told["figure"])), key


def test_the_picture_shows_what_is_kept() -> None:
    assert CHART.read_text() == drawn(last()["measures"])


def test_a_count_over_its_limit_is_told_and_so_is_one_that_is_missing() -> None:
    limits = dict(held.limits())
    assert held.over(limits) == []
    limits["sync statements"] += 1
    del limits["night messages"]
    assert held.over(limits) == ["sync statements: 26, at most 25", "night messages: not counted, at most 1"]
