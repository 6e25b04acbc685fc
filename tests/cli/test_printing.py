"""The forms in which a command prints its answer, and the part of it that is selected."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.line import Line
from tests.cli.scripted import scripted

EVIL = '=HYPERLINK("http://evil.example")\x1b]0;owned\x07\tsecond'


def test_a_list_is_printed_in_every_form(line: Line) -> None:
    identifier, _ = line.connect("Printed", "printed.example")
    words = ("connections", "list", "-q", "printed.example")
    assert line(*words, "--output", "json").json["connections"][0]["id"] == identifier
    (row,) = csv.DictReader(io.StringIO(line(*words, "--output", "csv").out))
    assert (row["id"], row["name"], row["status"]) == (identifier, "Printed", "awaiting_consent")
    cells = line(*words, "--output", "tsv").out.rstrip("\n").split("\t")
    assert (cells[0], cells[1], identifier in cells) == ("awaiting_consent", "Printed", True)
    assert line(*words, "--query", "connections[].id", "--output", "tsv").out == f"{identifier}\n"
    assert line(*words, "--query", "connections[].id").out == f"{identifier}\n"
    table = line(*words, "--query", "connections[].{who: name, where: site}").out
    assert [one.split() for one in table.splitlines()] == [["WHO", "WHERE"], ["Printed", "in"]]
    assert line(*words, "--query", "connections[0].[name, site]", "-o", "json").json == ["Printed", "in"]
    assert line(*words, "--query", "nothing", "-o", "json").json is None
    assert line(*words, "--query", "nothing", "-o", "csv").out == ""


@pytest.mark.parametrize("query", ["connections[", "unknown(@)", "length(`1`)"])
def test_what_is_no_query_is_told_with_its_option(line: Line, query: str) -> None:
    refused = line("connections", "list", "--query", query)
    assert (refused.code, refused.out) == (2, "")
    assert refused.told.startswith("--query: ")


@pytest.mark.parametrize("output", ["table", "csv", "tsv", "json"])
def test_what_strangers_wrote_is_nothing_that_a_terminal_or_a_spreadsheet_obeys(line: Line, output: str) -> None:
    item = {"id": 1, "state": "waiting", "at": "2026-11-26T10:00:00+00:00", "address": "a@b.example", "subject": EVIL}
    answers = ({"id": "0" * 32}, {"items": [item], "next": None})
    for query in ((), ("--query", "items[].subject")):
        with scripted(*((200, {}, json.dumps(one)) for one in answers)) as (address, _):
            line.changed = {"FOOTPRINT_URL": address}
            printed = line("quarantine", "list", "0" * 32, "--output", output, *query).out
        assert not {"\x1b", "\x07"} & set(printed)
        if output == "csv":
            assert "'=HYPERLINK" in printed


def test_any_request_is_passed_through(line: Line, tmp_path: Path) -> None:
    identifier, _ = line.connect("Passed", "passed.example")
    found = line("api", "GET", "/connections?q=passed.example&limit=1", "--output", "json").json
    assert [one["id"] for one in found["connections"]] == [identifier]
    (body := tmp_path / "body.json").write_text('{"name": "Passed on"}')
    assert (
        line("api", "PATCH", f"/connections/{identifier}", "--input", str(body), "-o", "json").json["name"]
        == "Passed on"
    )
    assert line("api", "DELETE", f"/connections/{identifier}/invitation", "-o", "json").json is None
    assert "(no_such_page)" in line("api", "GET", "/nothing").told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["GET", "//elsewhere.example/x"], "PATH: "),
        (["GET", "https://elsewhere.example/x"], "PATH: "),
        (["GET", "/connections", "--header", "Authorization: Bearer x"], "--header: Authorization"),
        (["GET", "/connections", "--header", "nothing"], "--header: "),
        (["POST", "/connections", "--input", "/no/such/file"], "--input: /no/such/file"),
    ],
)
def test_a_request_that_goes_elsewhere_or_cannot_be_sent_is_refused(line: Line, typed: list[str], told: str) -> None:
    refused = line("api", *typed)
    assert (refused.code, refused.told.startswith(told)) == (2, True)


def test_a_policy_is_shown_changed_put_back_and_deleted(line: Line, tmp_path: Path) -> None:
    identifier, _ = line.connect("Policies", "policies.example")
    name = line("policies", "list", identifier, "--query", "policies[0].name", "-o", "tsv").out.strip()
    policy = line("policies", "show", identifier, name, "-o", "json").json
    assert "everyone" in line("policies", "show", identifier, name).out
    (file := tmp_path / "policy.json").write_text(json.dumps({**policy, "name": "second", "order": 7}))
    assert line("policies", "put", identifier, str(file)).told == "Policy second was created.\n"
    file.write_text(json.dumps({**policy, "name": "second", "order": 8}))
    assert line("policies", "put", identifier, str(file)).told == "Policy second was replaced.\n"
    assert line("policies", "show", identifier, "second", "-o", "json").json["order"] == 8
    until = ("--until", "2099-01-01T00:00:00Z", "--then", "act")
    assert line("policies", "report-only", identifier, "second", *until).told == "Policy second reports only.\n"
    assert "until 2099-01-01T00:00:00Z, then acts" in line("policies", "list", identifier, "-o", "table").out
    assert line("policies", "act", identifier, "second").told == "Policy second acts now.\n"
    assert line("policies", "show", identifier, "second", "-o", "json").json["report_only"] is False
    assert line("policies", "delete", identifier, "second").code == 0
    assert "(no_such_policy)" in line("policies", "delete", identifier, "second").told
    file.write_text("[]")
    assert line("policies", "put", identifier, str(file)).code == 2
    file.write_text("{}")
    assert "“name”" in line("policies", "put", identifier, str(file)).told
