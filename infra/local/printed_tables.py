"""Prints into the documents what they show of the code: `python -m infra.local.printed_tables`.

A document has a block for it, which begins with `<!-- printed: NAME -->`; PRINTERS has what NAME stands for.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.main import get_group

from infra.local import printed_rights
from infra.local.bench import measures, scale
from infra.local.bench.counts import COSTS
from infra.local.lasting_secrets import lasting_secrets
from infra.local.markdown import codes, table
from infra.local.printed_settings import retention, settings
from shared.cli import codes as typed
from shared.cli.commands import CODES, COMMANDS, app
from shared.cli.printing import OPTIONS
from shared.connections.stages import Stage
from shared.engine.rows import Activity, ByAdministrator, Change, OnDemand, Published, Row, Sighting
from shared.flows import codes as lives
from shared.flows import marked_codes, refusals, witness_codes
from shared.foundation import codes as deployments
from shared.foundation.brand import PUBLISHED, Brand
from shared.foundation.codes import Code
from shared.foundation.platform_settings import Google
from shared.foundation.schedule import HOUR, SYNC_AT, TIMERS, ZONES, Timer
from shared.platforms.google_workspace import catalogue as google
from shared.platforms.google_workspace import codes as google_codes
from shared.platforms.google_workspace import published as google_published
from shared.platforms.microsoft365 import catalogue as microsoft365
from shared.platforms.microsoft365 import codes as microsoft365_codes
from shared.platforms.microsoft365 import published as microsoft365_published
from shared.service import PLATFORMS
from shared.web import codes as requests
from shared.web.openapi import document
from shared.web.openapi_texts import TAGS
from shared.web.routes import ROUTES, Auth

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(<!-- printed: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CALLERS = {
    Auth.VIEWER: "viewer",
    Auth.OPERATOR: "operator",
    Auth.ADMIN: "admin",
    Auth.BREAK_GLASS: "the holder of the break-glass secret",
    Auth.LINK: "the holder of the link",
    Auth.INVITED: "the browser that has opened the link",
    Auth.STATE: "the browser that consented",
    Auth.SIGNED: "the platform, by its signature",
    Auth.SCANNER: "the scanner, by its signature",
    Auth.NOBODY: "everybody",
}


def documents() -> list[Path]:
    """Every document of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("infra/*/*.md")])


def printed(text: str) -> str:
    """A document's text with its blocks as the code has them now."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{PRINTERS[block['name']]()}\n\n{block[3]}", text)


async def _nobody(_tenant: object, _identity: str | None) -> Sighting:
    raise NotImplementedError("a table is printed without a tenant")


def catalogues(brand: Brand = PUBLISHED) -> dict[str, tuple[tuple[Row, ...], tuple[Published, ...]]]:
    """Each platform's rows and published lines, by its title, with the names of a brand."""
    settings = Google(marketplace_app="any")
    return {
        "Microsoft 365": (microsoft365.rows(brand, _nobody), microsoft365_published.published(brand)),
        "Gmail": (google.rows(brand, settings), google_published.published(brand)),
    }


def catalogue(brand: Brand = PUBLISHED) -> str:
    """The published tables, each line with the rows of the catalogue that account for it."""
    lines = []
    for title, (rows, published) in catalogues(brand).items():
        told = [
            (line.stage.title, line.text, "<br>".join(_named(row) for row in rows if line.id in row.accounts_for))
            for line in published
        ]
        lines += [f"## {title}", "", *table(("Stage", "Published", "Carried out as"), told), ""]
    return "\n".join(lines).rstrip()


def _named(row: Row) -> str:
    notes: list[str] = []
    match row:
        case Activity():
            return f"{row.title}, {row.when}"
        case Change(offered=True):
            notes = ["kept, as published; its removal is offered"]
        case Change(kept_for=kept) if kept and row.removed_in in (Stage.REVOKE, Stage.CLEANUP):
            notes = [_delay(kept)]
        case ByAdministrator(kept_for=kept):
            notes = ["by the administrator", *([_delay(kept)] if kept else [])]
        case OnDemand():
            notes = ["created when first needed"]
    return f"{row.title} ({'; '.join(notes)})" if notes else row.title


def _delay(kept: timedelta) -> str:
    return f"removed {kept // HOUR} h after the objects that depend on it"


def routes() -> str:
    """The API's routes by subject, as its own document has them."""
    paths = document("https://footprint.example.com", [one.NAME for one in PLATFORMS], "session")["paths"]
    lines = []
    for tag, (about, _) in TAGS.items():
        told = []
        for route in ROUTES:
            one = paths.get(route.path, {}).get(route.method.lower(), {})
            if tag in one.get("tags", ()):
                query = [each["name"] for each in one["parameters"] if each["in"] == "query"]
                told.append((f"`{route.method} {route.path}`", one["summary"], codes(query), CALLERS[route.auth]))
        lines += [f"### {tag.capitalize()}: {about}", ""]
        lines += [*table(("Route", "What it does", "Query", "Who may call it"), told), ""]
    return "\n".join(lines).rstrip()


def commands() -> str:
    """The commands of the command line, with what each takes, and its exit codes."""
    told = [
        (f"`{name}`", known.help or "", codes(_taken(known.params)), f"`{f'{name} {one.example}'.strip()}`")
        for name, one in COMMANDS.items()
        for known in [_command(name)]
    ]
    return "\n".join([*table(("Command", "What it does", "Takes", "Example"), told), "", CODES])


def _command(name: str) -> Any:
    """The command of a noun and a verb."""
    found: Any = get_group(app)
    for word in name.split():
        found = found.commands[word]
    return found


def _taken(parameters: Sequence[Any]) -> Iterator[str]:
    """What is typed behind a command, but for what every command takes."""
    for parameter in parameters:
        if parameter.name not in OPTIONS:
            yield parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0]


def timers() -> str:
    """The timers, and when each is due."""
    told = [(f"`{one.name}`", _due(one), codes(one.sites)) for one in TIMERS]
    return "\n".join(table(("Timer", "When, in UTC", "Sites"), told))


def _due(timer: Timer) -> str:
    if timer.every == HOUR:
        return "every hour"
    if timer.every is not None:
        return f"every {timer.every // timedelta(minutes=1)} minutes"
    return f"daily at {timer.at:%H:%M}"


def sites() -> str:
    """The sites, with when their synchronisation begins and whose midnight ends their days."""
    told = [(f"`{site}`", f"{SYNC_AT[site]:%H:%M}", ZONES[site]) for site in SYNC_AT]
    return "\n".join(table(("Site", "Daily synchronisation, in UTC", "Time zone of its reports"), told))


def every_code() -> list[Code]:
    """The codes of every room and platform, by name."""
    rooms = (
        deployments,
        lives,
        marked_codes,
        refusals,
        requests,
        typed,
        witness_codes,
        microsoft365_codes,
        google_codes,
    )
    return sorted((one for room in rooms for one in room.CODES), key=lambda one: one.name)


def runbook() -> str:
    """What a person does about each code."""
    told = [
        (f"`{one.name}`", one.means, one.do, one.by_itself, one.shown.where.removesuffix(".")) for one in every_code()
    ]
    return "\n".join(table(("Code", "What it means", "What to do", "What happens automatically", "How it shows"), told))


def alerts() -> str:
    """The alerts of both clouds, each with how a test makes it fire."""
    signals = json.loads((ROOT / "infra" / "signals.json").read_text())
    told = [
        (f"`{one['name']}`", one["says"], f"{codes([_number(one)])} above {one['above']}", one["tried"])
        for one in signals["alerts"]
    ]
    silence = ("`silence`", signals["silence"]["says"], "no number at all", "not tried without a cloud")
    return "\n".join(table(("Alert", "What it says", "Fires on", "Tested with"), [*told, silence]))


def deployment_numbers() -> str:
    """How many commands a deployment takes, and how many codes and alerts are explained."""
    clouds = {"Azure": "azure", "Google Cloud": "gcp"}
    texts = {title: (ROOT / "infra" / name / "README.md").read_text() for title, name in clouds.items()}
    told = [
        (title, str(len(text.partition("```sh\n")[2].partition("```")[0].splitlines())), str(text.count(". `infra/")))
        for title, text in texts.items()
    ]
    counted = table(("Cloud", "Commands from nothing to running", "Commands back to nothing"), told)
    alerts = len(json.loads((ROOT / "infra" / "signals.json").read_text())["alerts"])
    codes_told = f"The [runbook](runbook.md) has an entry for each of the {len(every_code())} codes."
    return "\n".join([*counted, "", f"{codes_told} Each of the {alerts} alerts is made to fire by a test."])


def drill() -> str:
    """The faults of the drill, each with what tells of it, and how soon."""
    signals = json.loads((ROOT / "infra" / "signals.json").read_text())
    told = [
        (one["fault"], codes([one["event"]]), codes([one["alert"]]), str(one["minutes"])) for one in signals["drill"]
    ]
    return "\n".join(table(("What goes wrong", "Event", "Alert", "Told within, in minutes"), told))


def _number(alert: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{name}={' or '.join(values)}" for name, values in alert["labels"].items())
    return f"{alert['metric']}{{{labels}}}" if labels else str(alert["metric"])


def make_targets() -> str:
    """What `make` can do, as `make help` tells it."""
    found = re.findall(r"^([a-z-]+):.*?##\s*(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return "\n".join(table(("Target", "What it does"), [(f"`make {name}`", text) for name, text in found]))


def costs() -> str:
    """What each job costs a connection of which nothing has changed."""
    told = [(platform, f"`{job}`", *map(str, astuple(cost))) for (platform, job), cost in COSTS.items()]
    return "\n".join(table(("Platform", "Job", "Statements", "Transactions", "Writes", "Calls"), told))


def baselines() -> str:
    """The rules of public security baselines that look at our objects, and entries that except them."""
    rows = [row for every, _ in catalogues().values() for row in every if row.baselines]
    told = [
        (
            f"{rule.baseline} {rule.id}",
            rule.asks,
            row.title,
            {True: "met", False: "**not met**", None: "open"}[rule.met],
            f"{rule.why} {rule.worth}",
        )
        for row in rows
        for rule in row.baselines
    ]
    entries = "\n".join(rule.exclusion for row in rows for rule in row.baselines if rule.exclusion)
    head = ("Rule", "Asks", "Object", "Is", "Why, and what it is worth")
    return "\n".join([*table(head, told), "", "```yaml", entries.rstrip(), "```"])


PRINTERS: Mapping[str, Callable[[], str]] = {
    "catalogue": catalogue,
    "baselines": baselines,
    "routes": routes,
    "commands": commands,
    "settings": settings,
    "timers": timers,
    "sites": sites,
    "costs": costs,
    "measures": measures.printed,
    "scale": lambda: "\n".join(table(scale.HEADS, scale.rows())),
    "make-targets": make_targets,
    "runbook": runbook,
    "alerts": alerts,
    "deployment-numbers": deployment_numbers,
    "drill": drill,
    "retention": retention,
    "permissions": lambda: printed_rights.permissions({title: rows for title, (rows, _) in catalogues().items()}),
    "lasting-secrets": lasting_secrets,
    "role-group": printed_rights.role_group,
}

if __name__ == "__main__":
    for path in documents():
        text = path.read_text()
        if (now := printed(text)) != text:
            path.write_text(now)
