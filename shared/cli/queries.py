"""Commands that look and change nothing. Most are a path of the API and the columns in which it is shown."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.cli.api import Answer, of
from shared.cli.call import Call
from shared.cli.terminal import Column, column, marked, marks, moment, times

Run = Callable[[Call], int]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list of the API: where it is, under which key, and how it is shown. It is a command by itself."""

    path: tuple[str, ...]
    """Below the connection."""
    key: str
    columns: Sequence[Column]
    none: str
    query: Callable[[Namespace], Mapping[str, str | None]] = field(default=lambda _: {})
    whole: bool = False
    """It comes without pages."""

    def __call__(self, call: Call) -> int:
        """Show every page of it."""
        path = of(call.connection()["id"], *self.path)
        answer = call.api.get(path) if self.whole else call.api.every(path, self.key, **self.query(call.args))
        if call.as_json:
            return call.print_json(answer)
        call.terminal.table(self.columns, answer[self.key], none=self.none)
        return 0


def _with_element(row: Mapping[str, Any]) -> str:
    return f"{row['title']} {row['element']}" if row.get("element") else str(row["title"])


def _whose(policy: Mapping[str, Any]) -> list[str]:
    kinds = ("domains", "groups", "users")
    named = ["everyone"] if policy.get("everyone") else []
    named += [f"{len(policy[kind])} {kind}" for kind in kinds if policy.get(kind)]
    return named + [f"but not {len(policy[f'except_{kind}'])} {kind}" for kind in kinds if policy.get(f"except_{kind}")]


def _which(conditions: Mapping[str, Any]) -> str:
    kinds = [name.replace("_", " ") for name, value in conditions.items() if value and name != "match"]
    joined = " and " if conditions.get("match") == "all" else " or "
    return joined.join(kinds)


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
    column("WHY", "why"),
    times("UNTIL", "until"),
)
ROWS = (
    marks("NOW", "mark"),
    Column(title="OBJECT", text=_with_element),
    Column(title="UNTIL", text=lambda row: moment(row.get("until")), firm=True),
    Column(title="DIFFERS", text=lambda row: [f"{name}: {value}" for name, value in (row.get("drift") or {}).items()]),
    column("WHY IT EXISTS", "why"),
)
PUBLISHED = (column("STAGE", "stage", firm=True), column("PUBLISHED", "text"), column("TRUE NOW", "now"))
ENTRIES = (
    column("#", "number", firm=True),
    times("WHEN", "at"),
    Column(title="WHO", text=lambda row: row.get("actor") or "the service"),
    Column(title="ACT", text=lambda row: row["act"] + ("" if row["state"] == "noted" else f" {row['state']}")),
    column("OBJECT", "key"),
    Column(title="NOTE", text=lambda row: row.get("note") or row.get("identity")),
)


LOOKING = "Looking at the tenant; this takes some seconds, and changes nothing."


def searched(args: Namespace) -> Mapping[str, str | None]:
    """The query of what is searched by a part of a name."""
    return {"q": args.q}


users = Listing(
    path=("users",), key="users", none="There are no such users in our copy of the directory.", query=searched,
    columns=(
        column("NAME", "name"),
        column("MAIL", "mail"),
        column("ENABLED", "enabled"),
        column("SKIPPED", "skipped"),
        column("ID", "id", firm=True),
    ),
)  # fmt: skip
groups = Listing(
    path=("groups",), key="groups", none="There are no such groups in our copy of the directory.", query=searched,
    columns=(
        column("NAME", "name"),
        column("MAIL", "mail"),
        column("MEMBERS", "members"),
        column("ID", "id", firm=True),
    ),
)  # fmt: skip
policies = Listing(
    path=("policies",), key="policies", none="There are no policies, so nobody's mail is protected.", whole=True,
    columns=(
        column("ORDER", "order", firm=True),
        column("NAME", "name"),
        column("ENABLED", "enabled"),
        column("DIRECTION", "direction", firm=True),
        Column(title="WHOSE MAIL", text=_whose),
        Column(title="WHICH MESSAGES", text=lambda row: _which(row.get("conditions") or {})),
        column("ACTIONS", "actions"),
    ),
)  # fmt: skip
quarantine = Listing(
    path=("quarantine",), key="items", none="There is nothing in quarantine.",
    columns=(
        column("ITEM", "id", firm=True),
        column("STATE", "state", firm=True),
        times("SINCE", "at"),
        column("MAILBOX", "address"),
        column("SENDER", "sender"),
        column("SUBJECT", "subject"),
        column("POLICY", "policy"),
        column("TOLD", "told"),
    ),
)  # fmt: skip


def status(call: Call) -> int:
    """All connections that are meant, or one of them at length."""
    if call.args.connection is not None:
        return _one(call, call.connection())
    wanted = {name: getattr(call.args, name) for name in ("stage", "status", "platform", "site", "q")}
    # In the order that stays as it is while one reads.
    answer = call.api.every("/connections", "connections", order="newest", **wanted)
    if call.as_json:
        return call.print_json(answer)
    urgent = ("attention", "waiting")
    found = sorted(answer["connections"], key=lambda one: (*urgent, one["status"]).index(one["status"]))
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
            "Next look": moment(now["not_before"]),
            "Stage": f"{now['stage_title']}, since {moment(now['stage_since'])}",
            "Platform": now["platform_title"],
            "Modes": now["modes"],
            "Customer": now.get("customer"),
            "Site": now["site"],
            "Tenant": now["tenant"] or "not proven yet",
            "Synchronised": moment(now["synced_at"]) or "never",
            "Directory": [f"{number} {kind}" for kind, number in known.items()],
            "Domains": [one["name"] for one in now.get("domains") or []],
            "In quarantine": mail.get("quarantined") or None,
            "Id": now["id"],
        }
    )
    return 0


def plan(call: Call) -> int:
    """What would be done now, or by a repair, or by a revoke."""
    connection, purpose = call.connection(), call.args.purpose
    if connection["stage"] == "new" and not purpose:
        call.terminal.say("Nobody has consented yet: this is what will be made.")
        purpose = "grant"
    elif connection["tenant"] and connection["stage"] != "closed":
        call.terminal.say(LOOKING)
    answer = call.api.get(of(connection["id"], "plan"), **{"for": purpose})
    if call.as_json:
        return call.print_json(answer)
    call.terminal.table(PLAN, answer["steps"], none="There is nothing to do.")
    return 0


def changes(call: Call) -> int:
    """The published table, with what is true of each line now."""
    answer = call.api.get(of(call.connection()["id"], "changes"))
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


def steps(call: Call) -> int:
    """What the administrator is asked to do now, with what to type and where."""
    connection = call.connection()
    rows = call.api.get(of(connection["id"], "changes"))["rows"]
    mine = [row for row in rows if row.get("asked") or row.get("offered")]
    if call.as_json:
        return call.print_json({"rows": mine})
    if connection["stage"] == "new":
        call.terminal.say(f"The administrator is asked to consent: “grant {connection['id']}” prints a link for them.")
    elif not mine:
        # What a sentence asks for is no step of the table, such as a role without which nothing can be looked at.
        call.terminal.say(connection["sentence"] or "Nothing is asked of the administrator now.")
    for row in mine:
        call.terminal.facts(dict(_step(row, connection)))
        call.terminal.show("")
    return 0


def _step(row: Answer, connection: Answer) -> Iterator[tuple[str, Any]]:
    asked, done = row.get("asked"), f"done {connection['id']} {row['key']}"
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


def ledger(call: Call) -> int:
    """Every entry of the ledger, in one of the formats."""
    path, kind = of(call.connection()["id"], "ledger"), "json" if call.as_json else call.args.format
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
