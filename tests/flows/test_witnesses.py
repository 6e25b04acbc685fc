"""A customer's own witness: asked for each checkpoint, told once when it fails, and checked by a stranger offline."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from shared.cli.verification import verified
from shared.connections.record import Connection
from shared.deployment import signing
from shared.engine import chain
from shared.flows import anchors
from shared.flows.timers import fire
from shared.foundation.errors import FootprintError, Permanent
from shared.foundation.schedule import TIMERS
from shared.foundation.signatures import CERTIFICATE, canonical
from shared.foundation.transparency import consistency, leaf_hash, root
from shared.storage import tables as db
from tests.harness import scripted_host_fixtures as fixtures
from tests.harness.client import ask
from tests.harness.clock import TestClock
from tests.harness.databases import Databases
from tests.harness.scripted_host import Host, Say
from tests.harness.witness import Witness, grew
from tests.harness.world import World

ANCHOR = next(timer for timer in TIMERS if timer.name == "anchor")
host = fixtures.host


@pytest.fixture
async def world(sims: Simulators, clock: TestClock, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment that anchors, and may reach a witness on this machine."""
    inside = {"inside": ["127.0.0.0/8"]}
    made = await World.make(sims, clock, databases, tmp_path, webhooks=inside, anchors=tmp_path / "anchors.ndjson")
    yield made
    await made.close()


async def witnesses(world: World, customer: str | None = "contoso") -> dict[str, Any]:
    """The list as an operator sees it."""
    answer = await ask(world, "GET", "/api/witnesses", token=world.sims.operator_token(customer=customer))
    content: dict[str, Any] = json.loads(answer.body)
    return content


async def named(world: World, host: Host, **body: str) -> Witness:
    """A witness that contoso's operator has named, and that trusts our log."""
    witness = Witness(host, int(world.clock.now().timestamp()))
    new = {"url": f"{host.url}/w1/", "key": witness.key} | body
    made = await ask(world, "POST", "/api/witnesses", token=world.sims.operator_token(customer="contoso"), body=new)
    assert made.status == 201, made.body
    witness.trusted = (await witnesses(world))["log_keys"]
    return witness


async def anchored(world: World, customer: str = "contoso") -> None:
    """One more connection, and the hour's checkpoint."""
    await world.create(customer=customer)
    await fire(world.app, ANCHOR)


async def certified(world: World, connection: Connection) -> str:
    """A file such as a certificate's: what says the ledger's head, signed, with the proof of its anchor."""
    entries, head = (await chain.heads(world.app.database))[connection.id]
    content: Any = {"connection": connection.id, "ledger": {"entries": entries, "head": head}}
    key = await signing.signing_key(world.app.database, world.app.seal, world.clock.now())
    anchor = await anchors.proof(world.app, connection, content)
    return json.dumps({"signature": key.jws(canonical(content), CERTIFICATE), "anchor": anchor})


def test_every_tree_is_proven_to_grow_into_every_later_one() -> None:
    hashes = [leaf_hash({"entries": number}) for number in range(20)]
    for second in range(1, 21):
        for first in range(1, second + 1):
            proof = consistency(hashes[:second], first)
            assert grew(first, second, proof, root(hashes[:first]), root(hashes[:second])), (first, second)
    assert consistency(hashes, 0) == []


async def test_a_witness_cosigns_each_checkpoint_that_has_grown(world: World, host: Host) -> None:
    witness = await named(world, host)
    await fire(world.app, ANCHOR)  # nothing to cosign yet
    assert host.seen == []
    for size in (1, 2, 3):
        await anchored(world)
        (one,) = (await witnesses(world))["witnesses"]
        assert (one["cosigned"], one["failing_since"], one["code"]) == (size, None, None)
        assert witness.seen[world.app.settings.public_url.split("//")[1]][0] == size
    await fire(world.app, ANCHOR)  # and nothing that it has not cosigned
    assert len(host.seen) == 3


async def test_one_that_was_lost_sight_of_says_what_it_has_seen(world: World, host: Host) -> None:
    await named(world, host)
    for _ in range(3):
        await anchored(world)
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.witnesses).values(size=1))
    await anchored(world)
    assert [one.body.decode().split("\n")[0] for one in host.seen[-2:]] == ["old 1", "old 3"]
    assert (await witnesses(world))["witnesses"][0]["cosigned"] == 4


@pytest.mark.parametrize(
    ("say", "code"),
    [
        (Say(status=404), "witness_fails"),
        (Say(status=500), "witness_fails"),
        (Say(act="drop"), "receiver_unreachable"),
        (Say(body=b"\xff\xfe"), "witness_fails"),
        (Say(body=b"x" * 100_000), "cosignature_not_valid"),
        (Say(status=302, headers={"Location": "http://127.0.0.1:1/"}), "witness_fails"),
        (Say(status=409, body=b"7\n"), "witness_contradicts"),
        (Say(status=422), "witness_contradicts"),
    ],
)
async def test_one_that_fails_is_told_once_and_blocks_nothing(
    world: World, host: Host, caplog: pytest.LogCaptureFixture, say: Say, code: str
) -> None:
    witness = await named(world, host)
    host.says(say)
    for _ in range(2):
        await anchored(world)
    (one,) = (await witnesses(world))["witnesses"]
    assert (one["cosigned"], one["code"]) == (0, code)
    assert one["failing_since"] is not None
    assert [vars(line)["code"] for line in caplog.records if hasattr(line, "witness")] == [code]
    async with world.app.database.read() as read:
        (told,) = (await read.execute(sa.select(db.events).where(db.events.c.kind == "witness.failing"))).all()
    assert (told.customer, told.content["code"], told.content["name"]) == ("contoso", code, witness.name)
    host.script = witness.answer
    await fire(world.app, ANCHOR)
    (one,) = (await witnesses(world))["witnesses"]
    assert (one["cosigned"], one["failing_since"], one["code"]) == (2, None, None)


async def test_a_log_that_was_written_anew_is_not_cosigned(world: World, host: Host) -> None:
    await named(world, host)
    await anchored(world)
    await anchored(world)
    file = world.app.settings.anchors
    assert file is not None
    file.write_text(file.read_text().split("\n")[0] + "\n")  # the newest checkpoint is taken away,
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.ledger).values(note="written anew", hash=db.ledger.c.hash + "0"))
    await anchored(world)  # and another of the same size and more is made
    assert (await witnesses(world))["witnesses"][0]["code"] == "witness_contradicts"


async def test_a_stranger_checks_the_cosignature_offline(world: World, host: Host) -> None:
    witness = await named(world, host)
    connection = await world.create(customer="contoso")
    await fire(world.app, ANCHOR)
    host.says(Say(status=503))
    await anchored(world)
    host.script = witness.answer
    text, keys = await certified(world, connection), await signing.published(world.app.database, world.app.seal)
    _, told = verified(text, keys, None, [witness.key])
    assert any(line.startswith(f"Checked: {witness.name} cosigned that checkpoint, at 20") for line in told)
    with pytest.raises(Permanent, match="has not cosigned it"):
        verified(text, keys, None, [Witness(host, 0).key])
    note = json.loads(text)["anchor"]["checkpoint"]
    forged = note[:-3] + ("A" if note[-3] != "A" else "B") + note[-2:]
    with pytest.raises(FootprintError):
        verified(text.replace(json.dumps(note)[-12:], json.dumps(forged)[-12:]), keys, None, [witness.key])
    with pytest.raises(Permanent):
        verified(json.dumps({**json.loads(text), "anchor": None}), keys, None, [witness.key])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "https://w.example.com/x?y=1"}, 400, "address_not_allowed"),
        ({"url": "https://u:p@w.example.com/"}, 400, "address_not_allowed"),
        ({"key": "no key"}, 400, "witness_key_not_valid"),
        ({"key": "w.example.com+00000000+BNHWnSYGcEWM3aHSZXlTJVsu3IeQBRm1Qiyb0qfqTZfC"}, 400, "witness_key_not_valid"),
        ({"customer": "fabrikam"}, 403, "another_customer"),
    ],
)
async def test_what_is_no_witness_is_refused(
    world: World, host: Host, body: dict[str, str], status: int, code: str
) -> None:
    new = {"url": f"{host.url}/w1", "key": Witness(host, 0).key} | body
    token = world.sims.operator_token(customer="contoso")
    refused = await ask(world, "POST", "/api/witnesses", token=token, body=new)
    assert (refused.status, json.loads(refused.body)["code"]) == (status, code)
    assert (await witnesses(world))["witnesses"] == []


async def test_witnesses_are_their_customers_own(world: World, host: Host) -> None:
    for _ in range(5):
        await named(world, host)
    token = world.sims.operator_token(customer="contoso")
    new = {"url": f"{host.url}/w1", "key": Witness(host, 0).key}
    refused = await ask(world, "POST", "/api/witnesses", token=token, body=new)
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "too_many_witnesses")
    assert (await witnesses(world, "fabrikam"))["witnesses"] == []
    one = (await witnesses(world))["witnesses"][0]["id"]
    path, theirs = f"/api/witnesses/{one}", world.sims.operator_token(customer="fabrikam")
    refused = await ask(world, "DELETE", path, token=theirs)
    assert (refused.status, json.loads(refused.body)["code"]) == (404, "no_such_witness")
    assert (await ask(world, "DELETE", path, token=token)).status == 204
    assert len((await witnesses(world))["witnesses"]) == 4
