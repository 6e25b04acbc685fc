"""What the documents show of our rights in a tenant: each permission with its use, and the role group's commands."""

from collections.abc import Iterator, Mapping, Sequence

from shared.engine.rows import Row
from shared.platforms.contract import Permission
from shared.platforms.google_workspace.scopes import PERMISSIONS as GOOGLE
from shared.platforms.microsoft365.consent import PERMISSIONS as MICROSOFT
from shared.platforms.microsoft365.exchange_role import commands

ASKED: Mapping[str, Sequence[Permission]] = {"Microsoft 365": MICROSOFT, "Gmail": GOOGLE}


def permissions(catalogues: Mapping[str, Sequence[Row]]) -> str:
    """Each permission of each platform: what it is for, which rows could not be without it, and what breaks."""
    return "\n".join(line for title, rows in catalogues.items() for line in _of(title, ASKED[title], rows)).rstrip()


def _of(title: str, asked: Sequence[Permission], rows: Sequence[Row]) -> Iterator[str]:
    yield from (f"### {title}", "", "| Permission | Asked for | Used by | Without it | Why no narrower one |")
    yield "| --- | --- | --- | --- | --- |"
    for one in asked:
        used = "<br>".join(row.title for row in rows if one.name in row.permissions)
        yield f"| `{one.name}` | {one.why} | {used} | {one.without} | {one.narrower or 'it is the narrowest'} |"
    yield ""


def role_group() -> str:
    """The commands that make a role group of Exchange with just the cmdlets that are used, and that remove it."""
    making, removing = commands("Footprint")
    return f"```powershell\n{making}\n```\n\nAnd before the application is removed:\n\n```powershell\n{removing}\n```"
