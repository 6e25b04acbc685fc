"""The table of `make bench`: a goal is reached from its own side, and what was not measured is not called reached."""

import json

import pytest

from infra.local.bench.measures import FIGURES, MEASURES, Measure, kept, rows

HIGH = Measure("Rate", 40, "times", why="Because.")
LOW = Measure("Time", 0.8, "s", high=False, why="Because.")
OPEN = Measure("Limit", None, "times")


@pytest.mark.parametrize(
    ("measure", "figure", "told"),
    [
        (HIGH, 41.2, ("≥ 40 times", "41 times", "yes")),
        (HIGH, 40, ("≥ 40 times", "40 times", "yes")),
        (HIGH, 3.456, ("≥ 40 times", "3.46 times", "no. Because.")),
        (LOW, 0.5, ("≤ 0.8 s", "0.50 s", "yes")),
        (LOW, 0.8, ("≤ 0.8 s", "0.80 s", "yes")),
        (LOW, 1.9, ("≤ 0.8 s", "1.90 s", "no. Because.")),
        (OPEN, 0.25, ("", "0.25 times", "")),
        (HIGH, None, ("≥ 40 times", "not measured", "")),
    ],
)
def test_a_figure_is_held_to_its_goal(measure: Measure, figure: float | None, told: tuple[str, str, str]) -> None:
    assert measure.told(figure) == told


def test_every_measure_has_its_row() -> None:
    assert [row[0] for row in rows({})] == [one.title for one in MEASURES.values()]
    assert {row[2] for row in rows({})} == {"not measured"}


def test_a_run_keeps_what_it_left_out_without_a_figure() -> None:
    written = json.loads(kept({"form": "short"}, {"statements": 25.0}))
    assert written["form"] == "short"
    assert written["measures"]["statements"] == {"goal": 25, "figure": 25.0, "reached": True}
    assert written["measures"]["night"] == {"goal": 10_000, "figure": None, "reached": None}


def test_what_is_kept_came_from_a_whole_or_short_run() -> None:
    run = json.loads(FIGURES.read_text())
    assert run["form"] in {"short", "whole"}
    figures = {key: one["figure"] for key, one in run["measures"].items()}
    # A measure that came after the run has no entry in it.
    again = json.loads(kept({}, figures))["measures"]
    assert run["measures"] == {key: again[key] for key in run["measures"]}
