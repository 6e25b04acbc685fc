"""How a report looks: HTML that mail programs show, the same as text, and its figures as rows.

Everything is made from what is kept of the report, whenever it is asked for, and looks the same each time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shared.flows.reports.charts import charts, named
from shared.foundation.csv_file import as_csv

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent
# In pixels, at most.
WIDTH = 600
# How the ledger's acts are called where nobody knows the ledger.
ACTS = {
    "create": "objects made",
    "update": "objects changed",
    "remove": "objects removed",
    "adopt": "objects found in place",
    "borrow": "objects of the customer's own, left as they are",
    "unseen": "objects not found at one check",
    "unsure": "list entries left, because their owner is unknown",
    "forget": "objects found gone",
    "ask": "steps asked of the administrator",
    "attest": "steps marked as done",
}


def html(content: Mapping[str, Any]) -> str:
    """A report as one HTML file, for a mail or by itself: it refers to nothing outside."""
    template = _environment().get_template("report.html")
    return template.render(**_told(content), charts=charts(content), width=WIDTH)


def text(content: Mapping[str, Any]) -> str:
    """A report as plain text."""
    return _environment().get_template("report.txt").render(**_told(content))


Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report: sentences, tables (the names of the columns, then the rows), and charts by name.

    `charted` are tables whose figures HTML shows as a chart.
    """

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table] = ()
    charts: Sequence[str] = ()
    charted: Sequence[Table] = ()


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
    sentences = [f"Messages scanned: {mail['looked_at']:,}; acted on: {mail['acted_on']:,}."]
    if mail["uninspected"]:
        sentences.append(f"Partially scanned: {mail['uninspected']:,}.")
    if not mail["actions"]:
        return Section(title="Mail", sentences=sentences, charts=("looked-at",))
    return Section(
        title="Mail",
        sentences=sentences,
        tables=[(("Action", "Times"), list(mail["actions"].items()))],
        charts=("looked-at", "acted-on", "policies"),
        charted=[(("Policy and action", "Times"), [(named(row), row["number"]) for row in mail["policies"]])],
    )


def _directory(content: Mapping[str, Any]) -> Section:
    syncs, held, changes = (content["directory"][name] for name in ("syncs", "held", "changes"))
    if not held:
        return Section(title="Directory", sentences=["There has been no sync yet."])
    rows = [(kind.capitalize(), held[kind], change["added"], change["removed"]) for kind, change in changes.items()]
    return Section(
        title="Directory",
        sentences=[f"Synchronisations: {syncs}."],
        tables=[(("Kind", "At the end", "Added", "Removed"), rows)],
        charts=("directory",),
    )


def _tenant(content: Mapping[str, Any]) -> Section:
    drift, done = (
        content["drift"],
        [(words.capitalize(), content["changes"].get(act, 0)) for act, words in ACTS.items()],
    )
    rows = [row for row in done if row[1]]
    sentences = [] if rows else ["We changed nothing."]
    found, repaired = drift["found"], drift["repaired"]
    sentences.append(
        f"Changes that others made to our objects: {found}; repaired: {repaired}."
        if found
        else "No drift: our objects are unchanged."
    )
    if drift["standing"]:
        sentences.append(f"Drift, as of now: {'; '.join(drift['standing'])}.")
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
    return Section(title="Health", sentences=sentences, tables=[(("What", "Number"), rows)])


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        finalize=lambda value: f"{value:,}" if isinstance(value, int) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


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
        totals = {"looked_at": "scanned", "acted_on": "acted on", "uninspected": "partially scanned"}
        lines += [("mail", title, "", mail[name]) for name, title in totals.items()]
        lines += [("mail", action, "", number) for action, number in mail["actions"].items()]
        lines += [("policy", named(row), "", row["number"]) for row in mail["policies"]]
        for step in mail["steps"]:
            lines.append(("mail", "scanned", step["step"], step["looked_at"]))
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
