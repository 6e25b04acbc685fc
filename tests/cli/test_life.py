"""A whole life by commands, before the local machine, over sockets."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import httpx

from infra import smoke
from shared.cli.applying import PENDING
from tests.cli.line import DEADLINE_SECONDS, Line

# More users than go on one page.
WIDE, USERS = "wide.example", 205


def test_a_whole_life_by_commands_only(line: Line, tmp_path: Path) -> None:
    machine = line.machine
    machine.ask("POST", "/tenants", {"platform": "microsoft365", "name": "Wide", "domain": WIDE, "users": USERS})
    before = machine.snapshot(WIDE)
    made = line(
        "connections", "create", "--platform", "microsoft365", "--site", "in", "--name", "Life", "--tenant", WIDE
    )
    assert made.code == 0
    identifier, link = re.findall(r"^id +(\w{32})\n(http\S+)\n$", made.out)[0]
    assert "Send the link" in made.told

    machine.consent(link, "Wide")
    line.until(lambda now: now["reason"] == "exchange_role_missing", "connections", "show", identifier)
    waited = line("connections", "check", identifier, "--wait", "--timeout", "1")
    assert waited.code == 3
    assert re.search(r"Granting access: .*role.*until 20", waited.told)
    machine.administrator(WIDE, "assign-role")
    # New groups take some minutes to be seen.
    looks = (line("connections", "check", "life", "--wait", "--timeout", "1").code for _ in range(DEADLINE_SECONDS))
    for code in looks:
        if code == 0:
            break
        assert code == 3
        machine.pass_time(timedelta(minutes=1))
    assert line("connections", "show", identifier, "--output", "json").json["stage"] == "run"
    synced = line("connections", "sync", identifier, "--wait", "--timeout", str(DEADLINE_SECONDS))
    assert synced.code == 0, synced.told
    assert "Service running" in synced.told

    assert smoke.main(["--site", "in", "--platform", "microsoft365", "--connection", "Life"], line.environment) == 0
    shown = line("connections", "show", identifier)
    assert re.search(r"Status +● healthy", shown.out)
    assert re.search(rf"Domains +{WIDE}", shown.out)
    _people(line, identifier)
    _records(line, identifier)
    _saved_plan(line, identifier, tmp_path / "plan.json")
    _leave(line, identifier, tmp_path / "certificate.json")
    assert machine.snapshot(WIDE) == before


def _people(line: Line, identifier: str) -> None:
    users = line("users", "list", identifier, "--output", "json").json
    assert users["next"] is None
    assert len({one["id"] for one in users["users"]}) == USERS
    one = users["users"][0]
    assert one["mail"] in line("users", "list", identifier, "-q", one["mail"]).out
    assert line("users", "list", identifier, "-q", "nobody at all").told.startswith("There are no such users")
    groups = line("groups", "list", identifier)
    assert "MEMBERS" in groups.out.splitlines()[0]


def _records(line: Line, identifier: str) -> None:
    assert line("connections", "plan", identifier).told.endswith("\nThere is nothing to do.\n")
    ending = line("connections", "plan", identifier, "--for", "revoke")
    assert re.search(r"^remove +\S", ending.out, re.MULTILINE)
    _same_plan(line, identifier, ending.out)
    changes = line("connections", "changes", identifier)
    for seen in ("● present", "○ absent", "● running"):
        assert seen in changes.out
    assert line("connections", "changes", identifier, "--output", "json").json["published"]
    assert "everyone" in line("policies", "list", identifier).out
    assert line("quarantine", "list", identifier).told == "There is nothing in quarantine.\n"

    entries = line("ledger", "list", identifier, "--output", "json").json["entries"]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    lines = line("ledger", "export", identifier).out.splitlines()
    assert [json.loads(one) for one in lines] == entries
    sheet = list(csv.DictReader(io.StringIO(line("ledger", "export", identifier, "--format", "csv").out)))
    assert [int(row["number"]) for row in sheet] == [entry["number"] for entry in entries]
    asked = next(one for one in line("ledger", "list", identifier).out.splitlines() if "sync requested" in one)
    assert "operator@msp.example" in asked


def _saved_plan(line: Line, identifier: str, file: Path) -> None:
    """A plan is saved, and carried out as long as it is the plan."""
    words = ("connections", "plan", identifier, "--out", str(file), "--detailed-exitcode")
    assert line(*words, "--for", "revoke").code == PENDING
    saved = json.loads(file.read_text())
    assert (saved["purpose"], bool(saved["plan"]["steps"])) == ("revoke", True)
    file.write_text(json.dumps({**saved, "etag": '"of another plan"'}))
    refused = line("connections", "apply", str(file))
    assert (refused.code, "(plan_outdated)" in refused.told) == (1, True)
    assert line(*words, "--for", "repair").code == 0
    assert line("connections", "apply", str(file), "--wait", "--timeout", str(DEADLINE_SECONDS)).code == 0
    file.write_text("{}")
    assert line("connections", "apply", str(file)).code == 2


def _same_plan(line: Line, identifier: str, printed: str) -> None:
    """The API's plan of a revoke is what the command line prints and what the console shows, with the same times."""
    steps = line("connections", "plan", identifier, "--for", "revoke", "--output", "json").json["steps"]
    told = [(f"{step['title']} {step['element'] or ''}".strip(), step["when"]) for step in steps]
    assert {when for _, when in told} >= {"at once", "after 1 hour", "after 24 hours"}
    rows = [re.split(r" {2,}", row) for row in printed.splitlines()[1:]]
    assert [(row[1], row[2]) for row in rows] == told
    page = httpx.get(
        f"{line.machine.address}/connections/{identifier}/plan?for=revoke&fresh=1",
        headers={"Authorization": f"Bearer {line.machine.token()}"},
        trust_env=False,
    )
    shown: list[tuple[str, str]] = []
    for section in re.findall(r"<section class=\"card\"><h3>(.*?)</section>", page.raise_for_status().text, re.DOTALL):
        when = section.partition(" <span")[0]
        for title, element in re.findall(r"<strong>(.*?)</strong>(?: <code>(.*?)</code>)?", section):
            shown.append((f"{html.unescape(title)} {element}".strip(), when[0].lower() + when[1:]))
    assert shown == told


def _leave(line: Line, identifier: str, file: Path) -> None:
    refused = line("connections", "revoke", identifier)
    assert refused.code == 2
    assert "--yes" in refused.told
    revoked = line("connections", "revoke", identifier, "--yes", "--wait", "--timeout", "20")
    assert revoked.code == 3
    assert re.search(r"nothing happens before 20\d\d-\d\d-\d\d \d\d:\d\d UTC", revoked.told)
    line.machine.pass_time(timedelta(minutes=61))
    line.until(lambda now: now["stage"] == "cleanup", "connections", "show", identifier)
    early = line("certificates", "show", identifier)
    assert early.code == 1
    assert "(no_certificate_yet)" in early.told
    line.machine.pass_time(timedelta(hours=24))
    asked = line("connections", "check", identifier, "--wait", "--timeout", str(DEADLINE_SECONDS))
    assert asked.code == 3
    assert f"“footprint steps list {identifier}”" in asked.told

    steps = line("steps", "list", identifier)
    assert steps.out.startswith("deleted-groups")
    assert f"footprint steps complete {identifier} application" in steps.out
    listed = line("steps", "list", identifier, "--output", "json").json["rows"]
    assert {row["key"] for row in listed} == {"deleted-groups", "application", "exchange-role"}
    line.machine.administrator(WIDE, "delete-groups-for-good")
    assert line("steps", "complete", identifier, "deleted-groups").code == 0
    again = line("connections", "check", identifier, "--wait", "--timeout", str(DEADLINE_SECONDS))
    assert "2 steps for the administrator" in again.told
    line.machine.administrator(WIDE, "remove-application")
    assert line("steps", "complete", identifier, "application").code == 0
    ended = line("connections", "revoke", identifier, "--yes", "--wait", "--timeout", str(DEADLINE_SECONDS))
    assert ended.code == 0, ended.told

    certificate = line("certificates", "show", identifier)
    assert certificate.code == 0
    assert re.search(r"Result +clean", certificate.out)
    assert re.search(r"(\d+) created, \1 removed; \d pre-existing, untouched", certificate.out)
    signed = line("certificates", "show", identifier, "--output", "json")
    file.write_text(signed.out)
    ledger = file.with_name("ledger.ndjson")
    ledger.write_text(line("ledger", "export", identifier).out)
    keys = f"{line.machine.address}/.well-known/jwks.json"
    checked = line("certificates", "verify", str(file), "--keys", keys, "--ledger", str(ledger))
    assert checked.code == 0, checked.told
    assert "entries are whole" in " ".join(checked.told.split())
    _tamper(line, file, ledger, keys)
    assert f"by the key {signed.json['key_id']}" in " ".join(checked.told.split())


def _tamper(line: Line, file: Path, ledger: Path, keys: str) -> None:
    """Of what somebody has written into a certificate or an exported ledger, nothing passes."""
    whole, shown = ledger.read_text(), json.loads(file.read_text())
    lines = whole.splitlines(keepends=True)
    content = {**shown["certificate"], "result": "clean, of course"}
    for exported, changed, sentence, code in (
        (whole.replace("Clean-up", "Cleaned"), {}, "was changed or left out", "ledger_not_valid"),
        ("".join(lines[1:]), {}, "entry 1 was changed or left out", "ledger_not_valid"),
        ("".join(lines[:-1]), {}, "it is not the one that was certified", "ledger_not_valid"),
        ("number,act\n", {}, "is not a ledger as NDJSON", "file_not_valid"),
        (whole, {"certificate": content}, "what it shows was not signed", "signature_not_valid"),
        (whole, {"signature": ""}, "the signature is not of this content by that key", "signature_not_valid"),
        (whole, {"anchor": {"checkpoint": ""}}, "Do not rely on this anchor", "anchor_not_valid"),
    ):
        ledger.write_text(exported)
        file.write_text(json.dumps({**shown, **changed}))
        ran = line("certificates", "verify", str(file), "--keys", keys, "--ledger", str(ledger))
        assert (ran.code, ran.out) == (2 if code == "file_not_valid" else 1, "")
        assert sentence in " ".join(ran.told.split())
        assert f"({code})" in ran.told
