"""What a terminal shows, and a program that is run from one."""

import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from shared.cli import terminal
from tests.cli.line import DEADLINE_SECONDS, ROOT, Environment, Line, on_a_terminal
from tests.cli.scripted import scripted


def test_a_strangers_words_cannot_drive_the_terminal(line: Line) -> None:
    subject = "\x1b]0;owned\x07\u202eevil\r\nsecond"
    one = {"id": 1, "state": "waiting", "at": "2026-11-26T10:00:00+00:00", "address": "a@b.example", "subject": subject}
    known = json.dumps({"id": "0" * 32})
    with scripted((200, {}, known), (200, {}, json.dumps({"items": [one], "next": None}))) as (address, _):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("quarantine", "list", "0" * 32)
    assert len(ran.out.splitlines()) == 2
    assert not set("\x1b\x07\u202e\r") & set(ran.out)


def on_paper(out: io.StringIO, places: int | None, *, colour: bool = False) -> terminal.Terminal:
    """A terminal of some width whose lines are kept."""
    width, system = places or terminal.UNLIMITED, "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, color_system=system)
    return terminal.Terminal(out=console, told=console)


def shown(places: int | None, rows: Sequence[dict[str, str]], *, colour: bool = False) -> list[str]:
    """The lines of a table on a terminal of some width."""
    out = io.StringIO()
    screen = on_paper(out, places, colour=colour)
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
        assert max(map(cell_len, lines)) <= places
        assert sum(line.count("changed") for line in lines) == 4
        assert sum("f" * 32 in line for line in lines) == 1
    assert any("f" * 32 in line for line in shown(40, [row])), "what is copied stays whole where nothing fits"
    assert len(shown(None, [row])) == 2
    (mark,) = re.findall("\x1b\\[31m▲ drifted\x1b\\[0m", "\n".join(shown(None, [row], colour=True)))
    assert mark


def test_sentences_are_broken_between_words_and_a_link_stays_whole() -> None:
    link = "https://admin.example.com/" + "long-" * 12
    screen = on_paper(out := io.StringIO(), 40)
    screen.facts({"name": "Contoso", "what to do": f"Open {link} and follow " + "all that it says " * 4})
    screen.say("Waiting for consent, which takes as long as the administrator takes.")
    lines = out.getvalue().splitlines()
    assert lines[0] == "name        Contoso"
    assert sum(link in line for line in lines) == 1
    assert max(len(line) for line in lines if link not in line) <= 40
    assert out.getvalue().split() == [
        *["name", "Contoso", "what", "to", "do", "Open"],
        link,
        *["and", "follow"],
        *("all that it says " * 4).split(),
        *["Waiting", "for", "consent,", "which", "takes", "as", "long", "as"],
        *["the", "administrator", "takes."],
    ]


def test_on_a_terminal_a_revoke_is_shown_and_asked_for(line: Line) -> None:
    identifier, _ = line.connect("Asked", "asked.example")
    code, told = on_a_terminal(line, "connections", "revoke", identifier, keys="n\n")
    assert code == 1
    assert "Revoke access of Asked? [y/N]" in told
    assert "Nothing was changed." in told
    assert line("connections", "show", identifier, "--output", "json").json["stage"] == "new"
    code, told = on_a_terminal(line, "connections", "revoke", identifier, keys="y\n")
    assert code == 0
    assert "Access of Asked is being revoked." in told
    assert line("connections", "show", identifier, "--output", "json").json["stage"] == "closed"


def test_colour_is_for_terminals_and_for_those_who_want_it(line: Line) -> None:
    identifier, _ = line.connect("Coloured", "coloured.example")
    assert "\x1b[33m◇ awaiting consent" in on_a_terminal(line, "connections", "list", "-q", identifier, keys="")[1]
    assert "\x1b" not in on_a_terminal(line, "connections", "list", "-q", identifier, keys="", NO_COLOR="1")[1]
    assert "\x1b" not in line("connections", "list", "-q", identifier).out


def test_it_runs_as_a_program_that_loads_little(line: Line) -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own words
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, **line.environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    identifier, _ = line.connect("A program", "program.example")
    ran = run("-m", "shared", "connections", "show", "a program", "--output", "json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["id"] == identifier
    loaded = run("-c", "import shared.__main__, sys; print(*sorted(sys.modules))").stdout.split()
    ours = {name for name in loaded if name.startswith("shared.")}
    # What is said about errors and commands comes with the first command; the rest of the service never.
    assert ours == {"shared.__main__"}
    used = run("-c", "import shared.cli.commands, sys; print(*sorted(sys.modules))").stdout.split()
    theirs = {name for name in used if name.startswith("shared.") and not name.startswith("shared.cli")}
    assert theirs == {"shared.foundation", "shared.foundation.errors"}
    assert not {"httpx", "typer.rich_utils", "jwt", "cryptography", "pydantic", "sqlalchemy"} & set(used)


def test_a_person_who_interrupts_is_told_that_the_service_goes_on(line: Line) -> None:
    words = ("connections", "create", "--platform", "microsoft365", "--site", "in", "--name", "Interrupted", "--wait")
    # A shell starts what runs in its background with the interrupt ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared", *words],
        cwd=ROOT,
        env={**os.environ, **line.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Send the link" in process.stderr.readline()
        assert process.stderr.readline() == "Waiting for consent.\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "Interrupted. What was requested continues in the service.\n"
    assert process.returncode == 130


def test_a_reader_who_has_read_enough_is_not_told_of_it(line: Line) -> None:
    line.connect("Read by somebody", "reader.example")
    piped = f"{shlex.quote(sys.executable)} -m shared connections list | true"
    ran = subprocess.run(  # noqa: S603 - our own words
        [str(shutil.which("bash")), "-c", piped],
        cwd=ROOT,
        env={**os.environ, **line.environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    assert ran.stderr == ""


@pytest.fixture
def shell_environment(tmp_path: Path) -> Environment:
    """An environment in which `footprint` is installed."""
    program = tmp_path / "footprint"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m shared "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "> "}


def test_bash_completes_commands_options_and_choices(shell_environment: Environment) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("skipped: there is no bash here (apt-get install bash)")
    source = 'eval "$(_FOOTPRINT_COMPLETE=source_bash footprint)"; complete -p footprint'
    ask = (
        "COMP_WORDS=(footprint {}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _footprint_completion footprint; "
        "echo ${{COMPREPLY[@]}}"
    )
    asked = "; ".join(
        ask.format(words)
        for words in (
            "connections re",
            "connections revoke --ack",
            "connections list --stage r",
            "connections plan x --for re",
        )
    )
    ran = subprocess.run(  # noqa: S603 - our own words
        [bash, "--norc", "-c", f"{source}; {asked}; footprint --help"],
        env=shell_environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    lines = ran.stdout.splitlines()
    assert lines[0].endswith("footprint")
    assert set(lines[1].split()) == {"reconnect", "repair", "resume", "revoke"}
    assert lines[2] == "--acknowledge-quarantine"
    assert set(lines[3].split()) == {"run", "revoke"}
    assert set(lines[4].split()) == {"repair", "revoke"}
    assert "Usage: footprint" in "\n".join(lines[5:])


def test_zsh_completes_commands(shell_environment: Environment, tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("skipped: there is no zsh here (apt-get install zsh)")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own words
        [zsh, "-f", "-i"],
        cwd=tmp_path,
        env=shell_environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    source = 'eval "$(_FOOTPRINT_COMPLETE=source_zsh footprint)"'
    os.write(ours, f"autoload -Uz compinit; compinit -u -D; {source}\nfootprint connec\t".encode())
    read, end = b"", time.monotonic() + DEADLINE_SECONDS
    while b"footprint connections" not in read and time.monotonic() < end:
        read += os.read(ours, 65536)
    process.kill()
    process.wait()
    os.close(ours)
    assert b"footprint connections" in read, read.decode()
