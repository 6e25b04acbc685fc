"""What single commands print and refuse, before the local machine, over sockets."""

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_group

from shared.cli import call, commands
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.foundation.schedule import Site
from tests.cli.line import ROOT, Environment, Line
from tests.cli.scripted import scripted


def test_a_connection_is_found_by_name_or_tenant_and_an_unclear_one_is_told(line: Line) -> None:
    first, _ = line.connect("Two of a name", "first.example")
    second, _ = line.connect("Two of a name", "second.example")
    unclear = line("connections", "plan", "two of a NAME")
    assert unclear.code == 2
    assert first in unclear.told
    assert second in unclear.told
    near = line("connections", "show", "two of")
    assert near.code == 1
    assert "Similar: “Two of a name”" in near.told
    assert line("connections", "show", "second.example", "--output", "json").json["id"] == second
    assert line("connections", "revoke", first, "--yes").code == 0
    # What is closed is in nobody's way.
    assert line("connections", "show", "two of a name", "--output", "json").json["id"] == second


def test_the_list_is_filtered_and_what_needs_a_person_comes_first(line: Line) -> None:
    mine = {line.connect(f"Listed {number}", f"listed{number}.example")[0] for number in range(3)}
    wanted = (
        "-q",
        "listed",
        "--stage",
        "new",
        "--status",
        "awaiting_consent",
        "--site",
        "in",
        "--platform",
        "microsoft365",
    )
    found = line("connections", "list", *wanted, "--output", "json").json
    assert {one["id"] for one in found["connections"]} == mine
    assert found["next"] is None
    table = line("connections", "list", *wanted).out.splitlines()
    assert len(table) == 4
    assert table[0].startswith("STATUS")
    assert line("connections", "list", "-q", "listed", "--stage", "run").told == "There are no such connections.\n"
    shown = {"name": "n", "platform_title": "p", "site": "in", "stage_title": "s", "sentence": None}
    pages = [
        {
            "connections": [{"status": "healthy", "id": "1", **shown}, {"status": "degraded", "id": "2", **shown}],
            "next": "a",
        },
        {"connections": [{"status": "action_required", "id": "3", **shown}], "next": None},
    ]
    with scripted(*((200, {}, json.dumps(page)) for page in pages)) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert re.findall(r" (\d)$", line("connections", "list").out, re.MULTILINE) == ["3", "2", "1"]
    assert [path.partition("?")[2] for path, _ in service.seen] == [
        "order=newest&limit=200",
        "order=newest&limit=200&cursor=a",
    ]


@pytest.mark.parametrize(
    ("changed", "typed", "code", "told"),
    [
        ({"FOOTPRINT_TOKEN": ""}, ["connections", "list"], 2, "or set FOOTPRINT_TOKEN"),
        ({"FOOTPRINT_URL": ""}, ["connections", "list"], 2, "Set FOOTPRINT_URL"),
        (
            {"FOOTPRINT_URL": "http://footprint.example.com"},
            ["connections", "list"],
            2,
            "http is for this machine only",
        ),
        (
            {"FOOTPRINT_URL": "https://me:secret@footprint.example.com"},
            ["connections", "list"],
            2,
            "FOOTPRINT_URL must be",
        ),
        ({"FOOTPRINT_URL": "https://footprint.example.com:99999"}, ["connections", "list"], 2, "FOOTPRINT_URL must be"),
        ({"FOOTPRINT_URL": "https://foot print.example.com"}, ["connections", "list"], 2, "FOOTPRINT_URL must be"),
        (
            {"FOOTPRINT_URL": "https://footprint.example.com/?key=secret"},
            ["connections", "list"],
            2,
            "FOOTPRINT_URL must be",
        ),
        ({"FOOTPRINT_URL": "http://127.0.0.1:1"}, ["connections", "list"], 1, "(unreachable)"),
        ({"FOOTPRINT_TOKEN": "two\nlines secret"}, ["connections", "list"], 2, "cannot be a token"),
        ({"FOOTPRINT_TOKEN": "secret"}, ["connections", "list"], 1, "(sign_in_first)"),
        ({"FOOTPRINT_CA_FILE": "/no/such/file"}, ["connections", "list"], 2, "FOOTPRINT_CA_FILE"),
        ({}, ["connections", "show", "0" * 32], 1, "There is no such connection. (no_such_connection)"),
        (
            {},
            ["connections", "create", "--platform", "elsewhere", "--site", "in", "--name", "X"],
            1,
            "(unknown_platform)",
        ),
        ({}, ["connections", "list", "--platform", "elsewhere"], 1, "(unknown_platform)"),
        ({}, ["connections", "create"], 2, "Usage:"),
        ({}, ["policies", "try", "0" * 32, "risky", "/no/such/file"], 2, "FILE: cannot read /no/such/file"),
        ({}, ["frobnicate"], 2, "Usage:"),
        ({}, [], 2, "Usage:"),
    ],
)
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
    refused = line("connections", "sync", identifier)
    assert refused.code == 1
    lead = rf"What it means: {line.machine.address}/runbook/not_running\n"
    assert re.fullmatch(rf"Sync and repair need .* \(not_running\)\n{lead}", refused.told)
    assert "(no_such_step)" in line("steps", "complete", identifier, "nothing").told
    assert "(not_running)" in line("quarantine", "release", identifier, "1").told
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="viewer")}
    assert line("connections", "show", identifier).code == 0
    assert "(operators_only)" in line("connections", "revoke", identifier, "--yes").told


def test_input_that_is_not_valid_is_told_by_its_options(line: Line) -> None:
    words = ("--platform", "microsoft365", "--site", "in", "--name", "", "--tenant", "two\nlines")
    refused = line("connections", "create", *words)
    assert refused.code == 1
    assert re.search(r"^--name: .* --tenant: .* \(not_valid\)\n", refused.told, re.DOTALL)
    identifier, _ = line.connect("Edited", "edited.example")
    assert "--contact: " in line("connections", "edit", identifier, "--contact", "nobody").told
    assert "'--site'" in line("connections", "list", "--site", "mars").told


def test_a_link_is_had_again(line: Line) -> None:
    identifier, _ = line.connect("Again", "again.example")
    assert re.fullmatch(rf"id +{identifier}\nhttp\S+/connect#\S+\n", line("connections", "reconnect", identifier).out)


def test_every_command_has_its_help_and_an_example(line: Line) -> None:
    whole = line("--help")
    assert whole.code == 0
    groups: dict[str, Any] = {"": get_group(commands.app)}
    for noun, about in commands.NOUNS.items():
        groups[noun] = groups[""].commands[noun]
        assert re.search(rf"^│ {noun} ", whole.out, re.MULTILINE)
        assert line(noun, "--help").out.count(about.partition(":")[0]) == 1
    typed = {" ".join(filter(None, (noun, verb))) for noun, group in groups.items() for verb in group.commands}
    assert typed - set(commands.NOUNS) == set(commands.COMMANDS)
    for name, one in commands.COMMANDS.items():
        told = line(*name.split(), "--help").out
        assert f"Example: footprint {name} {one.example}".strip() in " ".join(told.split())
        assert ("--query" in told) is one.prints
        noun, _, verb = name.rpartition(" ")
        command = groups[noun].commands[verb]
        assert command.make_context(verb, shlex.split(one.example.partition(" >")[0])).command is command
        assert inspect.unwrap(command.callback) is one.run


def test_what_is_printed_at_local_start_is_a_command() -> None:
    printed = re.findall(r"-m shared ([a-z]+ [a-z]+)$", (ROOT / "infra/local/__main__.py").read_text(), re.MULTILINE)
    assert printed
    assert set(printed) <= set(commands.COMMANDS)


def test_the_choices_are_the_services_own() -> None:
    assert tuple(map(str, Site)) == get_args(call.Site)
    assert tuple(stage.name.lower() for stage in Stage) == get_args(call.Stage)
    assert tuple(map(str, Status)) == get_args(call.Status)


def test_a_batch_is_planned_confirmed_and_followed(line: Line, tmp_path: Path) -> None:
    mine = [line.connect(f"Batched {number}", f"batched{number}.example")[0] for number in range(2)]
    where = ("--where", "q=Batched")
    unasked = line("batches", "create", "revoke", *where)
    assert (unasked.code, "pass --confirm 2" in unasked.told) == (2, True)
    assert "2 connections match, 2 ready" in unasked.told
    assert line("batches", "create", "revoke", *where, "--confirm", "3").code == 1
    refused = line("batches", "create", "sync", *where, "--confirm", "2", "--wait")
    assert (refused.code, refused.out.count("Sync and repair need")) == (1, 2)
    assert "2 refuse: not running (Batched 0, Batched 1)" in refused.told
    (tmp_path / "policy.json").write_text(json.dumps({"name": "everyone", "everyone": True}))
    sets = ("batches", "create", "set-policy", *where, "--confirm", "2")
    assert (line(*sets).code, line(*sets, "--policy", str(tmp_path / "none.json")).code) == (2, 2)
    put = line(*sets, "--policy", str(tmp_path / "policy.json"), "--wait")
    assert (put.code, "2 have a policy of this name, which is replaced" in put.told) == (0, True)
    assert "set-policy “everyone”" in line("batches", "list").out
    ran = line("batches", "create", "revoke", *where, "--confirm", "2", "--wait", "--output", "json")
    assert (ran.code, {one["connection"] for one in ran.json["items"]}) == (0, set(mine))
    assert line("batches", "create", "sync", "--where", "name=x").code == 2
    assert line("connections", "edit", mine[0], "--name", "Late").code == 1
