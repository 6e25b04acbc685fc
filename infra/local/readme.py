"""Prints the published table into the README, from the catalogues: `python -m infra.local.readme`."""

from pathlib import Path

from shared.certificate import title_of
from shared.lifecycle import Activity, ByAdministrator, Change, Row, Stage
from shared.microsoft365.catalogue import rows
from shared.microsoft365.published import PUBLISHED

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- printed from the catalogue: begin -->", "<!-- printed from the catalogue: end -->"


async def _nobody(_tenant: object) -> bool:
    raise NotImplementedError("a table is printed without a tenant")


def table() -> str:
    """The published table for Microsoft 365, each line with the rows of the catalogue that account for it."""
    catalogue = rows(_nobody)
    lines = ["| Stage | Published | Carried out as |", "|---|---|---|"]
    for line in PUBLISHED:
        claiming = [_named(row) for row in catalogue if line.id in row.claims]
        lines.append(f"| {title_of(line.stage)} | {line.text} | {'<br>'.join(claiming)} |")
    return "\n".join(lines)


def _named(row: Row) -> str:
    match row:
        case Change(kept_for=kept) if kept and row.removed_in in (Stage.REVOKE, Stage.CLEANUP):
            return f"{row.title} (outlives what it serves by {int(kept.total_seconds() // 3600)} h)"
        case Activity():
            return f"{row.title}, {row.when}"
        case ByAdministrator():
            return f"{row.title} (by the administrator, verified by machine)"
    return row.title


def printed(readme: str) -> str:
    """The README with the table as the catalogue has it now."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(printed(README.read_text()))
