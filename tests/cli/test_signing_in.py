"""Signing in at the issuer with a code that is typed elsewhere; the file that keeps the token; signing out."""

import json
import os
import re
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import keyring
import pytest

from shared.cli import token_store
from shared.cli.place import Place
from tests.cli.line import DEADLINE_SECONDS, ROOT, Line
from tests.cli.other_keyring import FILE, LOCKED, OtherKeyring

DECLINED = ""


@pytest.fixture
def person(line: Line) -> Line:
    """Somebody before a shell in which no token is set."""
    line.changed = {"FOOTPRINT_TOKEN": "", "FOOTPRINT_CA_FILE": line.machine.ca_file}
    return line


def sign_in(line: Line, account: str) -> tuple[int, str]:
    """Type `auth login`, and on another device the code that it prints; the exit code and the last line."""
    with subprocess.Popen(
        [sys.executable, "-m", "shared", "auth", "login"],
        cwd=ROOT,
        env={**os.environ, **line.environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        found = re.fullmatch(r"Open (https://\S+) and enter the code (\S+)\.\n", told)
        assert found, told
        trusted = ssl.create_default_context(cafile=line.machine.ca_file)
        form = {"user_code": found[2], "account": account}
        httpx.post(found[1], data=form, verify=trusted, trust_env=False).raise_for_status()
        last = process.stderr.read()
        return process.wait(DEADLINE_SECONDS), last


def test_a_person_signs_in_acts_and_signs_out(person: Line) -> None:
    asked = person("connections", "list")
    assert (asked.code, "“footprint auth login”" in asked.told) == (2, True)
    assert person("auth", "status").code == 1
    assert sign_in(person, "olga@msp.example") == (0, f"Signed in to {person.machine.address}.\n")
    identifier, _ = person.connect("Signed in", "signedin.example")
    by = person("ledger", "list", identifier, "--query", "entries[0].actor", "-o", "tsv").out
    assert by == "olga@msp.example\n"
    shown = person("auth", "status")
    assert (shown.code, "tokens.json" in shown.out, "eyJ" in shown.out) == (0, True, False)
    assert person("auth", "logout").told == f"Signed out of {person.machine.address}.\n"
    assert person("connections", "list").code == 2
    assert person("auth", "logout").told == "You were not signed in.\n"


def test_the_file_is_its_owners_and_a_token_is_renewed_before_it_ends(person: Line) -> None:
    sign_in(person, "victor@msp.example")
    file = person.folder / "footprint" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (kept,) = json.loads(file.read_text()).values()
    _write(file, person, {**kept, "until": "2020-01-01T00:00:00+00:00", "access_token": "ended"})
    assert person("connections", "list").code == 0
    (renewed,) = json.loads(file.read_text()).values()
    assert renewed["refresh_token"] != kept["refresh_token"]
    # A refresh token is good once.
    _write(file, person, {**kept, "until": "2020-01-01T00:00:00+00:00"})
    over = person("connections", "list")
    assert (over.code, "(signed_out)" in over.told) == (2, True)
    file.write_text("not JSON")
    assert "(tokens_not_readable)" in person("connections", "list").told


@pytest.fixture
def ring(person: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a keyring that the person's system has."""
    file = person.folder / "keyring.json"
    file.write_text("{}")
    # The library remembers what it chose first: that must not be this one.
    before = keyring.get_keyring()
    monkeypatch.setenv(FILE, str(file))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"{OtherKeyring.__module__}.{OtherKeyring.__name__}")
    keyring.set_keyring(OtherKeyring())
    yield file
    keyring.set_keyring(before)


def test_where_the_system_has_a_keyring_the_token_is_kept_there(person: Line, ring: Path) -> None:
    file = person.folder / "footprint" / "tokens.json"
    # One that was signed in before there was a keyring.
    file.parent.mkdir()
    _write(file, person, {"access_token": "old"})
    assert sign_in(person, "victor@msp.example")[0] == 0
    assert json.loads(file.read_text()) == {}
    parts = json.loads(ring.read_text())
    assert set(parts) == {f"footprint {person.machine.address}"}
    shown = person("auth", "status")
    assert (shown.code, "OtherKeyring" in shown.out, "tokens.json" in shown.out) == (0, True, False)
    assert person("connections", "list").code == 0
    ring.write_text(LOCKED)
    locked = person("connections", "list")
    assert (locked.code, "Unlock it" in locked.told, "(tokens_not_readable)" in locked.told) == (2, True, True)
    ring.write_text(json.dumps(parts))
    assert person("auth", "logout").told == f"Signed out of {person.machine.address}.\n"
    assert json.loads(ring.read_text()) == {}
    assert person("connections", "list").code == 2


def test_a_long_token_is_kept_in_parts(person: Line, ring: Path) -> None:
    place = Place(person.environment)
    for size, parts in ((5000, 6), (1500, 2), (10, 1)):
        kept = {"access_token": "x" * size}
        token_store.keep(place, kept)
        assert (token_store.find(place)[0], len(json.loads(ring.read_text()))) == (kept, parts)


def test_what_a_keyring_refuses_is_kept_in_the_file(person: Line, ring: Path) -> None:
    ring.write_text(LOCKED)
    assert sign_in(person, "victor@msp.example")[0] == 0
    ring.write_text("{}")
    file = person.folder / "footprint" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert person("connections", "list").code == 0


def test_who_declines_is_not_signed_in(person: Line) -> None:
    code, told = sign_in(person, DECLINED)
    assert (code, "“access_denied”" in told) == (1, True)
    assert person("auth", "status").code == 1


def _write(file: Path, line: Line, kept: dict[str, object]) -> None:
    file.write_text(json.dumps({line.machine.address: kept}))
