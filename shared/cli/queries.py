"""Commands that show connections, or one of them in detail, and change nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from typer import Context, Option

from shared.cli.api import Answer, of
from shared.cli.applying import PENDING, save
from shared.cli.call import Call, Connection, Purpose, Site, Stage, Status
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
    marks("STATE", "state"),
    Column(title="OBJECT", text=_with_element),
    times("UNTIL", "until"),
    Column(title="DIFFERS", text=lambda row: [f"{name}: {value}" for name, value in (row.get("drift") or {}).items()]),
    column("WHY IT EXISTS", "why"),
)
PUBLISHED = (column("STAGE", "stage", firm=True), column("PUBLISHED", "text"), column("STATE", "now"))


def every(
    context: Context,
    *,
    customer: Annotated[str | None, Option(help="Only those of this customer.")] = None,
    stage: Annotated[Stage | None, Option(help="Only those in this stage.")] = None,
    status: Annotated[Status | None, Option(help="Only those with this status.")] = None,
    platform: Annotated[str | None, Option(help="Only those on this platform.")] = None,
    site: Annotated[Site | None, Option(help="Only those of this site.")] = None,
    q: Annotated[
        str | None, Option("-q", metavar="TEXT", help="Only those with this in their name, tenant or id.")
    ] = None,
) -> int:
    """List connections, those that require action first."""
    call = Call.of(context)
    # In the order that stays as it is while one reads.
    answer = call.api.every(
        "/connections",
        "connections",
        order="newest",
        customer=customer,
        stage=stage,
        status=status,
        platform=platform,
        site=site,
        q=q,
    )
    urgency = get_args(Status)
    found = sorted(answer["connections"], key=lambda one: urgency.index(one["status"]))
    call.rows(answer, found, CONNECTIONS, none="There are no such connections.")
    return 0


def show(context: Context, connection: Connection) -> int:
    """Show one connection in detail."""
    call = Call.of(context)
    now = call.api.find(connection)
    known, mail = now.get("directory") or {}, now.get("mail") or {}
    call.facts(
        now,
        {
            "Name": now["name"],
            "Status": marked(now["status"]),
            "Why": now["sentence"],
            "What to do": call.api.runbook(now["reason"]) if now["reason"] else None,
            "Next check": moment(now["not_before"]),
            "Stage": f"{now['stage_title']}, since {moment(now['stage_since'])}",
            "Platform": now["platform_title"],
            "Modes": now["modes"],
            "Made without": now["left_out"],
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
        },
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
    purpose: Annotated[Purpose | None, Option("--for", help="What to plan; by default, what would change now.")] = None,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Save the plan, for “connections apply”.")] = None,
    detailed: Annotated[
        bool, Option("--detailed-exitcode", help=f"Exit with {PENDING} if there is something to do.")
    ] = False,
) -> int:
    """Show what would be done, and why; changes nothing."""
    call = Call.of(context)
    found = call.api.find(connection)
    if found["stage"] == "new" and not purpose:
        call.terminal.say("Consent is missing: this is what will be created.")
        purpose = "grant"
    elif found["tenant"] and found["stage"] != "closed":
        call.terminal.say(CHECKING)
    answer, tag = call.api.seen(of(found["id"], "plan"), **{"for": purpose})
    if out:
        save(out, connection=found["id"], purpose=purpose or "now", etag=tag, plan=answer)
    if answer["steps"]:
        call.terminal.say(f"Plan: {answer['total']}.")
    call.rows(answer, answer["steps"], PLAN, none="There is nothing to do.")
    for one in (answer["concerns"] or []) if call.for_people else ():
        stops = "Waits until accepted or removed" if one["waits"] else "Note"
        call.terminal.show(plain(f"{stops}: {one['told']} {one['advice']} ({one['key']})"))
    return PENDING if detailed and any(step["timing"] != "stays" for step in answer["steps"]) else 0


def changes(context: Context, connection: Connection) -> int:
    """Show what we changed and what is published, with its current state."""
    call = Call.of(context)
    answer = call.api.get(of(call.api.find(connection)["id"], "changes"))
    call.rows(answer, answer["rows"], ROWS, none="There are no objects.")
    if not call.for_people:
        return 0
    now: dict[str, list[str]] = {}
    for row in answer["rows"]:
        now.setdefault(row["key"], []).append(marked(row["state"]))
    lines = [line | {"now": _true_now(line, now)} for line in answer["published"]]
    call.terminal.show("")
    call.terminal.table(PUBLISHED, lines, none="Nothing is published of this platform.")
    return 0


def _true_now(line: Answer, now: Mapping[str, list[str]]) -> list[str]:
    if line["elsewhere"]:
        return ["not part of this connection"]
    return list(dict.fromkeys(mark for key in line["rows"] for mark in now.get(key, [])))
