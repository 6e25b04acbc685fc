"""The command line as somebody types it, before the local machine, over sockets."""

import csv
import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from shared.__main__ import main
from shared.cli import commands, terminal
from shared.cli.certificate import verified
from shared.connections.record import Status
from shared.engine.rows import Stage
from shared.foundation.errors import Permanent
from shared.foundation.schedule import Site
from tests.harness.machine import OneMachine, one_machine

ROOT = Path(__file__).parents[2]
# More users than go on one page.
WIDE, USERS = "wide.example", 205
PATIENCE = 30  # seconds
Environment = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    told: str

    @property
    def json(self) -> Any:
        """What it printed, which must be JSON and nothing else."""
        assert self.out, self.told
        return json.loads(self.out)


@dataclass(kw_only=True)
class Line:
    """Somebody who types commands."""

    machine: OneMachine
    captured: pytest.CaptureFixture[str]
    changed: Environment = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """What is set: a new token for each command, for the tests move the clock past any token's life."""
        known = {"FOOTPRINT_URL": self.machine.address, "FOOTPRINT_TOKEN": self.machine.token()}
        return {name: value for name, value in {**known, **self.changed}.items() if value}

    def __call__(self, *typed: str) -> Ran:
        """Type one command."""
        self.captured.readouterr()
        try:
            code = main(typed, self.environment)
        except SystemExit as ended:
            code = int(str(ended.code))
        said = self.captured.readouterr()
        return Ran(code=code, out=said.out, told=said.err)

    def until(self, true: Callable[[Any], bool], *typed: str) -> Any:
        """Type a command that prints JSON until something is true of it."""
        end = time.monotonic() + PATIENCE
        while not true(found := self(*typed, "--json").json):
            assert time.monotonic() < end, found
        return found

    def connect(self, name: str, domain: str) -> tuple[str, str]:
        """A new connection's id and consent link."""
        words = ("--platform", "microsoft365", "--site", "in", "--name", name, "--tenant", domain)
        made = self("connect", *words, "--json").json
        return made["id"], made["consent_url"]


@pytest.fixture(scope="module")
def machine() -> Iterator[OneMachine]:
    """One machine for all of these tests: each has connections of its own on it."""
    with one_machine() as found:
        yield found


@pytest.fixture
def line(machine: OneMachine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """Somebody before an operator's shell."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Line(machine=machine, captured=capsys)


def test_a_whole_life_by_commands_only(line: Line) -> None:
    machine = line.machine
    machine.ask("POST", "/tenants", {"platform": "microsoft365", "name": "Wide", "domain": WIDE, "users": USERS})
    before = machine.snapshot(WIDE)
    made = line("connect", "--platform", "microsoft365", "--site", "in", "--name", "Life", "--tenant", WIDE)
    assert made.code == 0
    identifier, link = re.findall(r"^id +(\w{32})\n(http\S+)\n$", made.out)[0]
    assert "Send the link" in made.told

    machine.consent(link, "Wide")
    line.until(lambda now: now["reason"] == "exchange_role_missing", "status", identifier)
    waited = line("reconcile", identifier, "--wait", "--timeout", "1")
    assert waited.code == 3
    assert re.search(r"Granting access: .*role.*until 20", waited.told)
    machine.administrator(WIDE, "assign-role")
    # New groups take some minutes to be seen.
    looks = (line("reconcile", "life", "--wait", "--timeout", "1").code for _ in range(PATIENCE))
    for code in looks:
        if code == 0:
            break
        assert code == 3
        machine.pass_time(timedelta(minutes=1))
    assert line("status", identifier, "--json").json["stage"] == "run"
    synced = line("sync", identifier, "--wait", "--timeout", str(PATIENCE))
    assert synced.code == 0, synced.told
    assert "Service running" in synced.told

    shown = line("status", identifier)
    assert re.search(r"Status +● ok", shown.out)
    assert re.search(rf"Domains +{WIDE}", shown.out)
    _people(line, identifier)
    _records(line, identifier)
    _leave(line, identifier)
    assert machine.snapshot(WIDE) == before


def _people(line: Line, identifier: str) -> None:
    users = line("users", identifier, "--json").json
    assert users["next"] is None
    assert len({one["id"] for one in users["users"]}) == USERS
    one = users["users"][0]
    assert one["mail"] in line("users", identifier, "-q", one["mail"]).out
    assert line("users", identifier, "-q", "nobody at all").told.startswith("There are no such users")
    groups = line("groups", identifier)
    assert "MEMBERS" in groups.out.splitlines()[0]


def _records(line: Line, identifier: str) -> None:
    assert line("plan", identifier).told.endswith("\nThere is nothing to do.\n")
    ending = line("plan", identifier, "--for", "revoke")
    assert re.search(r"^remove +\S", ending.out, re.MULTILINE)
    changes = line("changes", identifier)
    for seen in ("● present", "○ absent", "● running"):
        assert seen in changes.out
    assert line("changes", identifier, "--json").json["published"]
    assert "everyone" in line("policies", identifier).out
    assert line("quarantine", identifier).told == "There is nothing in quarantine.\n"

    entries = line("ledger", identifier, "--json").json["entries"]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    lines = line("ledger", identifier, "--format", "ndjson").out.splitlines()
    assert [json.loads(one) for one in lines] == entries
    sheet = list(csv.DictReader(io.StringIO(line("ledger", identifier, "--format", "csv").out)))
    assert [int(row["number"]) for row in sheet] == [entry["number"] for entry in entries]
    asked = next(one for one in line("ledger", identifier).out.splitlines() if "synchronise now" in one)
    assert "operator@msp.example" in asked


def _leave(line: Line, identifier: str) -> None:
    refused = line("revoke", identifier)
    assert refused.code == 2
    assert "--yes" in refused.told
    revoked = line("revoke", identifier, "--yes", "--wait", "--timeout", "20")
    assert revoked.code == 3
    assert re.search(r"nothing happens before 20\d\d-\d\d-\d\d \d\d:\d\d UTC", revoked.told)
    line.machine.pass_time(timedelta(minutes=61))
    line.until(lambda now: now["stage"] == "cleanup", "status", identifier)
    early = line("certificate", identifier)
    assert early.code == 1
    assert "(no_certificate_yet)" in early.told
    line.machine.pass_time(timedelta(hours=24))
    asked = line("reconcile", identifier, "--wait", "--timeout", str(PATIENCE))
    assert asked.code == 3
    assert f"“steps {identifier}”" in asked.told

    steps = line("steps", identifier)
    assert steps.out.startswith("application")
    assert f"done {identifier} application" in steps.out
    assert [row["key"] for row in line("steps", identifier, "--json").json["rows"]] == ["application"]
    line.machine.administrator(WIDE, "remove-application")
    assert line("done", identifier, "application").code == 0
    ended = line("revoke", identifier, "--yes", "--wait", "--timeout", str(PATIENCE))
    assert ended.code == 0, ended.told

    certificate = line("certificate", identifier)
    assert certificate.code == 0
    assert re.search(r"Result +clean", certificate.out)
    assert "Ed25519 signature holds" in certificate.told
    signed = line("certificate", identifier, "--json").json
    signed["certificate"]["result"] = "spotless"
    with pytest.raises(Permanent):
        verified(signed)


def test_a_connection_is_found_by_name_or_tenant_and_an_unclear_one_is_told(line: Line) -> None:
    first, _ = line.connect("Two of a name", "first.example")
    second, _ = line.connect("Two of a name", "second.example")
    unclear = line("plan", "two of a NAME")
    assert unclear.code == 2
    assert first in unclear.told
    assert second in unclear.told
    near = line("status", "two of")
    assert near.code == 1
    assert "Near it: “Two of a name”" in near.told
    assert line("status", "second.example", "--json").json["id"] == second
    assert line("revoke", first, "--yes").code == 0
    # What is closed is in nobody's way.
    assert line("status", "two of a name", "--json").json["id"] == second


def test_the_list_is_filtered_and_what_needs_a_person_comes_first(line: Line) -> None:
    mine = {line.connect(f"Listed {number}", f"listed{number}.example")[0] for number in range(3)}
    wanted = ("-q", "listed", "--stage", "new", "--status", "ok", "--site", "in", "--platform", "microsoft365")
    found = line("status", *wanted, "--json").json
    assert {one["id"] for one in found["connections"]} == mine
    assert found["next"] is None
    table = line("status", *wanted).out.splitlines()
    assert len(table) == 4
    assert table[0].startswith("STATUS")
    assert line("status", "-q", "listed", "--stage", "run").told == "There are no such connections.\n"
    shown = {"name": "n", "platform_title": "p", "site": "in", "stage_title": "s", "sentence": None}
    pages = [
        {"connections": [{"status": "ok", "id": "1", **shown}, {"status": "waiting", "id": "2", **shown}], "next": "a"},
        {"connections": [{"status": "attention", "id": "3", **shown}], "next": None},
    ]
    with scripted(*((200, {}, json.dumps(page)) for page in pages)) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert re.findall(r" (\d)$", line("status").out, re.MULTILINE) == ["3", "2", "1"]
    assert [path.partition("?")[2] for path, _ in service.seen] == [
        "order=newest&limit=200",
        "order=newest&limit=200&cursor=a",
    ]


def test_a_file_is_whole_whatever_the_pages_and_no_link_leads_elsewhere(line: Line) -> None:
    elsewhere = {"link": '<http://elsewhere.example/?format=csv&cursor=a>; rel="next"'}
    known = (200, {}, json.dumps({"id": "0" * 32}))
    with scripted(known, (200, elsewhere, "number\r\n1\r\n"), (200, {}, "number\r\n2\r\n")) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line("ledger", "0" * 32, "--format", "csv").out == "number\r\n1\r\n2\r\n"
    assert service.seen[-1][0].endswith("/ledger?format=csv&limit=10000&cursor=a")


@pytest.mark.parametrize(
    ("changed", "typed", "code", "told"),
    [
        ({"FOOTPRINT_TOKEN": ""}, ["status"], 2, "Set FOOTPRINT_TOKEN"),
        ({"FOOTPRINT_URL": ""}, ["status"], 2, "Set FOOTPRINT_URL"),
        ({"FOOTPRINT_URL": "http://footprint.example.com"}, ["status"], 2, "http is for this machine only"),
        ({"FOOTPRINT_URL": "https://me:secret@footprint.example.com"}, ["status"], 2, "FOOTPRINT_URL is an address"),
        ({"FOOTPRINT_URL": "https://footprint.example.com:99999"}, ["status"], 2, "FOOTPRINT_URL is an address"),
        ({"FOOTPRINT_URL": "https://foot print.example.com"}, ["status"], 2, "FOOTPRINT_URL is an address"),
        ({"FOOTPRINT_URL": "https://footprint.example.com/?key=secret"}, ["status"], 2, "FOOTPRINT_URL is an address"),
        ({"FOOTPRINT_URL": "http://127.0.0.1:1"}, ["status"], 1, "(unreachable)"),
        ({"FOOTPRINT_TOKEN": "two\nlines secret"}, ["status"], 2, "cannot be a token"),
        ({"FOOTPRINT_TOKEN": "secret"}, ["status"], 1, "(sign_in_first)"),
        ({"FOOTPRINT_CA_FILE": "/no/such/file"}, ["status"], 2, "FOOTPRINT_CA_FILE"),
        ({}, ["status", "0" * 32], 1, "There is no such connection. (no_such_connection)"),
        ({}, ["connect", "--platform", "elsewhere", "--site", "in", "--name", "X"], 1, "(unknown_platform)"),
        ({}, ["status", "--platform", "elsewhere"], 1, "(unknown_platform)"),
        ({}, ["connect"], 2, "usage:"),
        ({}, ["frobnicate"], 2, "usage:"),
        ({}, [], 2, "usage:"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_and_has_its_exit_code(
    line: Line, changed: Environment, typed: list[str], code: int, told: str
) -> None:
    line.changed = changed
    ran = line(*typed)
    assert ran.code == code, ran
    assert told in ran.told
    assert not ran.out
    assert "secret" not in ran.told


def test_what_the_service_refuses_is_told_in_its_words(line: Line) -> None:
    identifier, _ = line.connect("Not running", "notrunning.example")
    refused = line("sync", identifier)
    assert refused.code == 1
    assert re.fullmatch(r"Only a running connection .* \(not_running\)\n", refused.told)
    assert "(no_such_step)" in line("done", identifier, "nothing").told
    assert "(not_running)" in line("release", identifier, "1").told
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="viewer")}
    assert line("status", identifier).code == 0
    assert "(operators_only)" in line("revoke", identifier, "--yes").told


def test_a_link_is_had_again(line: Line) -> None:
    identifier, _ = line.connect("Again", "again.example")
    assert re.fullmatch(rf"id +{identifier}\nhttp\S+/connect/\S+\n", line("grant", identifier).out)


class Scripted(BaseHTTPRequestHandler):
    """Answers each request with the next line of a script; an empty one breaks the connection off."""

    script: list[tuple[int, dict[str, str], str] | None]
    seen: list[tuple[str, str | None]]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append((f"{self.command} {self.path}", self.headers.get("idempotency-key")))
        answer = self.script.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@contextmanager
def scripted(
    *script: tuple[int, dict[str, str], str] | None, trusted: ssl.SSLContext | None = None
) -> Iterator[tuple[str, type[Scripted]]]:
    """A service that does as it is told, at an address."""

    class Handler(Scripted):
        pass

    Handler.script, Handler.seen = list(script), []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if trusted:
            server.socket = trusted.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if trusted else ''}://127.0.0.1:{server.server_port}", Handler
        finally:
            server.shutdown()
            thread.join()


MADE = (201, {}, json.dumps({"id": "0" * 32, "consent_url": "http://127.0.0.1/connect/x"}))
BUSY = (429, {"retry-after": "0"}, json.dumps({"code": "too_many_requests", "detail": "Slower, please."}))
CONNECT = ("connect", "--platform", "p", "--site", "in", "--name", "n")


# Sent once more while the first is still being carried out.
UNDER_WAY = (409, {"retry-after": "0"}, json.dumps({"code": "still_being_answered", "detail": "Ask again soon."}))


@pytest.mark.parametrize("trouble", [BUSY, (503, {"retry-after": "0"}, "busy"), UNDER_WAY, None])
def test_what_must_be_sent_again_bears_the_same_key(line: Line, trouble: Any) -> None:
    with scripted(trouble, trouble, MADE) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line(*CONNECT).code == 0
        assert len(service.seen) == 3
        assert len(set(service.seen)) == 1
        assert service.seen[0][1]


def test_it_is_not_sent_for_ever_nor_waited_for_at_any_length(line: Line) -> None:
    with scripted(BUSY, BUSY, BUSY, (429, {"retry-after": "3600"}, BUSY[2])) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line(*CONNECT).told.endswith("Slower, please. (too_many_requests)\n")
        assert len(service.seen) == 3
        assert line(*CONNECT).code == 1
        assert len(service.seen) == 4
    keys = {key for _, key in service.seen}
    assert len(keys) == 2


def test_what_needs_a_person_is_not_waited_for(line: Line) -> None:
    now = {
        "id": "0" * 32, "name": "n", "synced_at": None, "working": False, "stage": "run", "stage_title": "Running",
        "status": "attention", "reason": "implausible_loss", "sentence": "Half of it is gone.", "not_before": None,
    }  # fmt: skip
    busy = {**now, "working": True, "sentence": None}
    views = [(200, {}, json.dumps(view)) for view in (now, busy, now)]
    with scripted(views[0], (202, {}, '{"accepted": true}'), *views[1:]) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("sync", "0" * 32, "--wait", "--json")
        assert len(service.seen) == 4
    assert (ran.code, ran.json) == (3, {"accepted": True})
    assert ran.told.splitlines()[1:] == ["Running.", "Running: Half of it is gone.", "This needs a person."]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, "<html>hello</html>"),
        (200, {}, "[]"),
        (200, {}, "{}"),
        (302, {"location": "http://elsewhere.example/"}, ""),
        (404, {}, "not here"),
    ],
)
def test_what_is_not_the_api_is_told(line: Line, answer: Any) -> None:
    with scripted(answer) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("status")
        assert ran.code == 1
        assert address in ran.told
        assert len(service.seen) == 1


def test_an_authority_of_ones_own_is_trusted_if_it_is_named(line: Line, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with scripted(MADE, trusted=context) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        refused = line(*CONNECT)
        assert refused.code == 1
        assert "FOOTPRINT_CA_FILE" in refused.told
        line.changed["FOOTPRINT_CA_FILE"] = str(tmp_path / "ca.pem")
        assert line(*CONNECT).code == 0
        assert len(service.seen) == 1


def test_a_strangers_words_cannot_drive_the_terminal(line: Line) -> None:
    subject = "\x1b]0;owned\x07\u202eevil\r\nsecond"
    one = {"id": 1, "state": "waiting", "at": "2026-11-26T10:00:00+00:00", "address": "a@b.example", "subject": subject}
    known = json.dumps({"id": "0" * 32})
    with scripted((200, {}, known), (200, {}, json.dumps({"items": [one], "next": None}))) as (address, _):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("quarantine", "0" * 32)
    assert len(ran.out.splitlines()) == 2
    assert not set("\x1b\x07\u202e\r") & set(ran.out)


def shown(places: int | None, rows: Sequence[dict[str, str]], *, colour: bool = False) -> list[str]:
    """The lines of a table on a terminal of some width."""
    out = io.StringIO()
    screen = terminal.Terminal(out=out, told=io.StringIO(), keys=io.StringIO(), places=places, colour=colour)
    columns = (
        terminal.marks("NOW", "mark"),
        terminal.column("NAME", "name"),
        terminal.column("WHY", "why"),
        terminal.column("ID", "id", firm=True),
    )
    screen.table(columns, rows, none="none")
    return out.getvalue().splitlines()


def test_a_table_fits_the_terminal_and_loses_nothing() -> None:
    why = "was changed by someone else " * 4
    row = {"mark": "drifted", "name": "株式会社コントソ東京本社", "why": why, "id": "f" * 32}
    for places in (80, 100, 120):
        lines = shown(places, [row])
        assert max(map(terminal.width, lines)) <= places
        assert sum(line.count("changed") for line in lines) == 4
        assert sum("f" * 32 in line for line in lines) == 1
    assert len(shown(None, [row])) == 2
    (mark,) = re.findall("\x1b\\[31m▲ drifted\x1b\\[0m", "\n".join(shown(None, [row], colour=True)))
    assert mark


def on_a_terminal(line: Line, *typed: str, keys: str, **more: str) -> tuple[int, str]:
    """The command in a process of its own, before a terminal on which somebody types."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **line.environment, "COLUMNS": "200", **more}
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared", *typed], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    return process.wait(PATIENCE), _read(ours)


def _read(end: int) -> str:
    read = b""
    try:
        while some := os.read(end, 65536):
            read += some
    except OSError:  # nobody is at the other end any more
        pass
    os.close(end)
    return read.decode()


def test_on_a_terminal_a_revoke_is_shown_and_asked_for(line: Line) -> None:
    identifier, _ = line.connect("Asked", "asked.example")
    code, told = on_a_terminal(line, "revoke", identifier, keys="n\n")
    assert code == 1
    assert "Revoke access of Asked? [y/N]" in told
    assert "Nothing was done." in told
    assert line("status", identifier, "--json").json["stage"] == "new"
    code, told = on_a_terminal(line, "revoke", identifier, keys="y\n")
    assert code == 0
    assert "Access of Asked is being revoked." in told
    assert line("status", identifier, "--json").json["stage"] == "closed"


def test_colour_is_for_terminals_and_for_those_who_want_it(line: Line) -> None:
    identifier, _ = line.connect("Coloured", "coloured.example")
    assert "\x1b[32m● ok\x1b[0m" in on_a_terminal(line, "status", "-q", identifier, keys="")[1]
    assert "\x1b" not in on_a_terminal(line, "status", "-q", identifier, keys="", NO_COLOR="1")[1]
    assert "\x1b" not in line("status", "-q", identifier).out


def test_it_runs_as_a_program_that_loads_little(line: Line) -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own words
            [sys.executable, *words], cwd=ROOT, env={**os.environ, **line.environment}, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    identifier, _ = line.connect("A program", "program.example")
    ran = run("-m", "shared", "status", "a program", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["id"] == identifier
    loaded = run("-c", "import shared.__main__, sys; print(*sorted(sys.modules))").stdout.split()
    ours = {name for name in loaded if name.startswith("shared.")}
    assert {name for name in ours if not name.startswith("shared.cli")} == {
        "shared.__main__",
        "shared.foundation",
        "shared.foundation.errors",
    }
    assert not {"httpx", "shtab", "jwt", "cryptography", "pydantic", "sqlalchemy"} & set(loaded)


def test_whoever_interrupts_is_told_that_the_service_goes_on(line: Line) -> None:
    words = ("connect", "--platform", "microsoft365", "--site", "in", "--name", "Interrupted", "--wait")
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared", *words], cwd=ROOT, env={**os.environ, **line.environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "Send the link" in process.stderr.readline()
        assert process.stderr.readline() == "Waiting for consent.\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "Interrupted. What was asked for goes on by itself.\n"
    assert process.returncode == 130


def test_whoever_has_read_enough_is_not_told_of_it(line: Line) -> None:
    line.connect("Read by somebody", "reader.example")
    piped = f"{shlex.quote(sys.executable)} -m shared status | true"
    ran = subprocess.run(  # noqa: S603 - our own words
        [str(shutil.which("bash")), "-c", piped], cwd=ROOT, env={**os.environ, **line.environment},
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert ran.stderr == ""


def test_every_command_has_its_help_and_an_example(line: Line) -> None:
    whole = line("--help")
    assert whole.code == 0
    for command in commands.COMMANDS:
        told = line(command.name, "--help").out
        assert f"example:\n  python -m shared {command.name}" in told
        assert re.search(rf"^    {command.name}\b", whole.out, re.MULTILINE)
        example = command.example.partition("  #")[0].partition(" >")[0].split()
        assert commands.parser("x").parse_args([command.name, *example]).run is command.run


def test_the_choices_are_the_services_own() -> None:
    assert tuple(map(str, Site)) == commands.SITES
    assert tuple(stage.name.lower() for stage in Stage) == commands.STAGES
    assert tuple(map(str, Status)) == commands.STATUSES


def script(line: Line, shell: str, folder: Path) -> Path:
    """The completion script, in a file."""
    made = line("completion", shell)
    assert made.code == 0
    path = folder / f"completion.{shell}"
    path.write_text(made.out)
    return path


def test_bash_completes_commands_options_and_choices(line: Line, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("skipped: there is no bash here (apt-get install bash)")
    ask = "COMP_WORDS=(footprint {}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _shtab_footprint; echo ${{COMPREPLY[@]}}"
    asked = "; ".join(ask.format(words) for words in ("re", "revoke --ack", "status --stage r", "plan x --for re"))
    source = f"source {script(line, 'bash', tmp_path)}"
    ran = subprocess.run(  # noqa: S603 - our own words
        [bash, "--norc", "-c", f"{source}; complete -p footprint; {asked}; footprint --help"], cwd=tmp_path,
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert lines[0].endswith("footprint")
    assert set(lines[1].split()) == {"reconcile", "release", "revoke"}
    assert lines[2] == "--acknowledge-quarantine"
    assert set(lines[3].split()) == {"run", "revoke"}
    assert set(lines[4].split()) == {"repair", "revoke"}
    assert lines[5].startswith("usage:")


def test_zsh_completes_commands(line: Line, tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("skipped: there is no zsh here (apt-get install zsh)")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own words
        [zsh, "-f", "-i"], cwd=tmp_path, env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "> "}, stdin=theirs,
        stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    path = script(line, "zsh", tmp_path)
    os.write(ours, f'autoload -Uz compinit; compinit -u -D; eval "$(cat {path})"\nfootprint recon\t'.encode())
    read, end = b"", time.monotonic() + PATIENCE
    while b"footprint reconcile" not in read and time.monotonic() < end:
        read += os.read(ours, 65536)
    process.kill()
    process.wait()
    os.close(ours)
    assert b"footprint reconcile" in read, read.decode()
