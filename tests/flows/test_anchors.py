"""Anchored heads: what the database's owner does to a ledger is found, and a stranger checks the proof offline."""

import base64
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.cli.place import Usage
from shared.cli.verification import verified
from shared.deployment import signing
from shared.engine.chain import entries
from shared.flows import anchors
from shared.flows.timers import fire
from shared.foundation.errors import Permanent
from shared.foundation.hash_chain import GENESIS, entry_hash
from shared.foundation.schedule import TIMERS
from shared.foundation.transparency import checkpoint, inclusion, leaf_hash, proven_root, root, roots, size_of
from shared.storage import tables as db
from tests.harness.client import ask
from tests.harness.world import World

ANCHOR = next(timer for timer in TIMERS if timer.name == "anchor")
TAMPERINGS = 1000


@pytest.fixture
async def anchored(world: World, tmp_path: Path) -> World:
    """A process of the deployment that anchors, and a connection that is anchored."""
    await world.connect()
    process = await world.again(anchors=tmp_path / "anchors.ndjson")
    await fire(process.app, ANCHOR)
    assert await anchors.differences(process.app) == []
    return process


async def tamper(world: World, statement: str) -> list[str]:
    """What is found after the database's owner has acted."""
    async with world.app.database.write() as write:
        await write.exec_driver_sql(statement)
    return await anchors.differences(world.app)


def test_a_tree_proves_each_of_its_leaves_as_rfc_6962_says() -> None:
    assert root([]) == hashlib.sha256().digest()
    hashes = [leaf_hash({"entries": number}) for number in range(40)]
    for size, grown in enumerate(roots(hashes), 1):
        assert grown == root(hashes[:size])
        for index in range(size):
            assert proven_root(hashes[index], index, size, inclusion(hashes[:size], index)) == grown


@pytest.mark.hazard(47)
async def test_a_tail_that_was_cut_off_is_found(anchored: World, caplog: pytest.LogCaptureFixture) -> None:
    last = "(SELECT max(number) FROM ledger)"
    (told,) = await tamper(anchored, f"DELETE FROM ledger WHERE number = {last}")  # noqa: S608 - our own words
    assert "not the one that was anchored" in told
    caplog.clear()
    await anchors.hold(anchored.app)
    assert [(one.getMessage(), vars(one)["code"]) for one in caplog.records] == [(told, "ledger_not_as_anchored")]


@pytest.mark.hazard(47)
async def test_a_chain_that_was_written_anew_is_found(anchored: World) -> None:
    async with anchored.app.database.write() as write:
        rows = (await write.execute(sa.select(db.ledger).order_by(db.ledger.c.number))).mappings().all()
        previous = GENESIS
        for row in rows:
            new = {**row, "actor": "somebody else", "previous_hash": previous}
            previous = new["hash"] = entry_hash({**new, "at": row["at"].isoformat()})
            mine = db.ledger.c.number == row["number"]
            values = {name: new[name] for name in ("actor", "previous_hash", "hash")}
            await write.execute(sa.update(db.ledger).where(mine).values(values))
    (told,) = await anchors.differences(anchored.app)
    assert "not the one that was anchored" in told


async def test_an_unreadable_entry_and_an_appended_one_that_does_not_fit_are_found(anchored: World) -> None:
    (told,) = await tamper(anchored, "UPDATE ledger SET act = 'conjure' WHERE number = 7")
    assert "broken at entry 7" in told
    await tamper(anchored, "UPDATE ledger SET act = 'create' WHERE number = 7")
    columns = ", ".join(column.name for column in db.ledger.columns if column.name != "number")
    last = "(SELECT max(number) FROM ledger)"
    copied = f"SELECT number + 1, {columns} FROM ledger WHERE number = {last}"  # noqa: S608 - our own words
    found = await tamper(anchored, f"INSERT INTO ledger (number, {columns}) {copied}")
    assert any("broken at entry" in one for one in found)


async def test_a_changed_file_of_anchors_is_found_and_only_what_grew_is_appended(anchored: World) -> None:
    file = anchored.app.settings.anchors
    assert file is not None
    before = file.read_text()
    await fire(anchored.app, ANCHOR)
    assert file.read_text() == before
    record = json.loads(before)
    record["leaves"][0]["entries"] -= 1
    for changed in (json.dumps(record) + "\n", "no line of ours\n", before + before):
        file.write_text(changed)
        assert await anchors.differences(anchored.app) != []


async def test_a_stranger_checks_the_proof_and_a_thousand_tamperings_are_found(anchored: World) -> None:
    closed = await anchored.leave(await anchored.connection(await only(anchored)))
    await fire(anchored.app, ANCHOR)
    path = f"/api/connections/{closed.id}/certificate"
    answer = json.loads((await ask(anchored, "GET", path, token=anchored.sims.operator_token())).body)
    keys = await signing.published(anchored.app.database, anchored.app.seal)
    assert any("is anchored" in line for line in verified(json.dumps(answer), keys)[1])
    assert (
        len([entry async for entry in entries(anchored.app.database, closed.id)])
        == answer["certificate"]["ledger"]["entries"]
    )
    await under_the_checkpoint_that_was_kept(anchored, path, answer, keys)
    chance = random.Random(13)  # noqa: S311 - the same each time
    for number in range(TAMPERINGS):
        changed = tampered(answer, chance)
        with pytest.raises(Permanent):
            verified(json.dumps(changed), keys)
        assert changed != answer, number


async def under_the_checkpoint_that_was_kept(
    world: World, path: str, answer: dict[str, Any], keys: dict[str, list[dict[str, str]]]
) -> None:
    """A checkpoint that a customer kept proves the certificate when the log has grown, and no other log does."""
    kept = answer["anchor"]["checkpoint"]
    await world.create()
    await fire(world.app, ANCHOR)
    token = world.sims.operator_token()
    newest = (await ask(world, "GET", path, token=token)).body.decode()
    assert json.loads(newest)["anchor"]["checkpoint"] != kept
    with pytest.raises(Usage, match="another checkpoint"):
        verified(newest, keys, kept)
    old = (await ask(world, "GET", f"{path}?heads={size_of(kept)}", token=token)).body.decode()
    assert any("under the checkpoint that you kept" in line for line in verified(old, keys, kept)[1])
    for heads in (1, 999):  # before the exit, and never
        refused = await ask(world, "GET", f"{path}?heads={heads}", token=token)
        assert (refused.status, json.loads(refused.body)["code"]) == (404, "no_such_checkpoint")
    key = await signing.signing_key(world.app.database, world.app.seal, world.clock.now())
    anew = checkpoint(kept.split("\n")[0], size_of(kept), bytes(32), key.public, key.signature)
    with pytest.raises(Permanent, match="not in the log of heads"):
        verified(old, keys, anew)
    with pytest.raises(Permanent, match="under your checkpoint"):
        verified(json.dumps({**answer, "anchor": None}), keys, kept)


def tampered(answer: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The certificate's file after one change of what it shows, its signature, its proof or its checkpoint."""
    changed: dict[str, Any] = json.loads(json.dumps(answer))
    anchor = changed["anchor"]
    match chance.choice(("content", "signature", "index", "proof", "checkpoint")):
        case "content":
            changed["certificate"][chance.choice(sorted(changed["certificate"]))] = "changed"
        case "signature":
            changed["signature"] = flipped(changed["signature"], chance)
        case "index":
            anchor["index"] += chance.choice((-2, 2, 7))
        case "proof":
            anchor["proof"].append(base64.b64encode(chance.randbytes(32)).decode())
        case "checkpoint":
            anchor["checkpoint"] = flipped(anchor["checkpoint"], chance)
    return changed


def flipped(text: str, chance: random.Random) -> str:
    """A text with one of its characters, but for the last few, replaced by another."""
    place = chance.randrange(len(text) - 4)
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


async def only(world: World) -> str:
    """The id of the one connection."""
    async with world.app.database.read() as read:
        return str((await read.execute(sa.select(db.connections.c.id))).scalar_one())
