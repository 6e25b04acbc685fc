"""Every connection has its own key, and whoever holds the master key is asked rarely, strictly and safely."""

import asyncio
import base64
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators.faults import Fault
from infra.local.simulators.vaults import KMS_KEY, Vaults
from shared.connections.record import Status
from shared.deployment.identity import ManagedIdentity, ServiceIdentity
from shared.deployment.master_keys import MasterKey, Wrapped, chosen
from shared.deployment.master_keys.key_vault import KeyVault
from shared.deployment.master_keys.kms import Kms, crc32c
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.queues import Job
from shared.deployment.rotation import rotate
from shared.deployment.sealing import DEPLOYMENT, KEPT_FOR, Seal
from shared.engine.rows import Stage
from shared.flows.jobs import run
from shared.foundation.errors import FootprintError, Permanent, Refused, Temporary
from shared.foundation.http_client import Wire
from shared.storage import tables
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.scripted_host import Host, Say, StillClock
from tests.harness.world import World, settings_from

ROOT = Path(__file__).parents[2]
DATA_KEY = bytes(range(32))


def local_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


@dataclass
class Holder:
    """One kind of master key, and how it gets a new version."""

    master: MasterKey
    rotate: Callable[[], MasterKey]
    disable_old: Callable[[], None]
    calls: Callable[[], int] = lambda: 0


@pytest.fixture
def still() -> StillClock:
    return StillClock()


@pytest.fixture
def wire(still: StillClock) -> Wire:
    return Wire(clock=still, ca_file=None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaults]:
    with Vaults.start(tmp_path_factory.mktemp("vaults")) as running:
        yield running


@pytest.fixture
def vaults(running: Vaults, monkeypatch: pytest.MonkeyPatch) -> Vaults:
    """The simulated vaults, and a runtime whose identity they know."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for version in (*running.vault, *running.kms):
        version.enabled = True
    running.permitted = True
    running.faults.clear()
    running.calls.clear()
    return running


def vault_key(vaults: Vaults, wire: Wire) -> KeyVault:
    return KeyVault(vaults.key_vault, wire, ManagedIdentity(wire, wire.clock, "identity-1"))


def kms_key(vaults: Vaults, wire: Wire) -> Kms:
    return Kms(vaults.address, KMS_KEY, wire, ServiceIdentity(wire, wire.clock))


def local(_vaults: Vaults, _wire: Wire) -> Holder:
    first = local_key()
    return Holder(LocalKeys([first]), lambda: LocalKeys([local_key(), first]), lambda: None)


def in_vault(vaults: Vaults, wire: Wire) -> Holder:
    master, old = vault_key(vaults, wire), vaults.vault[-1]

    def anew() -> MasterKey:
        vaults.rotate_vault()
        return master

    def disable() -> None:
        old.enabled = False

    return Holder(master, anew, disable, lambda: vaults.calls.count("vault unwrapkey"))


def in_kms(vaults: Vaults, wire: Wire) -> Holder:
    master, old = kms_key(vaults, wire), vaults.kms[-1]

    def anew() -> MasterKey:
        vaults.rotate_kms()
        return master

    def disable() -> None:
        old.enabled = False

    return Holder(master, anew, disable, lambda: vaults.calls.count("kms decrypt"))


@pytest.fixture(params=[local, in_vault, in_kms], ids=["local", "key_vault", "kms"])
def holder(request: pytest.FixtureRequest, vaults: Vaults, wire: Wire) -> Holder:
    made: Holder = request.param(vaults, wire)
    return made


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}")
    await migrate(database)
    yield database
    await database.close()


# The same of all three


async def test_what_is_wrapped_is_unwrapped(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    assert DATA_KEY not in wrapped.content
    assert "content" not in repr(wrapped)
    assert await holder.master.unwrap(wrapped, "one") == DATA_KEY
    assert (await holder.master.wrap(DATA_KEY, "one")).content != wrapped.content


async def test_a_wrapped_key_holds_for_its_own_scope_only(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(wrapped, "other")


@pytest.mark.parametrize("spoil", [lambda c: c[:-1] + bytes([c[-1] ^ 1]), lambda c: c[:20], lambda _: b"\x01"])
async def test_a_wrapped_key_that_was_tampered_with(holder: Holder, spoil: Callable[[bytes], bytes]) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(Wrapped(master=wrapped.master, content=spoil(wrapped.content)), "one")


@pytest.mark.parametrize(
    "master", ["", "local 0", "https://evil.example/keys/footprint/0", f"{KMS_KEY}2/cryptoKeyVersions/1"]
)
async def test_no_other_master_key_is_ever_asked(holder: Holder, master: str) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    before = holder.calls()
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await holder.master.unwrap(Wrapped(master=master, content=wrapped.content), "one")
    assert holder.calls() == before


async def test_a_new_version_unwraps_what_the_old_one_wrapped(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    anew = holder.rotate()
    assert await anew.unwrap(wrapped, "one") == DATA_KEY
    assert (await anew.wrap(DATA_KEY, "one")).master != wrapped.master


async def test_a_box_of_each_connection(holder: Holder, database: Database, still: StillClock) -> None:
    seal = Seal(holder.master, database, still)
    one, other = await seal.new_box("one"), await seal.new_box("other")
    sealed = one.close("secret", about="headers")
    for wrong in (lambda: other.open(sealed, about="headers"), lambda: one.open(sealed, about="grant 1")):
        with pytest.raises(Permanent, match="sealed_by_another_key"):
            wrong()
    later = Seal(holder.master, database, still)
    assert (await later.box("one")).open(sealed, about="headers") == "secret"


async def test_rotation_leaves_what_is_sealed_as_it_is(holder: Holder, database: Database, still: StillClock) -> None:
    names = [f"connection {number:02}" for number in range(25)]
    seal = Seal(holder.master, database, still)
    sealed = {name: (await seal.new_box(name)).close(name, about="headers") for name in names}
    token = await seal.link("session", None, timedelta(hours=1))
    anew = holder.rotate()
    done = await rotate(database, anew)
    assert (done.wrapped, done.failed) == (len(names) + 1, {})
    assert (await rotate(database, anew)).wrapped == 0
    holder.disable_old()
    after = Seal(anew, database, still)
    assert [(await after.box(name)).open(sealed[name], about="headers") for name in names] == names
    assert await after.follow("session", token) == ""


# Rotation goes wrong


async def keys_of(database: Database) -> dict[str, Any]:
    async with database.read() as read:
        return {row.scope: (row.master, row.wrapped) for row in await read.execute(sa.select(tables.data_keys))}


async def spoil(database: Database, scope: str) -> None:
    async with database.write() as write:
        table = tables.data_keys
        await write.execute(sa.update(table).where(table.c.scope == scope).values(wrapped=b"spoilt"))


async def test_rotation_is_begun_again_after_an_outage(
    vaults: Vaults, wire: Wire, database: Database, still: StillClock
) -> None:
    seal = Seal(vault_key(vaults, wire), database, still)
    for number in range(25):
        await seal.new_box(f"connection {number:02}")
    vaults.rotate_vault()
    vaults.faults.append(
        Fault.parse({"match": {"path": "unwrapkey"}, "do": {"kind": "status"}, "skip": 30, "times": 999})
    )
    with pytest.raises(Temporary):
        await rotate(database, vault_key(vaults, wire))
    present = {master for master, _ in (await keys_of(database)).values()}
    assert len(present) == 2  # some are done
    vaults.faults.clear()
    left = (await rotate(database, vault_key(vaults, wire))).wrapped
    assert 0 < left < 25
    assert len({master for master, _ in (await keys_of(database)).values()}) == 1


async def test_one_key_that_does_not_open_holds_nobody_up(
    holder: Holder, database: Database, still: StillClock
) -> None:
    seal = Seal(holder.master, database, still)
    for name in ("a", "b", "c"):
        await seal.new_box(name)
    await spoil(database, "b")
    done = await rotate(database, holder.rotate())
    assert done.wrapped == 2
    assert list(done.failed) == ["b"]


async def test_a_disabled_version_wraps_but_nothing_is_kept_that_it_will_not_unwrap(
    vaults: Vaults, wire: Wire, database: Database, still: StillClock
) -> None:
    await Seal(vault_key(vaults, wire), database, still).new_box("one")
    before = await keys_of(database)
    vaults.rotate_vault()
    vaults.vault[-1].enabled = False
    done = await rotate(database, vault_key(vaults, wire))
    assert (done.wrapped, list(done.failed)) == (0, ["one"])
    assert await keys_of(database) == before


def test_the_command_says_how_many(tmp_path: Path) -> None:
    first, second = local_key(), local_key()
    file = tmp_path / "master-keys"
    environment = {
        "PATH": "", "FOOTPRINT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}",
        "FOOTPRINT_MASTER_KEY__FILE": str(file),
    }  # fmt: skip

    async def make() -> None:
        database = Database(environment["FOOTPRINT_DATABASE_URL"])
        await migrate(database)
        await Seal(LocalKeys([first]), database, StillClock()).new_box("one")
        await database.close()

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shared.deployment.rotation"]
        return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)  # noqa: S603

    asyncio.run(make())
    for lines, said in ((f"{first}\n", "0 keys"), (f"{second}\n{first}\n", "1 keys"), (f"{second}\n", "0 keys")):
        file.write_text(lines)
        done = run()
        assert (done.returncode, done.stdout.startswith(said)) == (0, True), done
    file.write_text(first)
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("one: A stored key does not open")
    assert first not in done.stderr + done.stdout


# What is asked of a vault, and when


async def test_a_vault_is_asked_once_an_hour(holder: Holder, database: Database, still: StillClock) -> None:
    await Seal(holder.master, database, still).new_box("one")
    seal, begin = Seal(holder.master, database, still), holder.calls()
    await asyncio.gather(*(seal.box("one") for _ in range(20)))
    await seal.box("one")
    asked = holder.calls() - begin
    assert asked == (1 if begin else 0)
    still.time += KEPT_FOR
    await seal.box("one")
    assert holder.calls() - begin == 2 * asked


async def test_one_who_gives_up_does_not_take_the_key_from_the_others(
    vaults: Vaults, wire: Wire, database: Database, still: StillClock
) -> None:
    seal = Seal(vault_key(vaults, wire), database, still)
    await seal.new_box("one")
    fresh = Seal(vault_key(vaults, wire), database, still)
    first, second = asyncio.create_task(fresh.box("one")), asyncio.create_task(fresh.box("one"))
    await asyncio.sleep(0)
    first.cancel()
    sealed = (await second).close("text", about="a")
    assert (await seal.box("one")).open(sealed, about="a") == "text"


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
    sealed = (await Seal(made(vaults, wire), database, still).new_box("one")).close("text", about="a")
    seal = Seal(made(vaults, wire), database, still)
    vaults.faults.append(Fault.parse({"match": {"path": "unwrapkey|decrypt"}, "do": do, "times": 99}))
    with pytest.raises(Temporary) as raised:
        await seal.box("one")
    assert raised.value.code == code
    vaults.faults.clear()
    assert (await seal.box("one")).open(sealed, about="a") == "text"


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
async def test_what_a_person_must_put_right_at_the_vault(vaults: Vaults, wire: Wire, made: Any) -> None:
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
ODD = {
    "foreign_kid": {"kid": KID, "value": "AAAA"},
    "no_kid": {"value": "AAAA"},
    "no_value": {"kid": "k"},
    "no_text": {"kid": "k", "value": 7},
    "list": [],
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
async def test_a_vault_that_makes_no_sense_is_not_believed(wire: Wire, vaults: Vaults, host: Host, body: Any) -> None:
    host.says(Say(body=body))
    master = KeyVault(f"{host.url}/keys/footprint", wire, ManagedIdentity(wire, wire.clock, None))
    with pytest.raises(FootprintError) as raised:
        await master.wrap(DATA_KEY, "one")
    assert raised.value.code in ("foreign_link", "unreadable_answer")


SOUND = {
    "name": f"{KMS_KEY}/cryptoKeyVersions/1", "ciphertext": "MTIzNDU2Nzg5", "ciphertextCrc32c": "3808858755",
    "verifiedPlaintextCrc32c": True, "verifiedAdditionalAuthenticatedDataCrc32c": True,
}  # fmt: skip
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


# Making, losing and stealing keys


async def test_two_processes_make_one_key(vaults: Vaults, wire: Wire, database: Database, still: StillClock) -> None:
    master = vault_key(vaults, wire)
    several = [Seal(master, database, still) for _ in range(8)]
    tokens = await asyncio.gather(*(seal.secret("pkce", "state") for seal in several))
    assert len(set(tokens)) == 1
    assert list(await keys_of(database)) == [DEPLOYMENT]
    boxes = await asyncio.gather(*(seal.new_box("one") for seal in several))
    sealed = boxes[0].close("text", about="a")
    assert {box.open(sealed, about="a") for box in boxes} == {"text"}


async def test_a_lost_key_is_not_made_anew(database: Database, still: StillClock) -> None:
    with pytest.raises(Permanent, match="data_key_missing"):
        await Seal(LocalKeys([local_key()]), database, still).box("one")
    assert await keys_of(database) == {}


async def test_only_the_keys_in_use_are_kept(
    database: Database, still: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.deployment.sealing.MOST_KEPT", 3)
    seal = Seal(LocalKeys([local_key()]), database, still)
    for name in "abcd":
        await seal.new_box(name)
        await seal.box("a")
    assert list(seal._kept) == ["c", "d", "a"]


async def test_links_hold_for_one_purpose_and_once(database: Database, still: StillClock) -> None:
    key = local_key()
    seal = Seal(LocalKeys([key]), database, still)
    token = await seal.link("consent state", "one", timedelta(minutes=30))
    elsewhere = Seal(LocalKeys([key]), database, still)
    assert await elsewhere.follow("consent state", token) == "one"
    identifier, _, signature = token.partition(".")
    forged = [
        f"{identifier}.{signature[:-1]}_",
        identifier,
        f"{identifier}.",
        "",
        ".",
        "é.é",
        f"{signature}.{identifier}",
    ]
    for wrong in forged:
        with pytest.raises(Refused, match="link_not_valid"):
            await elsewhere.follow("consent state", wrong)
    with pytest.raises(Refused, match="link_not_valid"):
        await elsewhere.follow("session", token)
    assert await elsewhere.use("consent state", token) == "one"
    with pytest.raises(Refused, match="link_not_valid"):
        await seal.use("consent state", token)


async def test_a_value_in_another_connections_row_does_not_open(world: World) -> None:
    one, other = await world.create(), await world.create("fabrikam.com")
    table = tables.connections
    async with world.app.database.write() as write:
        await write.execute(sa.update(table).where(table.c.id == other.id).values(sealed_headers=one.sealed_headers))
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await world.app.seal.headers(await world.connection(other.id))
    # Nor does it with its key beside it.
    keys = tables.data_keys
    wrapped = (await keys_of(world.app.database))[one.id][1]
    async with world.app.database.write() as write:
        await write.execute(sa.update(keys).where(keys.c.scope == other.id).values(wrapped=wrapped))
    world.clock.move(KEPT_FOR)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await world.app.seal.headers(await world.connection(other.id))


async def test_a_stolen_database_opens_nothing(world: World, tmp_path: Path) -> None:
    connection = await world.connect()
    secret = (await world.app.seal.headers(connection))[0]
    async with world.app.database.read() as read:
        dumped = [str(row) for table in tables.metadata.sorted_tables for row in await read.execute(sa.select(table))]
    assert secret not in "".join(dumped)
    thief = Seal(LocalKeys([local_key()]), world.app.database, world.clock)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await thief.headers(connection)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await thief.link("session", None, timedelta(hours=1))


async def test_a_connection_waits_for_its_vault_and_tells_a_person_only_what_a_person_can_do(
    world: World, vaults: Vaults
) -> None:
    master = vault_key(vaults, Wire(clock=world.clock, ca_file=None))
    world.app = replace(world.app, seal=Seal(master, world.app.database, world.clock))
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.until(connection, Stage.RUN)
    vaults.faults.append(Fault.parse({"match": {"path": "unwrapkey"}, "do": {"kind": "status"}, "times": 99}))
    world.clock.move(KEPT_FOR)
    await run(world.app, Job(name="refresh", connection=connection.id))
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "platform_unavailable")
    vaults.faults.clear()
    vaults.permitted = False
    await run(world.app, Job(name="refresh", connection=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "our_master_key")
    vaults.permitted = True
    await run(world.app, Job(name="refresh", connection=connection.id))
    await world.until_true(connection, lambda now: now.status is Status.OK)


# What the settings name


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"value": local_key()}, LocalKeys),
        ({"key_vault": "https://contoso.vault.azure.net/keys/footprint"}, KeyVault),
        ({"kms": KMS_KEY}, Kms),
    ],
)
def test_the_settings_choose(wire: Wire, said: dict[str, str], kind: type[Any]) -> None:
    assert type(chosen(settings_from({}, master_key=said), wire)) is kind


def test_a_file_of_keys(wire: Wire, tmp_path: Path) -> None:
    first, second = local_key(), local_key()
    (tmp_path / "keys").write_text(f"{first}\n\n{second}\n")
    master = chosen(settings_from({}, master_key={"file": str(tmp_path / "keys")}), wire)
    wrapped = asyncio.run(LocalKeys([second]).wrap(DATA_KEY, "one"))
    assert asyncio.run(master.unwrap(wrapped, "one")) == DATA_KEY
    assert asyncio.run(master.wrap(DATA_KEY, "one")).master != wrapped.master


@pytest.mark.parametrize("texts", [[], ["short"], [local_key(), "?"]])
def test_a_key_of_another_length(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="master key"):
        LocalKeys(texts)


@pytest.mark.parametrize(
    "address", ["https://contoso.vault.azure.net", "https://contoso.vault.azure.net/secrets/a", "https://a/keys/a/b/c"]
)
def test_an_address_that_is_no_keys(wire: Wire, address: str) -> None:
    with pytest.raises(ValueError, match="KEY_VAULT"):
        KeyVault(address, wire, ManagedIdentity(wire, wire.clock, None))


HOSTS = {
    "contoso.vault.azure.net": "https://vault.azure.net",
    "contoso.vault.azure.cn": "https://vault.azure.cn",
    "contoso.vault.usgovcloudapi.net": "https://vault.usgovcloudapi.net",
    "contoso.managedhsm.azure.net": "https://managedhsm.azure.net",
    "127.0.0.1": "https://vault.azure.net",
}


@pytest.mark.parametrize(("host", "audience"), HOSTS.items())
def test_each_cloud_has_its_own_audience(wire: Wire, host: str, audience: str) -> None:
    vault = KeyVault(f"https://{host}/keys/footprint", wire, ManagedIdentity(wire, wire.clock, None))
    assert vault._audience == audience


def test_following_a_session_costs_little_of_a_cold_start(tmp_path: Path) -> None:
    key, url = local_key(), f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}"

    async def make() -> str:
        database = Database(url)
        await migrate(database)
        token = await Seal(LocalKeys([key]), database, StillClock()).link("session", None, timedelta(hours=8))
        await database.close()
        return token

    command = [sys.executable, "-c", FOLLOW, url, key, asyncio.run(make())]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["cryptography"]  # its AEAD ciphers, which take 11 ms


FOLLOW = """
import asyncio, sys
from shared.storage.database import Database
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.sealing import Seal
from tests.harness.scripted_host import StillClock

assert not {"jwt", "cryptography", "httpx", "msal"} & set(sys.modules)
url, key, token = sys.argv[1:]

async def follow():
    database = Database(url)
    await Seal(LocalKeys([key]), database, StillClock()).follow("session", token)
    await database.close()

asyncio.run(follow())
heavy = ("jwt", "httpx", "msal", "google.auth", "cryptography", "cryptography.x509", "alembic")
print(*[name for name in heavy if name in sys.modules])
"""
