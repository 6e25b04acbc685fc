"""What Key Vault and Cloud KMS may answer, what is believed of it, and who is told."""

from dataclasses import fields, replace
from typing import Any

import pytest

from infra.local.simulators.faults import Fault
from infra.local.simulators.vaults import KMS_KEY, Vaults
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.context import Context
from shared.deployment.identity import ManagedIdentity, ServiceIdentity
from shared.deployment.links import Links
from shared.deployment.master_keys.key_vault import KeyVault
from shared.deployment.master_keys.kms import Kms, crc32c
from shared.deployment.master_keys.wrapping import MasterKey
from shared.deployment.queues import Job
from shared.deployment.sealing import DATA_KEY_CACHED_FOR, Seal
from shared.flows.app import App, Platforms
from shared.flows.jobs import run
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.wire import Wire
from shared.service import PLATFORMS
from shared.storage.database import Database
from tests.harness.master_keys import DATA_KEY, kms_key, vault_key
from tests.harness.scripted_host import Host, Say, StillClock
from tests.harness.world import World

DOWN = {
    "503": ({"kind": "status", "status": 503}, "platform_unavailable"),
    "429": ({"kind": "status", "status": 429, "headers": {"Retry-After": "77"}}, "throttled"),
    "html": ({"kind": "html"}, "unreadable_answer"),
}


@pytest.mark.parametrize(("do", "code"), DOWN.values(), ids=DOWN)
@pytest.mark.parametrize("made", [vault_key, kms_key])
async def test_an_outage_is_temporary_and_forgotten(
    vaults: Vaults, wire: Wire, database: Database, still: StillClock, made: Any, do: dict[str, Any], code: str
) -> None:
    sealed = (await Seal(made(vaults, wire), database, still).new_box("one")).seal("text", about="a")
    seal = Seal(made(vaults, wire), database, still)
    vaults.faults.append(Fault.parse({"match": {"path": "unwrapkey|decrypt"}, "do": do, "times": 99}))
    with pytest.raises(Temporary) as raised:
        await seal.box("one")
    assert raised.value.code == code
    vaults.faults.clear()
    assert (await seal.box("one")).unseal(sealed, about="a") == "text"


@pytest.mark.parametrize("made", [vault_key, kms_key])
async def test_an_outage_of_our_own_identity_is_temporary(vaults: Vaults, wire: Wire, made: Any) -> None:
    vaults.faults.append(Fault.parse({"match": {"host": "identity"}, "do": {"kind": "status"}, "times": 99}))
    with pytest.raises(Temporary, match="platform_unavailable"):
        await made(vaults, wire).wrap(DATA_KEY, "one")
    vaults.faults.clear()
    assert (await made(vaults, wire).wrap(DATA_KEY, "one")).content


@pytest.mark.parametrize("made", [vault_key, kms_key])
async def test_a_short_outage_is_not_even_noticed(vaults: Vaults, wire: Wire, made: Any) -> None:
    vaults.faults.append(Fault.parse({"match": {"path": "wrapkey|encrypt"}, "do": {"kind": "status"}, "times": 2}))
    assert (await made(vaults, wire).wrap(DATA_KEY, "one")).content


@pytest.mark.parametrize("made", [vault_key, kms_key])
async def test_what_a_person_must_repair_at_the_vault(vaults: Vaults, wire: Wire, made: Any) -> None:
    master = made(vaults, wire)
    wrapped = await master.wrap(DATA_KEY, "one")
    vaults.permitted = False
    for act in (master.wrap(DATA_KEY, "one"), master.unwrap(wrapped, "one")):
        with pytest.raises(Permanent, match="our_master_key") as raised:
            await act
        assert "403, ForbiddenByRbac" in raised.value.sentence or "403, PERMISSION_DENIED" in raised.value.sentence
    vaults.permitted = True
    vaults.vault[-1].enabled = vaults.kms[-1].enabled = False
    with pytest.raises(Permanent, match="our_master_key") as raised:
        await master.unwrap(wrapped, "one")
    assert "KeyDisabled" in raised.value.sentence or "FAILED_PRECONDITION" in raised.value.sentence


async def test_a_key_that_is_not_there(vaults: Vaults, wire: Wire) -> None:
    vault = KeyVault(f"{vaults.address}/keys/nothing", wire, ManagedIdentity(wire, wire.clock, None))
    kms = Kms(vaults.address, KMS_KEY + "s", wire, ServiceIdentity(wire, wire.clock))
    for master in (vault, kms):
        with pytest.raises(Permanent, match="our_master_key"):
            await master.wrap(DATA_KEY, "one")


async def test_a_token_for_something_else_is_refused(vaults: Vaults, wire: Wire) -> None:
    class Elsewhere(ManagedIdentity):
        async def token(self, audience: str) -> str:
            return await super().token(audience + "/elsewhere")

    with pytest.raises(Permanent, match="our_master_key"):
        await KeyVault(vaults.key_vault, wire, Elsewhere(wire, wire.clock, None)).wrap(DATA_KEY, "one")


async def test_a_version_in_the_settings_is_the_one_that_wraps(vaults: Vaults, wire: Wire) -> None:
    first = f"{vaults.key_vault}/{vaults.vault[0].name}"
    vaults.rotate_vault()
    pinned = KeyVault(first, wire, ManagedIdentity(wire, wire.clock, None))
    assert (await pinned.wrap(DATA_KEY, "one")).master == first
    newest = await vault_key(vaults, wire).wrap(DATA_KEY, "one")
    assert newest.master != first
    assert await pinned.unwrap(newest, "one") == DATA_KEY


KID = "https://evil.example/keys/footprint/00"
ODD: dict[str, tuple[Any, str]] = {
    "foreign_kid": ({"kid": KID, "value": "AAAA"}, "foreign_link"),
    "no_kid": ({"value": "AAAA"}, "unreadable_answer"),
    "no_value": ({"kid": "k"}, "unreadable_answer"),
    "no_text": ({"kid": "k", "value": 7}, "unreadable_answer"),
    "list": ([], "unreadable_answer"),
}


@pytest.mark.parametrize(("body", "code"), ODD.values(), ids=ODD)
async def test_a_vault_that_makes_no_sense_is_not_believed(
    wire: Wire, vaults: Vaults, host: Host, body: Any, code: str
) -> None:
    host.says(Say(body=body))
    master = KeyVault(f"{host.url}/keys/footprint", wire, ManagedIdentity(wire, wire.clock, None))
    with pytest.raises(FootprintError) as raised:
        await master.wrap(DATA_KEY, "one")
    assert raised.value.code == code


SOUND = {
    "name": f"{KMS_KEY}/cryptoKeyVersions/1",
    "ciphertext": "MTIzNDU2Nzg5",
    "ciphertextCrc32c": "3808858755",
    "verifiedPlaintextCrc32c": True,
    "verifiedAdditionalAuthenticatedDataCrc32c": True,
}
SPOILT: dict[str, dict[str, Any]] = {
    "corrupted": {"ciphertextCrc32c": "3808858756"},
    "no_checksum": {"ciphertextCrc32c": None},
    "not_verified": {"verifiedPlaintextCrc32c": False},
    "scope_not_verified": {"verifiedAdditionalAuthenticatedDataCrc32c": None},
    "another_key": {"name": f"{KMS_KEY}s/cryptoKeyVersions/1"},
    "not_base64": {"ciphertext": "?"},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
async def test_what_a_wire_has_spoilt_is_not_kept(
    wire: Wire, vaults: Vaults, host: Host, spoilt: dict[str, Any]
) -> None:
    master = Kms(host.url, KMS_KEY, wire, ServiceIdentity(wire, wire.clock))
    host.says(Say(body=SOUND))
    assert (await master.wrap(DATA_KEY, "one")).content == b"123456789"
    host.says(Say(body=SOUND | spoilt))
    with pytest.raises(Temporary, match="unreadable_answer"):
        await master.wrap(DATA_KEY, "one")


def test_the_checksum() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def sealed_by(app: App, master: MasterKey) -> App:
    """The app with another master key, and its platforms, which were given the old one."""
    seal = Seal(master, app.database, app.clock, credentials=master)
    parts = {part.name: getattr(app, part.name) for part in fields(Context)} | {"seal": seal}
    context, modules = Context(**parts), {module.NAME: module for module in PLATFORMS}
    platforms = Platforms(app.platforms.titles, lambda name: modules[name].make(context))
    return replace(app, seal=seal, links=Links(seal, app.database, app.clock), platforms=platforms)


async def test_a_connection_waits_for_its_vault_and_tells_a_person_only_what_a_person_can_do(
    world: World, vaults: Vaults
) -> None:
    master = vault_key(vaults, Wire(clock=world.clock, ca_file=None))
    world.app = sealed_by(world.app, master)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.until(connection, Stage.RUN)
    vaults.faults.append(Fault.parse({"match": {"path": "unwrapkey"}, "do": {"kind": "status"}, "times": 99}))
    world.clock.move(DATA_KEY_CACHED_FOR)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "platform_unavailable")
    vaults.faults.clear()
    vaults.permitted = False
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "our_master_key")
    vaults.permitted = True
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    await world.until_true(connection, lambda now: now.status is Status.OK)
