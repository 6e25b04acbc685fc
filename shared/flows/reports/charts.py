"""Pictures of a report's figures, as PNG. Which there are is decided by what there is to see; all of it is also text.

The only place that knows the chart library. It is slow to import and draws for a while: never on the event loop.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In pixels as they are shown; they are drawn twice as fine, for fine screens.
WIDTH, HEIGHT = 600, 240
DOTS = 100
INK, SOFT, LINE = "#17202a", "#56626b", "#d8dee3"
# Told apart by people who see some colours alike, and by their lightness in print (after Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One picture: its name, a title, what it shows in words, and how it is drawn on axes."""

    name: str
    title: str
    alt: str
    draw: Callable[["Axes"], None]
    height: int = HEIGHT


def charts(content: Mapping[str, Any]) -> list[Chart]:
    """The pictures of a report; what came to nothing has none."""
    made = _of_mail(content["mail"], content["unit"]) if content["mail"] else []
    changes = content["directory"]["changes"] or {}
    if any(number for change in changes.values() for number in change.values()):
        made.append(_of_directory(changes))
    return made


def png(chart: Chart) -> bytes:
    """A picture, drawn."""
    # Each of its warnings would be a line of our log, and none is of use there.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.figure import Figure

    # A figure of its own has nothing to do with the library's global state, so that two may be drawn at once.
    figure = Figure(figsize=(WIDTH / DOTS, chart.height / DOTS), dpi=2 * DOTS, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(chart.title, x=0.005, ha="left", fontsize=10, color=INK, fontweight="bold")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(length=0, labelsize=8, colors=SOFT)
    axes.set_axisbelow(True)
    chart.draw(axes)
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _of_mail(mail: Mapping[str, Any], unit: str) -> list[Chart]:
    steps, policies = mail["steps"], mail["policies"]
    labels = [step["step"] for step in steps]
    made = []
    if mail["looked_at"]:
        looked = [step["looked_at"] for step in steps]
        made.append(
            Chart(
                name="looked-at", title=f"Messages looked at, by {unit}",
                alt=_most(labels, looked, "messages looked at"),
                draw=lambda axes: _standing(axes, labels, {"": looked}, f"{unit}s", "messages"),
            )
        )  # fmt: skip
    if mail["actions"]:
        series = {action: [step["actions"].get(action, 0) for step in steps] for action in mail["actions"]}
        sums = [sum(step["actions"].values()) for step in steps]
        made.append(
            Chart(
                name="acted-on", title=f"Actions, by {unit}", alt=_most(labels, sums, "actions"),
                draw=lambda axes: _standing(axes, labels, series, f"{unit}s", "actions"),
            )
        )  # fmt: skip
        names = [": ".join(filter(None, (row["policy"], row["action"]))) for row in policies]
        numbers = [row["number"] for row in policies]
        told = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=True))
        made.append(
            Chart(
                name="policies", title="Actions, by policy", alt=f"Bar chart. {told}.",
                draw=lambda axes: _lying(axes, names, {"": numbers}), height=90 + 24 * len(names),
            )
        )  # fmt: skip
    return made


def _of_directory(changes: Mapping[str, Mapping[str, int]]) -> Chart:
    kinds = list(changes)
    series = {way: [changes[kind][way] for kind in kinds] for way in ("added", "removed")}
    told = ", ".join(f"{kind} {changes[kind]['added']} added and {changes[kind]['removed']} removed" for kind in kinds)
    return Chart(
        name="directory", title="Directory: added and removed", alt=f"Bar chart. {told}.",
        draw=lambda axes: _lying(axes, kinds, series), height=210,
    )  # fmt: skip


def _most(labels: Sequence[str], numbers: Sequence[int], what: str) -> str:
    most = max(range(len(numbers)), key=numbers.__getitem__)
    return f"Bar chart. {sum(numbers)} {what} in all; most in {labels[most]}: {numbers[most]}."


def _standing(axes: "Axes", labels: Sequence[str], series: Mapping[str, Sequence[int]], across: str, up: str) -> None:
    """Bars over time, one series upon another."""
    from matplotlib.ticker import MaxNLocator

    places, below = range(len(labels)), [0] * len(labels)
    for number, (name, values) in enumerate(series.items()):
        axes.bar(places, values, 0.7, bottom=below, label=name, color=_colour(number), edgecolor="white", linewidth=0.5)
        below = [base + value for base, value in zip(below, values, strict=True)]
    # Every label of a week, every third hour or day: more would touch each other.
    apart = 1 if len(labels) <= 8 else 3
    axes.set_xticks(places[::apart], labels[::apart])
    axes.set_xlabel(across, fontsize=8, color=SOFT)
    axes.set_ylabel(up, fontsize=8, color=SOFT)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    _legend(axes, len(series))


def _lying(axes: "Axes", labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> None:
    """Bars side by side, with their numbers; the first on top."""
    thick = 0.75 / len(series)
    for number, (name, values) in enumerate(series.items()):
        places = [place + (number - (len(series) - 1) / 2) * thick for place in range(len(labels))]
        bars = axes.barh(places, values, thick, label=name, color=_colour(number), edgecolor="white", linewidth=0.5)
        axes.bar_label(bars, [f"{value:,}" for value in values], padding=3, fontsize=8, color=INK)
    axes.set_yticks(range(len(labels)), [label if len(label) <= 40 else label[:39] + "…" for label in labels])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_color(SOFT)
    axes.margins(x=0.12)
    _legend(axes, len(series))


def _legend(axes: "Axes", series: int) -> None:
    if series > 1:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=series, frameon=False, fontsize=8, labelcolor=INK,
            borderaxespad=0.2, handlelength=1, handleheight=1,
        )  # fmt: skip


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
