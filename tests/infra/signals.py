"""The alerts that both clouds are given, and whether one fires on the numbers as they are."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SIGNALS = json.loads((Path(__file__).parents[2] / "infra" / "signals.json").read_text())
ALERTS: dict[str, dict[str, Any]] = {alert["name"]: alert for alert in SIGNALS["alerts"]}


class Number(NamedTuple):
    """One number, as it was scraped or logged."""

    metric: str
    labels: Mapping[str, str]
    value: float


def fires(name: str, numbers: Iterable[Number]) -> bool:
    """Whether an alert fires: one number of its metric and labels is above its threshold. As both clouds ask."""
    alert = ALERTS[name]
    return any(
        one.metric == alert["metric"]
        and one.value > alert["above"]
        and all(one.labels[label] in values for label, values in alert["labels"].items())
        for one in numbers
    )
