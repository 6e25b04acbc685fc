"""The smoke life that a new version is tried by: it passes where all works, and names what does not."""

import json
import re

import pytest

from infra import smoke
from tests.cli.line import Line
from tests.cli.scripted import scripted

NOT_READY = (503, {}, json.dumps({"code": "not_ready", "detail": "Timers that are late: sweep."}))
OWN = "our-own.example"
READY = (200, {}, "{}")


def lived(line: Line, *words: str) -> tuple[int, str, str]:
    """The exit code of a smoke life, what it told, and what was wrong."""
    line.captured.readouterr()
    code = smoke.main(["--site", "in", "--within", "30", *words], line.environment)
    said = line.captured.readouterr()
    return code, said.out, said.err


def test_a_deployment_that_works_lives_it_on_each_platform(line: Line) -> None:
    code, told, wrong = lived(line)
    assert (code, wrong) == (0, "")
    assert told.count("leads to the platform's sign-in") == told.count("a worker has looked at it") == 2
    listed = line("connections", "list", "--output", "json").json["connections"]
    mine = [one for one in listed if one["name"] == smoke.NAME]
    assert {one["platform"] for one in mine} == set(smoke.PLATFORMS)
    assert {one["stage"] for one in mine} == {"closed"}


def test_a_connection_that_is_not_as_declared_is_named(line: Line) -> None:
    tenant = {"platform": "microsoft365", "name": "Our own", "domain": OWN, "users": 2}
    line.machine.ask("POST", "/tenants", tenant)
    identifier, link = line.connect("Of our own", OWN)
    line.machine.consent(link, "Our own")
    line.until(lambda now: now["reason"] == "exchange_role_missing", "connections", "show", identifier)
    code, _, wrong = lived(line, "--platform", "microsoft365", "--connection", identifier)
    assert (code, wrong.startswith("“Of our own” is setting_up: ")) == (1, True), wrong


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ([NOT_READY, NOT_READY], "did not become ready: .*sweep"),
        ([READY, (403, {}, json.dumps({"code": "no_role", "detail": "You have no role."}))], "You have no role"),
    ],
)
def test_what_is_wrong_is_named(line: Line, script: list[tuple[int, dict[str, str], str]], says: str) -> None:
    with scripted(*script) as (address, _):
        line.changed = {"FOOTPRINT_URL": address}
        code, _, wrong = lived(line, "--within", "0.01")
    assert code == 1
    assert re.search(says, wrong), wrong
