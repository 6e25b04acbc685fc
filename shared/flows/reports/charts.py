"""Charts of a report's figures: bars of table cells, which mail programs show as browsers do.

Mail programs strip style sheets, scripts and SVG, and often hide pictures; they keep a cell's width and background
(https://www.caniemail.com). Each bar stands beside its number, so nothing depends on seeing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Told apart by people who see some colours alike, on light and on dark (after Okabe and Ito,
# https://jfly.uni-koeln.de/color/).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a bar, in one colour: how many percent of the bar it is."""

    colour: str
    percent: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line: how many percent of the longest bar it is, and what its parts are in words, if it has several."""

    label: str
    number: int
    percent: float
    parts: Sequence[Part]
    told: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A title, a sentence with what it shows, the names of its two columns, its bars, and what each colour means."""

    name: str
    title: str
    summary: str
    columns: tuple[str, str]
    bars: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()
    """(name, colour), if there are several."""


def charts(content: Mapping[str, Any]) -> dict[str, Chart]:
    """A report's charts by name; what came to nothing has none."""
    found = _of_mail(content["mail"], content["unit"]) if content["mail"] else []
    changes = content["directory"]["changes"] or {}
    if any(number for change in changes.values() for number in change.values()):
        found.append(_of_directory(changes))
    return {chart.name: chart for chart in found}


def _of_mail(mail: Mapping[str, Any], unit: str) -> list[Chart]:
    steps, policies = mail["steps"], mail["policies"]
    labels = [step["step"] for step in steps]
    found = []
    if mail["looked_at"]:
        looked = [step["looked_at"] for step in steps]
        found.append(
            Chart(
                name="looked-at",
                title=f"Messages scanned, by {unit}",
                summary=_most(labels, looked, "messages scanned"),
                columns=(unit.capitalize(), "Messages"),
                bars=_bars(labels, {"": looked}),
            )
        )
    if mail["actions"]:
        series = {action: [step["actions"].get(action, 0) for step in steps] for action in mail["actions"]}
        sums = [sum(step["actions"].values()) for step in steps]
        found.append(
            Chart(
                name="acted-on",
                title=f"Actions, by {unit}",
                summary=_most(labels, sums, "actions"),
                columns=(unit.capitalize(), "Actions"),
                bars=_bars(labels, series),
                legend=[(name, _colour(place)) for place, name in enumerate(series)] if len(series) > 1 else (),
            )
        )
        found.append(
            Chart(
                name="policies",
                title="Actions, by policy",
                summary="",
                columns=("Policy and action", "Times"),
                bars=_bars([named(row) for row in policies], {"": [row["number"] for row in policies]}),
            )
        )
    return found


def _of_directory(changes: Mapping[str, Mapping[str, int]]) -> Chart:
    ways = ("added", "removed")
    labels = [f"{kind.capitalize()} {way}" for kind in changes for way in ways]
    series = {way: [changes[kind][each] if each == way else 0 for kind in changes for each in ways] for way in ways}
    return Chart(
        name="directory",
        title="Directory: added and removed",
        summary="",
        columns=("Change", "Number"),
        bars=_bars(labels, series),
    )


def named(row: Mapping[str, Any]) -> str:
    """A policy and what it did."""
    return ": ".join(filter(None, (row["policy"], row["action"])))


def _most(labels: Sequence[str], numbers: Sequence[int], what: str) -> str:
    most = max(range(len(numbers)), key=numbers.__getitem__)
    return f"{sum(numbers):,} {what} in all; most in {labels[most]}: {numbers[most]:,}."


def _bars(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> list[Bar]:
    """A bar for each label, of one part for each series that has something there."""
    rows = list(zip(*series.values(), strict=True))
    longest = max(map(sum, rows), default=0)
    return [_bar(label, dict(zip(series, row, strict=True)), longest) for label, row in zip(labels, rows, strict=True)]


def _bar(label: str, numbers: Mapping[str, int], longest: int) -> Bar:
    total = sum(numbers.values())
    there = [(place, name, number) for place, (name, number) in enumerate(numbers.items()) if number]
    return Bar(
        label=label,
        number=total,
        # What is not nothing is seen.
        percent=max(1.0, round(100 * total / longest, 1)) if total else 0,
        parts=[Part(colour=_colour(place), percent=round(100 * number / total, 1)) for place, _, number in there],
        told=", ".join(f"{name} {number:,}" for _, name, number in there) if len(there) > 1 else "",
    )


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]
