"""What single commands print and refuse, before the local machine, over sockets."""

import inspect
import json
import re
import shlex
from typing import get_args

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from shared.cli import call, commands
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.foundation.schedule import Site
from tests.cli.line import Environment, Line
from tests.cli.scripted import scripted


def test_a_connection_is_found_by_name_or_tenant_and_an_unclear_one_is_told(line: Line) -> None:
    first, _ = line.connect("Two of a name", "first.example")
    second, _ = line.connect("Two of a name", "second.example")
    unclear = line("plan", "two of a NAME")
    assert unclear.code == 2
    assert first in unclear.told
    assert second in unclear.told
    near = line("status", "two of")
    assert near.code == 1
    assert "Similar: “Two of a name”" in near.told
    assert line("status", "second.example", "--json").json["id"] == second
    assert line("revoke", first, "--yes").code == 0
    # What is closed is in nobody's way.
    assert line("status", "two of a name", "--json").json["id"] == second


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
    found = line("status", *wanted, "--json").json
    assert {one["id"] for one in found["connections"]} == mine
    assert found["next"] is None
    table = line("status", *wanted).out.splitlines()
    assert len(table) == 4
    assert table[0].startswith("STATUS")
    assert line("status", "-q", "listed", "--stage", "run").told == "There are no such connections.\n"
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
        assert re.findall(r" (\d)$", line("status").out, re.MULTILINE) == ["3", "2", "1"]
    assert [path.partition("?")[2] for path, _ in service.seen] == [
        "order=newest&limit=200",
        "order=newest&limit=200&cursor=a",
    ]


@pytest.mark.parametrize(
    ("changed", "typed", "code", "told"),
    [
        ({"FOOTPRINT_TOKEN": ""}, ["status"], 2, "Set FOOTPRINT_TOKEN"),
        ({"FOOTPRINT_URL": ""}, ["status"], 2, "Set FOOTPRINT_URL"),
        ({"FOOTPRINT_URL": "http://footprint.example.com"}, ["status"], 2, "http is for this machine only"),
        ({"FOOTPRINT_URL": "https://me:secret@footprint.example.com"}, ["status"], 2, "FOOTPRINT_URL must be"),
        ({"FOOTPRINT_URL": "https://footprint.example.com:99999"}, ["status"], 2, "FOOTPRINT_URL must be"),
        ({"FOOTPRINT_URL": "https://foot print.example.com"}, ["status"], 2, "FOOTPRINT_URL must be"),
        ({"FOOTPRINT_URL": "https://footprint.example.com/?key=secret"}, ["status"], 2, "FOOTPRINT_URL must be"),
        ({"FOOTPRINT_URL": "http://127.0.0.1:1"}, ["status"], 1, "(unreachable)"),
        ({"FOOTPRINT_TOKEN": "two\nlines secret"}, ["status"], 2, "cannot be a token"),
        ({"FOOTPRINT_TOKEN": "secret"}, ["status"], 1, "(sign_in_first)"),
        ({"FOOTPRINT_CA_FILE": "/no/such/file"}, ["status"], 2, "FOOTPRINT_CA_FILE"),
        ({}, ["status", "0" * 32], 1, "There is no such connection. (no_such_connection)"),
        ({}, ["connect", "--platform", "elsewhere", "--site", "in", "--name", "X"], 1, "(unknown_platform)"),
        ({}, ["status", "--platform", "elsewhere"], 1, "(unknown_platform)"),
        ({}, ["connect"], 2, "Usage:"),
        ({}, ["try", "0" * 32, "risky", "/no/such/file"], 2, "Cannot read /no/such/file"),
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
    refused = line("sync", identifier)
    assert refused.code == 1
    lead = rf"What it means: {line.machine.address}/runbook/not_running\n"
    assert re.fullmatch(rf"Sync and repair need .* \(not_running\)\n{lead}", refused.told)
    assert "(no_such_step)" in line("done", identifier, "nothing").told
    assert "(not_running)" in line("release", identifier, "1").told
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="viewer")}
    assert line("status", identifier).code == 0
    assert "(operators_only)" in line("revoke", identifier, "--yes").told


def test_a_link_is_had_again(line: Line) -> None:
    identifier, _ = line.connect("Again", "again.example")
    assert re.fullmatch(rf"id +{identifier}\nhttp\S+/connect#\S+\n", line("grant", identifier).out)


def test_every_command_has_its_help_and_an_example(line: Line) -> None:
    whole = line("--help")
    assert whole.code == 0
    group = get_command(commands.app)
    assert isinstance(group, TyperGroup)
    assert set(group.commands) == set(commands.COMMANDS)
    for name, (run, example) in commands.COMMANDS.items():
        told = line(name, "--help").out
        assert f"Example: footprint {name} {example}" in " ".join(told.split())
        assert re.search(rf"^│ {name} ", whole.out, re.MULTILINE)
        command = group.commands[name]
        assert command.make_context(name, shlex.split(example.partition(" >")[0])).command is command
        assert inspect.unwrap(command.callback) is run


def test_the_choices_are_the_services_own() -> None:
    assert tuple(map(str, Site)) == get_args(call.Site)
    assert tuple(stage.name.lower() for stage in Stage) == get_args(call.Stage)
    assert tuple(map(str, Status)) == get_args(call.Status)


def test_a_batch_is_planned_confirmed_and_followed(line: Line) -> None:
    mine = [line.connect(f"Batched {number}", f"batched{number}.example")[0] for number in range(2)]
    where = ("--where", "q=Batched")
    unasked = line("batch", "revoke", *where)
    assert (unasked.code, "pass --confirm 2" in unasked.told) == (2, True)
    assert "2 connections match, 2 ready" in unasked.told
    assert line("batch", "revoke", *where, "--confirm", "3").code == 1
    refused = line("batch", "sync", *where, "--confirm", "2", "--wait")
    assert (refused.code, refused.out.count("Sync and repair need")) == (1, 2)
    ran = line("batch", "revoke", *where, "--confirm", "2", "--wait", "--json")
    assert (ran.code, {one["connection"] for one in ran.json["items"]}) == (0, set(mine))
    assert line("batch", "sync", "--where", "name=x").code == 2
    assert line("edit", mine[0], "--name", "Late").code == 1
