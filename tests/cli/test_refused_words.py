"""What the command line itself refuses, each by its code: what is typed, what is set, what is in a file."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.line import Environment, Line
from tests.cli.scripted import CONNECT, scripted

LIST = ("connections", "list")
NOBODY = "0" * 32
VERIFY = ("certificates", "verify")
KNOWN = (200, {}, json.dumps({"id": NOBODY, "name": "n"}))


class Case(NamedTuple):
    """A command, and what it is told. `{file}` is a file that holds `content`, or that is not there."""

    typed: tuple[str, ...]
    code: str
    sentence: str
    exit_code: int = 2
    content: str | None = None
    changed: Environment = {}  # noqa: RUF012 - never written to


BY_WHAT_IS_SET = (
    Case(LIST, "no_url", "Set FOOTPRINT_URL to the address", changed={"FOOTPRINT_URL": ""}),
    Case(LIST, "url_not_valid", "FOOTPRINT_URL must be an address", changed={"FOOTPRINT_URL": "http://a.example"}),
    Case(LIST, "no_token", "Sign in with “footprint auth login”", changed={"FOOTPRINT_TOKEN": ""}),
    Case(LIST, "token_not_valid", "FOOTPRINT_TOKEN cannot be a token", changed={"FOOTPRINT_TOKEN": "two words"}),
    Case(LIST, "ca_file_not_valid", "FOOTPRINT_CA_FILE: no certificates", changed={"FOOTPRINT_CA_FILE": "/none"}),
    Case(
        LIST, "unreachable", "Cannot connect to http://127.0.0.1:1", 1, changed={"FOOTPRINT_URL": "http://127.0.0.1:1"}
    ),
    Case((*LIST, "--query", "["), "query_not_valid", "--query: "),
)
BY_A_FILE = (
    Case(("connections", "apply", "{file}"), "file_not_valid", "FILE: {file} holds no saved plan.", content="{}"),
    Case(("connections", "apply", "{file}"), "file_not_valid", "FILE: {file} holds no saved plan."),
    Case(
        ("policies", "put", NOBODY, "{file}"), "file_not_valid", "FILE: {file} holds no policy as JSON.", content="[]"
    ),
    Case(("policies", "put", NOBODY, "{file}"), "no_such_file", "FILE: cannot read {file}: No such file or directory."),
    Case((*VERIFY, "{file}", "--keys", "{file}"), "file_not_valid", "{file} cannot be read."),
    Case((*VERIFY, "{file}", "--keys", "{file}"), "file_not_valid", "What should be JSON is not.", content="{"),
    Case(
        (*VERIFY, "{file}", "--keys", "http://a.example/k"), "keys_not_valid", "--keys: an address must", content="{}"
    ),
    Case(
        (*VERIFY, "{file}", "--keys", "http://127.0.0.1:1/k"),
        "keys_not_available",
        "127.0.0.1 did not answer with keys",
        1,
        "{}",
    ),
    Case((*VERIFY, "{file}", "--keys", "{file}"), "signature_not_valid", "Do not rely on this document", 1, "{}"),
)


def refused(line: Line, case: Case, file: Path) -> None:
    """The command prints nothing, is told this, and ends with its exit code."""
    line.changed = case.changed
    if case.content is not None:
        file.write_text(case.content)
    ran = line(*(one.format(file=file) for one in case.typed))
    assert (ran.code, ran.out) == (case.exit_code, ""), ran
    told = " ".join(ran.told.split())
    assert f" ({case.code})" in told
    assert case.sentence.format(file=file) in told


@pytest.mark.parametrize("case", [*BY_WHAT_IS_SET, *BY_A_FILE], ids=lambda case: f"{case.code} {case.typed[-1]}")
def test_what_is_typed_or_set_is_refused_before_anything_is_sent(line: Line, case: Case, tmp_path: Path) -> None:
    refused(line, case, tmp_path / "file.json")


def test_a_connection_is_meant_clearly_or_not_at_all(line: Line) -> None:
    first, _ = line.connect("Same name", "one.example")
    line.connect("Same name", "two.example")
    file = Path("unused")
    refused(
        line, Case(("connections", "revoke", "same name", "--yes"), "ambiguous", "“same name” matches several"), file
    )
    told = "No connection has the id, name or tenant “same”. Similar: “Same name”"
    refused(line, Case(("connections", "revoke", "same", "--yes"), "no_such_connection", told, 1), file)
    told = "There is no terminal to ask on: pass --yes"
    refused(line, Case(("connections", "revoke", first), "not_confirmed", told), file)
    told = "Nothing to change: pass --name"
    refused(line, Case(("connections", "edit", first), "nothing_to_change", told), file)
    out = str(file / "nowhere" / "plan.json")
    told = f"--out: cannot write {out}: No such file or directory."
    refused(line, Case(("connections", "plan", first, "--out", out), "file_not_writable", told), file)
    assert line("connections", "show", first, "--output", "json").json["stage"] == "new"


@pytest.mark.parametrize("answer", [(200, {}, "<html>"), (200, {}, "[]"), (302, {"location": "http://b.example/"}, "")])
def test_another_service_is_told_from_ours(line: Line, answer: tuple[int, Environment, str]) -> None:
    with scripted(answer) as (address, service):
        told = f"What answers at {address} is not Footprint's API."
        refused(line, Case(LIST, "not_the_api", told, 1, changed={"FOOTPRINT_URL": address}), Path("unused"))
    assert len(service.seen) == 1


def test_an_order_whose_answer_is_lost_is_sent_again_with_its_key_and_then_told(line: Line) -> None:
    with scripted(*[None] * 5) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line(*CONNECT)
    assert ran.code == 1
    assert ran.told.splitlines()[-1] == (
        f"The connection to {address} was lost. Check whether the request was carried out. (connection_lost)"
    )
    assert len(service.seen) > 1
    assert len({key for _, key in service.seen}) == 1
