"""Prints the published table into the README, from the catalogues: `python -m infra.local.printed_tables`."""

from pathlib import Path

from shared.engine.rows import Activity, ByAdministrator, Change, OnDemand, Published, Row, Sighting, Stage
from shared.foundation.settings import Google
from shared.platforms.google_workspace import catalogue as google
from shared.platforms.google_workspace import published as google_published
from shared.platforms.microsoft365 import catalogue as microsoft365
from shared.platforms.microsoft365 import published as microsoft365_published

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- printed from the catalogue: begin -->", "<!-- printed from the catalogue: end -->"


async def _nobody(_tenant: object, _identity: str | None) -> Sighting:
    raise NotImplementedError("a table is printed without a tenant")


def catalogues() -> dict[str, tuple[tuple[Row, ...], tuple[Published, ...]]]:
    """Each platform's rows and published lines, by its title."""
    return {
        "Microsoft 365": (microsoft365.rows(_nobody), microsoft365_published.PUBLISHED),
        "Gmail": (google.rows(Google(marketplace_app="any")), google_published.PUBLISHED),
    }


def table() -> str:
    """The published tables, each line with the rows of the catalogue that account for it."""
    lines = []
    for title, (rows, published) in catalogues().items():
        lines += [f"### {title}", "", "| Stage | Published | Carried out as |", "|---|---|---|"]
        for line in published:
            claiming = [_named(row) for row in rows if line.id in row.claims]
            lines.append(f"| {line.stage.title} | {line.text} | {'<br>'.join(claiming)} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _named(row: Row) -> str:
    match row:
        case Change(kept_for=kept) if kept and row.removed_in in (Stage.REVOKE, Stage.CLEANUP):
            return f"{row.title} (outlives what it serves by {int(kept.total_seconds() // 3600)} h)"
        case Activity():
            return f"{row.title}, {row.when}"
        case Change(offered=True):
            return f"{row.title} (stays, as published; its removal is offered)"
        case ByAdministrator(kept_for=kept):
            last = f"; outlives what it serves by {int(kept.total_seconds() // 3600)} h" if kept else ""
            return f"{row.title} (by the administrator{last})"
        case OnDemand():
            return f"{row.title} (when first needed)"
    return row.title


def printed(readme: str) -> str:
    """The README with the table as the catalogue has it now."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(printed(README.read_text()))
