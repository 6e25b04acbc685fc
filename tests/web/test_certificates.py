"""The exit certificate: signed once, checked by a stranger with two files, and true of the moment it was drawn up."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.cli.verification import verified
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment import signing
from shared.engine.chain import entries
from shared.flows.closing import RESCAN
from shared.flows.timers import fire
from shared.foundation.errors import Permanent
from shared.foundation.schedule import TIMERS
from shared.foundation.signatures import CERTIFICATE, canonical, public_key
from shared.storage import tables as db
from tests.harness.client import ask
from tests.harness.world import World

# How the Exchange REST API takes an addition to a multi-valued property.
ADDED = {"@odata.type": "#Exchange.GenericHashTable", "Add": ["198.51.100.32/29"]}
ROTATE = next(timer for timer in TIMERS if timer.name == "rotate")


async def keys_of(world: World) -> dict[str, Any]:
    """The public keys, as anybody gets them."""
    answer = await ask(world, "GET", "/.well-known/jwks.json")
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def file_of(world: World, connection: Connection) -> str:
    """The certificate, as an operator saves it."""
    path = f"/api/connections/{connection.id}/certificate"
    answer = await ask(world, "GET", path, token=world.sims.operator_token())
    assert answer.status == 200, answer.body
    return answer.body.decode()


def resigned(text: str, **changes: Any) -> tuple[str, dict[str, str]]:
    """The certificate changed and signed anew by somebody with a key of their own, and that key."""
    stranger = Ed25519PrivateKey.generate()
    key = public_key(stranger.public_key().public_bytes_raw())
    content = json.loads(text)["certificate"] | changes
    headers = {"kid": key["kid"], "typ": CERTIFICATE}
    token = jwt.PyJWS().encode(canonical(content), stranger, algorithm="EdDSA", headers=headers)
    return json.dumps({"certificate": content, "signature": token, "key_id": key["kid"]}), key


@pytest.mark.hazard(46)
async def test_a_stranger_checks_a_certificate_with_two_files(world: World) -> None:
    closed = await world.leave(await world.connect())
    text, keys = await file_of(world, closed), await keys_of(world)
    content, told = verified(text, keys)
    assert content == json.loads(text)["certificate"]
    assert json.loads(text)["key_id"] == keys["keys"][0]["kid"]
    assert keys["keys"][0]["kid"] in told[0]
    bare = json.loads(text)["signature"]
    assert verified(bare, keys)[0] == content
    assert await file_of(world, closed) == text  # the same signature, not a fresh one
    file = await ask(world, "GET", f"/api/connections/{closed.id}/certificate", token=world.sims.operator_token())
    named = f'attachment; filename="contoso-certificate-{content["drawn_up_at"][:10]}.json"'
    assert file.headers["Content-Disposition"] == named
    page = await ask(world, "GET", f"/connections/{closed.id}/certificate", token=world.sims.operator_token())
    assert keys["keys"][0]["kid"] in page.body.decode()
    command = "footprint certificates verify certificate.json --keys http://127.0.0.1:8080/.well-known/jwks.json"
    assert command in page.body.decode()


@pytest.mark.hazard(46)
async def test_a_certificate_that_anyone_signed_again_is_refused(world: World) -> None:
    closed = await world.leave(await world.connect())
    text, keys = await file_of(world, closed), await keys_of(world)
    forged, key = resigned(text, result="clean", residue=[])
    named_like_ours = {**key, "kid": keys["keys"][0]["kid"]}
    shown = json.loads(text)
    shown["certificate"]["result"] = "spotless"
    header, payload, signature = shown["signature"].split(".")
    kept = json.loads(jwt.utils.base64url_decode(payload)) | {"result": "spotless"}
    grafted = f"{header}.{jwt.utils.base64url_encode(canonical(kept)).decode()}.{signature}"
    token = json.loads(text)["signature"]
    for what, trusted in (
        (forged, keys),
        (json.dumps(shown), keys),
        (grafted, keys),
        (token, {"keys": [named_like_ours]}),
        (token, {"keys": []}),
        (token, {}),
        (token[:-8], keys),
        ("{}", keys),
        ("", keys),
    ):
        with pytest.raises(Permanent):
            verified(what, trusted)


@pytest.mark.hazard(46)
async def test_a_certificate_that_was_changed_in_the_database_is_not_signed_again(world: World) -> None:
    closed = await world.leave(await world.connect())
    forged, key = resigned(await file_of(world, closed), result="degraded")
    token = json.loads(forged)["signature"]
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.certificates).values(signed=token))
    path, operator = f"/api/connections/{closed.id}/certificate", world.sims.operator_token()
    answer = await ask(world, "GET", path, token=operator)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "certificate_altered")
    # Nor does a key become ours by standing in the table.
    async with world.app.database.write() as write:
        values = {"kid": key["kid"], "sealed": b"0" * 60, "made_at": world.clock.now(), "retired_at": world.clock.now()}
        await write.execute(sa.insert(db.signing_keys).values(values))
    with pytest.raises(Permanent):
        await signing.published(world.app.database, world.app.seal)


async def test_a_new_key_signs_and_what_the_old_one_signed_holds(world: World) -> None:
    closed = await world.leave(await world.connect())
    text, before = await file_of(world, closed), await keys_of(world)
    await fire(world.app, ROTATE)
    assert await keys_of(world) == before  # it is young
    world.clock.move(world.app.settings.signing_key_kept + timedelta(days=1))
    await fire(world.app, ROTATE)
    after = await keys_of(world)
    assert [key["kid"] for key in after["keys"][1:]] == [before["keys"][0]["kid"]]
    assert after["keys"][0] != before["keys"][0]
    verified(text, after)
    key = await signing.signing_key(world.app.database, world.app.seal, world.clock.now())
    assert key.kid == after["keys"][0]["kid"]


async def test_the_certified_ledger_ends_with_the_closing_entry_and_the_counts_fit(world: World) -> None:
    closed = await world.leave(await world.connect())
    content = verified(await file_of(world, closed), await keys_of(world))[0]
    ledger = [entry async for entry in entries(world.app.database, closed.id)]
    assert (content["ledger"]["entries"], content["ledger"]["head"]) == (len(ledger), ledger[-1].hash)
    assert (ledger[-1].act, ledger[-1].note) == ("stage", "Clean-up → Closed")
    counts = content["counts"]
    assert counts["created"] == counts["removed"] == len(content["changes"]) > 10
    assert counts["pre_existing"] == len(content["yours_before_us"]) == 1
    assert "recycle bin" in content["not_checkable"][-1]["title"]
    purged = [entry.state for entry in ledger if entry.act == "purge"]
    assert purged == ["intended", "done"] * (len(purged) // 2)
    assert purged


async def test_what_comes_back_while_the_administrator_is_awaited_is_found_by_the_last_look(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    assert json.loads(await file_of(world, connection))["certificate"]["counts"]["pre_existing"] == 1
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=ADDED)
    planted = world.clock.now()
    await world.until_true(connection, lambda now: now.looked_at is not None and now.looked_at > planted + RESCAN)
    world.admin("remove-application")
    closed = await world.until(connection, Stage.CLOSED)
    content = verified(await file_of(world, closed), await keys_of(world))[0]
    assert ("ip-allow/198.51.100.32/29", "still there") in [(one["key"], one["why"]) for one in content["residue"]]
    assert content["result"] == "residue"
    (kind,) = [one for one in content["looked"] if one["key"] == "ip-allow"]
    assert kind["found"] == "still there"
    assert kind["how"].startswith("by listing")
    assert kind["at"] >= planted.isoformat()
    # Our access ended with the application, and the certificate says since when nobody looked.
    assert kind["at"] in content["not_checkable"][0]["why"]
