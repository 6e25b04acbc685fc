"""The kill switch on the command line."""

from tests.cli.line import Line


def test_a_connection_is_halted_listed_and_lifted(line: Line) -> None:
    identifier, _ = line.connect("Halted", "halted.example")
    assert "(administrators_only)" in line("halts", "create", identifier, "--why", "x").told
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="admin")}
    done = line("halts", "create", "halted.example", "--why", "a stolen laptop", "--output", "json")
    assert (done.code, done.json["connections"]) == (0, 1)
    listed = line("halts", "list", "--output", "json").json["halts"]
    assert [(one["scope"], one["why"]) for one in listed] == [(f"connection:{identifier}", "a stolen laptop")]
    assert "a stolen laptop" in line("halts", "list").out
    shown = line("connections", "show", identifier, "--output", "json").json
    assert (shown["status"], shown["reason"]) == ("action_required", "halted")
    assert line("halts", "lift", identifier).code == 0
    assert line("halts", "lift", identifier).code == 1
    assert line("halts", "list").told == "Nothing is halted.\n"
    assert "(no_such_scope)" in line("halts", "create", "site:moon", "--why", "x").told
