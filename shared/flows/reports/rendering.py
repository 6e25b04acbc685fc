"""How a report looks: HTML that mail programs show, the same as text, and its figures as rows.

Everything is made from what is kept of the report, whenever it is asked for, and looks the same each time. It draws,
so it is called in a thread.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shared.flows.reports.charts import WIDTH, Chart, charts, png
from shared.foundation.csv_file import as_csv

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent
# How the ledger's acts are called where nobody knows the ledger.
ACTS = {
    "create": "objects made",
    "update": "objects changed",
    "remove": "objects removed",
    "adopt": "objects found in place",
    "borrow": "objects of the customer's own, left as they are",
    "forget": "objects found gone",
    "ask": "steps asked of the administrator",
    "attest": "steps said to be done",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report for mail: `images` are (name, PNG), which the HTML shows by `cid:` and the name."""

    html: str
    text: str
    images: tuple[tuple[str, bytes], ...]


def of_mail(content: Mapping[str, Any]) -> Page:
    """A report as its mail shows it."""
    drawn = charts(content)
    return Page(
        html=_html(content, drawn, lambda chart: f"cid:{chart.name}"),
        text=_environment().get_template("report.txt").render(**_told(content)),
        images=tuple((chart.name, png(chart)) for chart in drawn),
    )


def alone(content: Mapping[str, Any]) -> str:
    """A report as one HTML file, its pictures inside."""
    return _html(content, charts(content), lambda chart: f"data:image/png;base64,{b64encode(png(chart)).decode()}")


def _html(content: Mapping[str, Any], drawn: list[Chart], source: Callable[[Chart], str]) -> str:
    pictures = {chart.name: {"src": source(chart), "alt": f"{chart.title}. {chart.alt}"} for chart in drawn}
    return _environment().get_template("report.html").render(**_told(content), pictures=pictures, width=WIDTH)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report: sentences, tables (the names of the columns, then the rows), and pictures by name."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[tuple[Sequence[str], Sequence[Sequence[Any]]]] = ()
    pictures: Sequence[str] = ()


def _told(content: Mapping[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(content["zone"])

    def moment(text: str) -> str:
        return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M %Z}"

    sections = [_mail(content), _directory(content), _tenant(content), _health(content, moment)]
    return {"r": content, "sections": sections, "span": f"{moment(content['begins'])} to {moment(content['ends'])}"}


def _mail(content: Mapping[str, Any]) -> Section:
    mail = content["mail"]
    if not mail:
        return Section(title="Mail", sentences=[content["no_mail"]])
    sentences = [f"Messages looked at: {mail['looked_at']:,}; acted on: {mail['acted_on']:,}."]
    if mail["uninspected"]:
        sentences.append(f"Not looked into as far as a policy asks: {mail['uninspected']:,}.")
    tables = [
        (("Action", "Times"), list(mail["actions"].items())),
        (("Policy and action", "Times"), [(named(row), row["number"]) for row in mail["policies"]]),
    ]
    return Section(
        title="Mail", sentences=sentences, tables=tables if mail["actions"] else (),
        pictures=("looked-at", "acted-on", "policies"),
    )  # fmt: skip


def _directory(content: Mapping[str, Any]) -> Section:
    syncs, held, changes = (content["directory"][name] for name in ("syncs", "held", "changes"))
    if not held:
        return Section(title="Directory", sentences=["It was not synchronised yet."])
    rows = [(kind.capitalize(), held[kind], change["added"], change["removed"]) for kind, change in changes.items()]
    return Section(
        title="Directory", sentences=[f"Synchronisations: {syncs}."],
        tables=[(("Kind", "At the end", "Added", "Removed"), rows)], pictures=("directory",),
    )  # fmt: skip


def _tenant(content: Mapping[str, Any]) -> Section:
    drift, done = (
        content["drift"],
        [(words.capitalize(), content["changes"].get(act, 0)) for act, words in ACTS.items()],
    )
    rows = [row for row in done if row[1]]
    sentences = [] if rows else ["We changed nothing."]
    found, repaired = drift["found"], drift["repaired"]
    sentences.append(
        f"Changes that others made to our objects: {found}; put right by now: {repaired}."
        if found
        else "Nobody else changed our objects."
    )
    if drift["standing"]:
        sentences.append(f"Not as we made it, as of now: {'; '.join(drift['standing'])}.")
    return Section(title="In the tenant", sentences=sentences, tables=[(("What", "Times"), rows)] if rows else ())


def _health(content: Mapping[str, Any], moment: Callable[[str], str]) -> Section:
    tokens, watches, calls = content["tokens"], content["watches"], content["calls"]
    sentences = [f"As it was at {moment(content['made_at'])}."]
    if tokens["renewed_at"]:
        sentences.append(f"Access tokens were last renewed at {moment(tokens['renewed_at'])}.")
    rows = [("Access tokens kept", tokens["kept"]), ("Access tokens that have run out", tokens["expired"])]
    if watches:
        rows += [("Mailboxes", watches["mailboxes"]), ("Mailboxes that are watched", watches["watched"])]
        rows.append(("Mailboxes put aside after a failure", watches["put_aside"]))
    if calls:
        rows += [("Calls made in this time", calls["made"]), ("Calls that failed", calls["failed"])]
    return Section(
        title="Health", sentences=sentences, tables=[(("What", "Number"), rows)],
    )  # fmt: skip


def named(row: Mapping[str, Any]) -> str:
    """A policy and what it did."""
    return ": ".join(filter(None, (row["policy"], row["action"])))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(("html",)), undefined=StrictUndefined,
        finalize=lambda value: f"{value:,}" if isinstance(value, int) else value,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip


def figures(content: Mapping[str, Any]) -> str:
    """A report's figures as CSV, one to a line: section, what is counted, in which hour or on which day, number."""
    return as_csv(
        [
            {"section": section, "what": what, "when": when, "number": number}
            for section, what, when, number in _lines(content)
        ]
    )


def _lines(content: Mapping[str, Any]) -> list[tuple[str, str, str, int]]:
    lines: list[tuple[str, str, str, int]] = []
    mail, directory = content["mail"], content["directory"]
    if mail:
        totals = ("looked_at", "acted_on", "uninspected")
        lines += [("mail", name.replace("_", " "), "", mail[name]) for name in totals]
        lines += [("mail", action, "", number) for action, number in mail["actions"].items()]
        lines += [("policy", named(row), "", row["number"]) for row in mail["policies"]]
        for step in mail["steps"]:
            lines.append(("mail", "looked at", step["step"], step["looked_at"]))
            lines += [("mail", action, step["step"], number) for action, number in step["actions"].items()]
    lines.append(("directory", "synchronisations", "", directory["syncs"]))
    lines += [("directory", kind, "", number) for kind, number in (directory["held"] or {}).items()]
    for kind, change in (directory["changes"] or {}).items():
        lines += [("directory", f"{kind} {way}", "", number) for way, number in change.items()]
    lines += [
        ("tenant", words, "", content["changes"][act]) for act, words in ACTS.items() if act in content["changes"]
    ]
    lines += [("drift", name, "", content["drift"][name]) for name in ("found", "repaired")]
    lines.append(("drift", "standing", "", len(content["drift"]["standing"])))
    for section in ("tokens", "watches", "calls"):
        numbers = content[section] or {}
        lines += [(section, name.replace("_", " "), "", n) for name, n in numbers.items() if isinstance(n, int)]
    return lines
