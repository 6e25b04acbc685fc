"""Somebody who types commands: within the test, or in a process of its own before a terminal."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.__main__ import main
from tests.harness.machine import OneMachine

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30  # seconds
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
    folder: Path
    changed: Environment = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """What is set: a new token for each command, for the tests move the clock past any token's life."""
        known = {
            "FOOTPRINT_URL": self.machine.address,
            "FOOTPRINT_TOKEN": self.machine.token(),
            # Where no file of another sign-in is.
            "XDG_CONFIG_HOME": str(self.folder),
        }
        return {name: value for name, value in {**known, **self.changed}.items() if value}

    def __call__(self, *typed: str) -> Ran:
        """Type one command."""
        self.captured.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(typed, self.environment)
        said = self.captured.readouterr()
        return Ran(code=int(str(ended.value.code)), out=said.out, told=said.err)

    def until(self, true: Callable[[Any], bool], *typed: str) -> Any:
        """Type a command that prints JSON until something is true of it."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not true(found := self(*typed, "--output", "json").json):
            assert time.monotonic() < end, found
        return found

    def connect(self, name: str, domain: str) -> tuple[str, str]:
        """A new connection's id and consent link."""
        words = ("--platform", "microsoft365", "--site", "in", "--name", name, "--tenant", domain)
        made = self("connections", "create", *words, "--output", "json").json
        return made["id"], made["consent_url"]


def on_a_terminal(line: Line, *typed: str, keys: str, **more: str) -> tuple[int, str]:
    """The command in a process of its own, before a terminal on which somebody types."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **line.environment, "COLUMNS": "200", "TERM": "xterm", **more}
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared", *typed], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    return process.wait(DEADLINE_SECONDS), _read(ours)


def _read(end: int) -> str:
    read = b""
    try:
        while some := os.read(end, 65536):
            read += some
    except OSError:  # nobody is at the other end any more
        pass
    os.close(end)
    return read.decode()
