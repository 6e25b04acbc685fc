"""A thousand tamperings of an exported ledger and of the file of anchors, and every one is found."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.cli.verification import chained
from shared.engine.certificate import Certificate
from shared.flows import anchors
from shared.flows.timers import fire
from shared.foundation.errors import FootprintError
from shared.foundation.hash_chain import entry_hash
from shared.foundation.schedule import TIMERS
from tests.harness.client import ask
from tests.harness.leftovers import exit_record
from tests.harness.world import World

ANCHOR = next(timer for timer in TIMERS if timer.name == "anchor")
OF_LEDGERS, OF_ANCHORS = 850, 150
Entries = list[dict[str, Any]]


def _changed(entries: Entries, chance: random.Random) -> None:
    entry = chance.choice(entries)
    name = chance.choice(sorted(entry))
    entry[name] = "changed" if entry[name] != "changed" else 7


def _changed_with_its_hash(entries: Entries, chance: random.Random) -> None:
    entry = chance.choice(entries)
    entry["note"] = "changed"
    entry["hash"] = entry_hash(entry)


def _left_out(entries: Entries, chance: random.Random) -> None:
    del entries[chance.randrange(len(entries))]


def _cut_off(entries: Entries, chance: random.Random) -> None:
    del entries[chance.randrange(len(entries)) :]


def _swapped(entries: Entries, chance: random.Random) -> None:
    place = chance.randrange(len(entries) - 1)
    entries[place], entries[place + 1] = entries[place + 1], entries[place]


def _doubled(entries: Entries, chance: random.Random) -> None:
    place = chance.randrange(len(entries))
    entries.insert(place, entries[place])


def _written_anew(entries: Entries, chance: random.Random) -> None:
    """From some entry to the end every hash is right again."""
    place = chance.randrange(len(entries))
    entries[place]["note"] = "written anew"
    for number in range(place, len(entries)):
        if number:
            entries[number]["previous_hash"] = entries[number - 1]["hash"]
        entries[number]["hash"] = entry_hash(entries[number])


def _slipped_in(entries: Entries, chance: random.Random) -> None:
    """A forged entry is put in, and the rest is numbered and chained anew."""
    place = chance.randrange(len(entries))
    entries.insert(place, {**entries[place], "note": "slipped in"})
    for number in range(place, len(entries)):
        entries[number] = {**entries[number], "number": number + 1}
        if number:
            entries[number]["previous_hash"] = entries[number - 1]["hash"]
        entries[number]["hash"] = entry_hash(entries[number])


TAMPERINGS: tuple[Callable[[Entries, random.Random], None], ...] = (
    _changed,
    _changed_with_its_hash,
    _left_out,
    _cut_off,
    _swapped,
    _doubled,
    _written_anew,
    _slipped_in,
)


async def lived(world: World, tmp_path: Path) -> tuple[World, Entries, Certificate]:
    """A process that anchors twice in a life, the closed connection's exported ledger, and its certificate."""
    connection = await world.connect()
    process = await world.again(anchors=tmp_path / "anchors.ndjson")
    await fire(process.app, ANCHOR)
    closed = await world.leave(connection)
    await fire(process.app, ANCHOR)
    path = f"/api/connections/{closed.id}/ledger?format=ndjson&limit=10000"
    answer = await ask(world, "GET", path, token=world.sims.operator_token())
    exported = [json.loads(line) for line in answer.body.decode().splitlines()]
    return process, exported, await exit_record(world, closed)


@pytest.mark.hazard(47)
async def test_a_thousand_tamperings_of_a_ledger_and_its_anchors_are_found(world: World, tmp_path: Path) -> None:
    process, exported, record = await lived(world, tmp_path)
    chance, file = random.Random(47), tmp_path / "ledger.ndjson"  # noqa: S311 - the same each time
    whole = json.dumps(exported)
    certified = exported[: record["ledger"]["entries"]]
    file.write_text("\n".join(json.dumps(entry) for entry in certified))
    assert "whole" in chained(file, record)
    for number in range(OF_LEDGERS):
        entries: Entries = json.loads(whole)[: record["ledger"]["entries"]]
        TAMPERINGS[number % len(TAMPERINGS)](entries, chance)
        file.write_text("\n".join(json.dumps(entry) for entry in entries))
        with pytest.raises(FootprintError):
            chained(file, record)
    assert await anchors.differences(process.app) == []
    kept = process.app.settings.anchors
    assert kept is not None
    before = kept.read_text()
    for number in range(OF_ANCHORS):
        kept.write_text(_tampered(before, chance))
        assert await anchors.differences(process.app) != [], number


def _tampered(text: str, chance: random.Random) -> str:
    """The file of anchors after one change. That its own last lines are cut off, its place must prevent."""
    lines = text.splitlines()
    match chance.randrange(4):
        case 0:
            return "\n".join(lines[1:])
        case 1:
            return "\n".join(reversed(lines))
        case 2:
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            return "\n".join(lines)
        case _:
            number = chance.randrange(len(lines))
            record = json.loads(lines[number])
            leaf = chance.choice(record["leaves"])
            name = chance.choice(("connection", "entries", "head", "checkpoint"))
            if name == "checkpoint":
                place = chance.randrange(len(record[name]) - 6)
                letter = "A" if record[name][place] != "A" else "B"
                record[name] = record[name][:place] + letter + record[name][place + 1 :]
            else:
                leaf[name] = leaf[name] - 1 if name == "entries" else f"0{leaf[name][:-1]}x"
            lines[number] = json.dumps(record)
            return "\n".join(lines)
