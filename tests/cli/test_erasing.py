"""Erasing on the command line: a closed connection, and a person."""

from pathlib import Path

from tests.cli.line import Line, on_a_terminal


def test_a_closed_connection_is_erased_with_its_exported_ledger(line: Line, tmp_path: Path) -> None:
    identifier, _ = line.connect("Erased", "erased.example")
    file = tmp_path / "ledger.ndjson"
    file.write_text(line("ledger", "export", identifier).out)
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="admin")}
    typed = ("connections", "erase", identifier, "--ledger", str(file))
    assert "(not_confirmed)" in line(*typed).told
    assert "(not_closed)" in line(*typed, "--yes").told
    line("connections", "revoke", identifier, "--yes", "--wait")
    assert "(not_exported)" in line(*typed, "--yes").told
    file.write_text(line("ledger", "export", identifier).out)
    code, told = on_a_terminal(line, *typed, keys="Another\n")
    assert (code, "Nothing was changed." in told) == (1, True)
    code, told = on_a_terminal(line, *typed, keys="Erased\n")
    assert (code, "A tombstone stays" in told, identifier in told) == (0, True, True)
    assert "(no_such_connection)" in line("connections", "show", identifier).told
    file.write_text("no ledger\n")
    other, _ = line.connect("Other", "other.example")
    assert "(file_not_valid)" in line("connections", "erase", other, "--ledger", str(file), "--yes").told


def test_a_person_is_erased_and_their_name_is_gone_from_the_ledger(line: Line) -> None:
    who = "maria@msp.example"
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(name=who)}
    identifier, _ = line.connect("Named", "named.example")
    assert who in line("ledger", "list", identifier).out
    assert "(administrators_only)" in line("people", "erase", who, "--yes").told
    line.changed = {"FOOTPRINT_TOKEN": line.machine.token(role="admin")}
    assert line("people", "erase", who, "--yes").code == 0
    shown = line("ledger", "list", identifier)
    assert "erased" in shown.out
    assert who not in shown.out
