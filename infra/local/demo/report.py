"""The demo's weekly report: made by itself when the week has ended, and kept to be looked at."""

import asyncio
from pathlib import Path
from typing import Any

from infra.local.demo.story import Life

# Where the demo leaves what is worth a look.
KEPT = Path(".local")
# What the story has acted on by then: one labelled, one taken into quarantine.
ACTED_ON = 2


async def weekly_report(life: Life) -> None:
    """It is there, says what happened, and shows it in charts."""
    made: list[dict[str, Any]] = []

    async def there() -> bool:
        made[:] = [one for one in (await life.api("GET", "/reports"))["reports"] if one["kind"] == "weekly"]
        return bool(made)

    if not await life.comes(there):
        life.check("the week's report is made", held=False)
        return
    name = made[0]["name"]
    content = (await life.api("GET", f"/reports/{name}"))["content"]
    mail = content["mail"]
    told = f"{mail['looked_at']} messages scanned, {mail['acted_on']} acted on"
    life.check(f"the week's report is made: {told}", held=mail["acted_on"] == ACTED_ON)
    page = await life.text(f"/reports/{name}/html")
    file = KEPT / f"weekly-report-{life.story.domain}.html"
    await asyncio.to_thread(_keep, file, page)
    charts = page.count("<caption")
    life.check(f"it has {charts} charts, and is kept in {file}", held=charts > 1)


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
