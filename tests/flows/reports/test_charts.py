"""Charts are tables that everybody can read."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest

from shared.flows.reports import rendering
from shared.flows.reports.charts import charts
from tests.flows.reports.steps import ROOT

ACTIONS = {"label": 3, "spam": 1, "quarantine": 2, "trash": 1, "banner": 4, "release": 1}


def report(steps: int, unit: str) -> dict[str, Any]:
    """The content of a report with as much in it as there can be."""
    return {
        "title": "Monthly report",
        "name": "monthly",
        "unit": unit,
        "zone": "Europe/Berlin",
        "needs": [],
        "changes": {},
        "begins": "2026-10-31T23:00:00+00:00",
        "ends": "2026-11-30T23:00:00+00:00",
        "made_at": "2026-12-01T00:30:00+00:00",
        "connection": {"name": "Contoso", "platform": "Microsoft 365", "site": "eu"},
        "mail": {
            "looked_at": 9_000,
            "acted_on": 1,
            "uninspected": 0,
            "actions": ACTIONS,
            "steps": [{"step": f"{n:02}", "looked_at": 300 * n, "actions": ACTIONS if n else {}} for n in range(steps)],
            "policies": [{"policy": "a" * 64, "action": "label", "number": n} for n in range(10, 0, -1)],
        },
        "directory": {
            "syncs": 1,
            "held": {"users": 5},
            "changes": {"users": {"added": 1, "removed": 0}},
        },
        "drift": {"found": 0, "repaired": 0, "standing": []},
        "calls": None,
        "watches": None,
        "tokens": {"kept": 1, "expired": 0, "renewed_at": None},
    }


class Page(HTMLParser):
    """What a page is made of: (tag, attributes) in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One tag."""
        self.tags.append((tag, dict(attrs)))

    def bars(self) -> list[dict[str, str | None]]:
        """The bars, as long as they are: no table of the layout has a width with a decimal."""
        tables = [attributes for tag, attributes in self.tags if tag == "table"]
        return [table for table in tables if re.fullmatch(r"[\d]+\.\d%", str(table.get("width")))]


@pytest.mark.parametrize(("steps", "unit"), [(7, "day"), (31, "day"), (25, "hour")])
def test_a_bar_is_as_long_as_its_number_and_stands_beside_it(steps: int, unit: str) -> None:
    content = report(steps, unit)
    found = charts(content)
    assert list(found) == ["looked-at", "acted-on", "policies", "directory"]
    looked, acted = found["looked-at"], found["acted-on"]
    assert [bar.number for bar in looked.bars] == [300 * n for n in range(steps)]
    assert [bar.percent for bar in looked.bars] == [
        pytest.approx(max(1, 100 * n / (steps - 1)) if n else 0, abs=0.1) for n in range(steps)
    ]
    assert looked.summary.endswith(f"most in {steps - 1:02}: {300 * (steps - 1):,}.")
    shown = [(bar.number, len(bar.parts), bar.percent) for bar in acted.bars]
    assert shown == [(0, 0, 0), *[(12, 6, 100)] * (steps - 1)]
    assert acted.bars[1].told == "label 3, spam 1, quarantine 2, trash 1, banner 4, release 1"
    for chart in found.values():
        for bar in chart.bars:
            assert not bar.parts or sum(part.percent for part in bar.parts) == pytest.approx(100, abs=0.5)
    assert charts({**content, "mail": None, "directory": {"changes": None}}) == {}


def test_mail_programs_show_the_charts_and_everybody_can_read_them() -> None:
    html = rendering.html(report(31, "day"))
    # Gmail shows about as much of a mail, and hides the rest behind a link.
    assert len(html.encode()) < 100_000
    page = Page(html)
    cells = [attributes for tag, attributes in page.tags if tag == "td" and attributes.get("width")]
    assert len(cells) == 30 + 30 * 6 + 10 + 1
    for cell in cells:
        # For Outlook the attribute, for the others the style.
        assert f"background:{cell['bgcolor']}" in str(cell["style"])
    bars = page.bars()
    assert len(bars) == 30 + 30 + 10 + 1
    assert {bar["role"] for bar in bars} == {"img", "presentation"}
    assert all(bar.get("aria-label") for bar in bars if bar["role"] == "img")
    # Each line has a name and a number, as text.
    assert len(re.findall('<th class="ink" scope="row"', html)) == 31 + 31 + 10 + 2
    assert html.count("<caption") == 4


def test_a_report_can_be_read_in_the_dark() -> None:
    html = rendering.html(report(7, "day"))
    dark = html.partition("prefers-color-scheme: dark")[2].partition("</style>")[0]
    classes = {"color:#17202a": "ink", "color:#56626b": "soft", "solid #d8dee3": "line", "background:#ffffff": "page"}
    for name in (*classes.values(), "needs", "fine"):
        assert f".{name} {{" in dark
    for tag, attributes in Page(html).tags:
        for light, name in classes.items():
            if light in str(attributes.get("style")):
                assert name in str(attributes.get("class")).split(), (tag, attributes)


def test_reports_import_no_mail_before_one_is_sent() -> None:
    code = "import sys, shared.flows.jobs, shared.flows.reports.rendering; print('smtplib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.split() == [b"False"]
