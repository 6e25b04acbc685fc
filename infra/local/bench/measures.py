"""What `make bench` measures, with its goals; and the figures of its last run, as docs/performance.md prints them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.markdown import table

FIGURES = Path(__file__).parents[3] / "docs" / "performance.json"


@dataclass(frozen=True)
class Measure:
    """A row of the table: `goal` is the least where a figure is to be high, else the most."""

    title: str
    goal: float | None
    unit: str
    high: bool = True
    why: str = ""
    """What profiling showed, where the goal is not reached."""

    def reached(self, figure: float | None) -> bool | None:
        """Whether the goal is reached; None without a goal or a figure."""
        if figure is None or self.goal is None:
            return None
        return figure >= self.goal if self.high else figure <= self.goal

    def told(self, figure: float | None) -> tuple[str, str, str]:
        """The goal, the figure, and whether it is reached; if not, why."""
        sign = "≥" if self.high else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:,g} {self.unit}".strip()
        if figure is None:
            return goal, "not measured", ""
        told = f"{figure:,.2f}" if figure < 10 else f"{figure:,.0f}"
        reached = {None: "", True: "yes", False: f"no. {self.why}".strip()}[self.reached(figure)]
        return goal, f"{told} {self.unit}".strip(), reached


MEASURES: Mapping[str, Measure] = {
    "import": Measure("Importing `function_app`, against `azure.functions`", 1.1, "times", high=False),
    "first-answer": Measure("First answer from the database, against `azure.functions`", 2.5, "times", high=False),
    "graph_sdk": Measure("Microsoft, whole: users a CPU second, against msgraph-sdk and ORM", 400, "times"),
    "httpx_orm": Measure("Microsoft, whole: against httpx, json and ORM", 40, "times"),
    "microsoft-limit": Measure("Microsoft, whole: against httpx and json that keep nothing", None, "times"),
    "google_client": Measure(
        "Google, whole: against google-api-python-client and ORM",
        25,
        "times",
        why="Ours lists groups with their members and domains too, a call for each group; the peer reads users alone.",
    ),
    "google-unchanged": Measure(
        "Google, unchanged: against a whole synchronisation",
        5,
        "times",
        why="There is no delta, so every page is read and compared; a call for each group is the same in both.",
    ),
    "statements": Measure("Microsoft, unchanged, the whole job: statements", 25, "", high=False),
    "job-wall": Measure("Microsoft, unchanged, the whole job: at 100 ms a call", 0.8, "s", high=False),
    "job-core": Measure(
        "Microsoft, unchanged, the whole job: CPU",
        30,
        "ms",
        high=False,
        why="Twenty calls by httpx and 25 statements by SQLAlchemy take two thirds, the model of the mail flow most of "
        "the rest.",
    ),
    "tokens": Measure(
        "Tokens a CPU second, against msal in 32 threads",
        4.5,
        "times",
        why="A renewal is a job with lease, fence, kill switch and sealed storage: nine statements, each about a "
        "millisecond of SQLAlchemy and the driver. msal here only asks and keeps nothing.",
    ),
    "newsletter": Measure("Messages inspected a CPU second, newsletter of 84 kB with 400 links", 200, "", high=True),
    "memory": Measure("Peak memory, a directory of 20,000 users against a small one", 1.03, "times", high=False),
    "home-500": Measure("First byte of home with 500 connections, against a static file", None, "times"),
    "home-10000": Measure("First byte of home with 10,000 connections, against a static file", None, "times"),
    "list-500": Measure("First byte of the list with 500 connections, against a static file", None, "times"),
    "list-10000": Measure("First byte of the list with 10,000 connections, against a static file", None, "times"),
    "night": Measure("Messages of a night at one site, 10,000 connections", 10_000, "", high=False),
}


def rows(figures: Mapping[str, float]) -> list[tuple[str, str, str, str]]:
    """The table's rows."""
    return [(one.title, *one.told(figures.get(key))) for key, one in MEASURES.items()]


HEADS = ("Measure", "Goal", "Figure", "Reached")


def kept(run: Mapping[str, Any], figures: Mapping[str, float]) -> str:
    """What a run writes to FIGURES: how it was made, and each measure's goal, figure and whether it is reached.

    A measure that the run left out has no figure.
    """
    told = {
        key: {"goal": one.goal, "figure": figures.get(key), "reached": one.reached(figures.get(key))}
        for key, one in MEASURES.items()
    }
    return json.dumps({**run, "measures": told}, indent=2) + "\n"


def printed() -> str:
    """The last run that was kept, for docs/performance.md."""
    run: Mapping[str, Any] = json.loads(FIGURES.read_text())
    figures = {key: one["figure"] for key, one in run["measures"].items()}
    made = f"A {run['form']} run at commit `{run['commit'][:12]}`, in {run['seconds']} seconds on {run['cores']} cores"
    load = f"{made}, with a load of {run['load']} when it began."
    return "\n".join([load, "", *table(HEADS, rows(figures))])
