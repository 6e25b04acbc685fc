"""Commands that show connections, or one of them in detail, and change nothing."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from typer import Argument, Context, Option

from shared.cli.api import Answer, of
from shared.cli.call import CONNECTION, Call, Connection, Format, Json, Purpose, Site, Stage, Status
from shared.cli.terminal import Column, column, marked, marks, moment, plain, times

CHECKING = "Checking the tenant; this takes some seconds, and changes nothing."


def _with_element(row: Mapping[str, Any]) -> str:
    return f"{row['title']} {row['element']}" if row.get("element") else str(row["title"])


CONNECTIONS = (
    marks("STATUS", "status"),
    column("NAME", "name"),
    column("CUSTOMER", "customer"),
    column("PLATFORM", "platform_title"),
    column("SITE", "site", firm=True),
    column("STAGE", "stage_title"),
    column("ID", "id", firm=True),
    column("WHY", "sentence"),
)
PLAN = (
    column("DO", "verb", firm=True),
    Column(title="OBJECT", text=_with_element),
    column("WHEN", "when"),
    column("WHY", "why"),
)
ROWS = (
    marks("STATE", "mark"),
    Column(title="OBJECT", text=_with_element),
    times("UNTIL", "until"),
    Column(title="DIFFERS", text=lambda row: [f"{name}: {value}" for name, value in (row.get("drift") or {}).items()]),
    column("WHY IT EXISTS", "why"),
)
PUBLISHED = (column("STAGE", "stage", firm=True), column("PUBLISHED", "text"), column("STATE", "now"))
ENTRIES = (
    column("#", "number", firm=True),
    times("WHEN", "at"),
    Column(title="WHO", text=lambda row: row.get("actor") or "the service"),
    Column(title="ACT", text=lambda row: row["act"] + ("" if row["state"] == "noted" else f" {row['state']}")),
    column("OBJECT", "key"),
    Column(title="NOTE", text=lambda row: row.get("note") or row.get("identity")),
)


def status(
    context: Context,
    connection: Annotated[str | None, Argument(metavar="CONNECTION", help=CONNECTION, show_default=False)] = None,
    *,
    stage: Annotated[Stage | None, Option(help="Only those in this stage.")] = None,
    status: Annotated[Status | None, Option(help="Only those with this status.")] = None,
    platform: Annotated[str | None, Option(help="Only those on this platform.")] = None,
    site: Annotated[Site | None, Option(help="Only those of this site.")] = None,
    q: Annotated[
        str | None, Option("-q", metavar="TEXT", help="Only those with this in their name, tenant or id.")
    ] = None,
    as_json: Json = False,
) -> int:
    """List connections, or show one of them in detail."""
    call = Call.of(context, as_json=as_json)
    if connection is not None:
        return _one(call, call.api.find(connection))
    # In the order that stays as it is while one reads.
    answer = call.api.every(
        "/connections", "connections", order="newest", stage=stage, status=status, platform=platform, site=site, q=q
    )
    if call.as_json:
        return call.print_json(answer)
    urgency = get_args(Status)
    found = sorted(answer["connections"], key=lambda one: urgency.index(one["status"]))
    call.terminal.table(CONNECTIONS, found, none="There are no such connections.")
    return 0


def _one(call: Call, now: Answer) -> int:
    if call.as_json:
        return call.print_json(now)
    known, mail = now.get("directory") or {}, now.get("mail") or {}
    call.terminal.facts(
        {
            "Name": now["name"],
            "Status": marked(now["status"]),
            "Why": now["sentence"],
            "What to do": call.api.runbook(now["reason"]) if now["reason"] else None,
            "Next check": moment(now["not_before"]),
            "Stage": f"{now['stage_title']}, since {moment(now['stage_since'])}",
            "Platform": now["platform_title"],
            "Modes": now["modes"],
            "Customer": now.get("customer"),
            "Site": now["site"],
            "Invitation": _invited(now["invitation"]),
            "Contacts": now["contacts"],
            "Tenant": now["tenant"] or "not verified yet",
            "Last sync": moment(now["synced_at"]) or "never",
            "Reading": _reading(now.get("reading")),
            "Directory": [f"{number} {kind}" for kind, number in known.items()],
            "Domains": [one["name"] for one in now.get("domains") or []],
            "In quarantine": mail.get("quarantined") or None,
            "Id": now["id"],
        }
    )
    return 0


def _invited(sent: Answer | None) -> str:
    if sent is None:
        return ""
    opened = f"opened {moment(sent['opened_at'])}" if sent["opened_at"] else "not opened"
    expires = f"expires {moment(sent['expires_at'])}" if sent["expires_at"] else "ended"
    return f"sent {moment(sent['sent_at'])}, {opened}, {expires}"


def _reading(now: Answer | None) -> str | None:
    return f"{now['read']:,} {now['what']}, page {now['page']}, since {moment(now['since'])}" if now else None


def plan(
    context: Context,
    connection: Connection,
    *,
    purpose: Annotated[Purpose | None, Option("--for", help="What to plan: now, if nothing is said.")] = None,
    as_json: Json = False,
) -> int:
    """Show what would be done, and why; changes nothing."""
    call = Call.of(context, as_json=as_json)
    found = call.api.find(connection)
    if found["stage"] == "new" and not purpose:
        call.terminal.say("Nobody has consented yet: this is what will be created.")
        purpose = "grant"
    elif found["tenant"] and found["stage"] != "closed":
        call.terminal.say(CHECKING)
    answer = call.api.get(of(found["id"], "plan"), **{"for": purpose})
    if call.as_json:
        return call.print_json(answer)
    if answer["steps"]:
        call.terminal.say(f"Plan: {answer['total']}.")
    call.terminal.table(PLAN, answer["steps"], none="There is nothing to do.")
    for one in answer["concerns"] or []:
        stops = "Waits until it is accepted or gone" if one["waits"] else "Note"
        call.terminal.show(plain(f"{stops}: {one['told']} {one['advice']} ({one['key']})"))
    return 0


def changes(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """Show what we changed and what is published, with its current state."""
    call = Call.of(context, as_json=as_json)
    answer = call.api.get(of(call.api.find(connection)["id"], "changes"))
    if call.as_json:
        return call.print_json(answer)
    call.terminal.table(ROWS, answer["rows"], none="There are no objects.")
    now: dict[str, list[str]] = {}
    for row in answer["rows"]:
        now.setdefault(row["key"], []).append(marked(row["mark"]))
    lines = [line | {"now": _true_now(line, now)} for line in answer["published"]]
    call.terminal.show("")
    call.terminal.table(PUBLISHED, lines, none="Nothing is published of this platform.")
    return 0


def _true_now(line: Answer, now: Mapping[str, list[str]]) -> list[str]:
    if line["elsewhere"]:
        return ["not part of this connection"]
    return list(dict.fromkeys(mark for key in line["rows"] for mark in now.get(key, [])))


def steps(context: Context, connection: Connection, *, as_json: Json = False) -> int:
    """Show what the administrator must do now, with what to type and where."""
    call = Call.of(context, as_json=as_json)
    found = call.api.find(connection)
    rows = call.api.get(of(found["id"], "changes"))["rows"]
    mine = [row for row in rows if row.get("asked") or row.get("offered")]
    if call.as_json:
        return call.print_json({"rows": mine})
    if found["stage"] == "new":
        call.terminal.say(f"The administrator must consent: “footprint grant {found['id']}” prints an invitation.")
    elif not mine:
        # A sentence may ask for what is no step of the table, such as a role without which nothing can be read.
        call.terminal.say(found["sentence"] or "The administrator has nothing to do now.")
    for row in mine:
        call.terminal.facts(dict(_step(row, found)))
        call.terminal.show("")
    return 0


def _step(row: Answer, connection: Answer) -> Iterator[tuple[str, Any]]:
    asked, done = row.get("asked"), f"footprint done {connection['id']} {row['key']}"
    if asked is None:
        yield row["key"], f"{row['title']} stays, as published. Nothing uses it any more."
        yield "to remove it", done
        return
    yield row["key"], f"{'Remove' if asked['removal'] else 'Set up'}: {row['title']}"
    yield "what to do", asked["sentence"]
    for value in asked["values"]:
        yield value["label"], value["value"]
    yield "where", asked["link"]
    yield "then", done


def ledger(
    context: Context,
    connection: Connection,
    *,
    kind: Annotated[Format, Option("--format", help="How the entries are printed.")] = "text",
    as_json: Json = False,
) -> int:
    """Show every entry of the ledger: what was done, by whom, in order."""
    call = Call.of(context, as_json=as_json)
    path = of(call.api.find(connection)["id"], "ledger")
    if as_json:
        kind = "json"
    if kind in ("ndjson", "csv"):
        for number, text in enumerate(call.api.files(path, format=kind)):
            # Each page of a spreadsheet begins with the names of its columns.
            call.terminal.pour(text.partition("\n")[2] if number and kind == "csv" else text)
        return 0
    answer = call.api.every(path, "entries")
    if kind == "json":
        return call.print_json(answer)
    call.terminal.table(ENTRIES, answer["entries"], none="The ledger is empty.")
    return 0
