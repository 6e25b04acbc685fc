"""What `make bench` measures, with its goals; and the figures of its runs, as docs/performance.md prints them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.markdown import table

FIGURES = Path(__file__).parents[3] / "docs" / "performance.json"


@dataclass(frozen=True)
class Measure:
    """A row of the table: `goal` is the least where a figure is to be high, else the most; None where none is set."""

    title: str
    goal: float | None
    unit: str
    high: bool = True
    why: str = ""
    """What profiling showed, where the goal is not reached; or why there is no figure."""

    def reached(self, figure: float | None) -> bool | None:
        """Whether the goal is reached; None without a goal or a figure."""
        if figure is None or self.goal is None:
            return None
        return figure >= self.goal if self.high else figure <= self.goal

    def told(self, figure: float | None) -> tuple[str, str, str]:
        """The goal, the figure, and whether it is reached; if not, why."""
        sign = "≥" if self.high else "≤"
        least = None if self.goal is None else f"{self.goal:,.2f}".rstrip("0").rstrip(".")
        goal = "" if least is None else f"{sign} {least} {self.unit}".strip()
        reached = {None: "", True: "yes", False: "no. "}[self.reached(figure)]
        return goal, self.shown(figure), reached if reached == "yes" else f"{reached}{self.why}".strip()

    def shown(self, figure: float | None) -> str:
        """A figure with its unit."""
        if figure is None:
            return "not measured"
        return f"{f'{figure:,.2f}' if figure < 10 else f'{figure:,.0f}'} {self.unit}".strip()


MEASURES: Mapping[str, Measure] = {
    "import": Measure(
        "Importing `function_app`, against `azure.functions`",
        1.1,
        "times",
        high=False,
        why="Eleven milliseconds, a hundredth above the goal in this run: the functions are declared one by one.",
    ),
    "first-answer": Measure(
        "First answer from the database, against `azure.functions`",
        2.5,
        "times",
        high=False,
        why="The limit is azure.functions with SQLAlchemy, its driver and one row. Of the imports SQLAlchemy "
        "takes a quarter, our own modules another, the settings and the keys a tenth.",
    ),
    "graph_sdk": Measure(
        "Microsoft, whole: users a CPU second, against msgraph-sdk and ORM",
        400,
        "times",
        why="The limit reads the same pages by httpx and json and keeps nothing: no store at all would not reach it.",
    ),
    "httpx_orm": Measure(
        "Microsoft, whole: against httpx, json and ORM",
        40,
        "times",
        why="The limit reads the same pages by httpx and json and keeps nothing: no store at all would not reach it.",
    ),
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
    "fleet": Measure(
        "Jobs a second at 100 ms a call, 100 at once against one at a time",
        40,
        "times",
        why="One at a time a job takes half a second, for its calls go side by side. A hundred at once are "
        "held by one core, at the CPU of a job.",
    ),
    "tokens": Measure(
        "Tokens a CPU second, against msal in 32 threads",
        4.5,
        "times",
        why="One message renews those of fifty connections in eight statements. What is left is msal and httpx, whose "
        "requests alone are the limit; the peer is the same msal with requests, which take less than httpx.",
    ),
    "pushes": Measure(
        "Pushes of Gmail accepted by one process, a core",
        1000,
        "a second",
        why="`tests/storage/test_pushes.py` holds the statement to its index, whatever the number of mailboxes.",
    ),
    "memory-microsoft365": Measure(
        "Peak memory, Microsoft 365, 100,000 users against 1,000", 1.03, "times", high=False
    ),
    "memory-google": Measure(
        "Peak memory, Google, 100,000 users against 1,000",
        1.03,
        "times",
        high=False,
        why="It grows by one hundredth to 5,000 users and by three more to 100,000: it levels off.",
    ),
    "newsletter": Measure(
        "Messages inspected a CPU second, newsletter of 84 kB with 400 links",
        200,
        "",
        why="Two thirds are the reader's walk over the page's 800 tags, one after the other.",
    ),
    "home-500": Measure("First byte of home with 500 connections, against a static file", None, "times"),
    "home-10000": Measure("First byte of home with 10,000 connections, against a static file", None, "times"),
    "list-500": Measure("First byte of the list with 500 connections, against a static file", None, "times"),
    "list-10000": Measure("First byte of the list with 10,000 connections, against a static file", None, "times"),
    "night": Measure("Messages of a night at one site, 10,000 connections", 10_000, "", high=False),
    "day": Measure(
        "CPU of a connection and day without `check`, against a renewal and a report of its own each hour",
        1 / 3,
        "times",
        high=False,
        why="The night's synchronisation is the same in both.",
    ),
}

HEADS = ("Measure", "Goal", "Figure", "Limit", "Commit", "Reached")
Told = Mapping[str, Any]


def rows(measures: Mapping[str, Told]) -> list[tuple[str, ...]]:
    """The table's rows; `measures` as they are kept, without those that no run has measured."""
    listed = list[tuple[str, ...]]()
    for key, one in MEASURES.items():
        told = measures.get(key, {})
        goal, figure, reached = one.told(told.get("figure"))
        limit = told.get("limit")
        commit = f"`{told['commit'][:12]}`" if told.get("commit") else ""
        listed.append((one.title, goal, figure, one.shown(limit) if limit is not None else "", commit, reached))
    return listed


def kept(run: Told, figures: Mapping[str, float], before: Mapping[str, Told]) -> dict[str, Any]:
    """What is written to FIGURES: how a run was made, and each measure's goal, figure, limit and commit.

    What a run left out is as the one before had it.
    """
    told = {key: dict(before[key]) for key in MEASURES if key in before}
    for key, one in MEASURES.items():
        if key in figures:
            figure, limit = figures[key], figures.get(f"{key}-limit")
            told[key] = {"goal": one.goal, "figure": figure, "limit": limit, "reached": one.reached(figure)}
            told[key] |= {"commit": run["commit"]}
    return {**run, "measures": told}


def last() -> dict[str, Any]:
    """The figures as they were kept last."""
    found: dict[str, Any] = json.loads(FIGURES.read_text())
    return found


def printed() -> str:
    """The last run that was kept, for docs/performance.md."""
    run = last()
    made = f"A {run['form']} run at commit `{run['commit'][:12]}`, in {run['seconds']} seconds on {run['cores']} cores"
    load = f"{made}, with a load of {run['load']} when it began."
    return "\n".join([load, "", *table(HEADS, rows(run["measures"]))])
