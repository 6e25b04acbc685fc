"""Each connection's own key: made once, kept a while, and of no use to a thief of the database."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.local.simulators.vaults import Vaults
from shared.connections.secrets import header_secrets
from shared.deployment.links import Links
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.sealing import DATA_KEY_CACHED_FOR, DEPLOYMENT, Seal
from shared.foundation.errors import Permanent, Refused
from shared.foundation.wire import Wire
from shared.storage import tables
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.master_keys import Holder, keys_of, local_key, vault_key
from tests.harness.scripted_host import StillClock
from tests.harness.world import World

ROOT = Path(__file__).parents[3]


async def test_a_box_of_each_connection(holder: Holder, database: Database, still: StillClock) -> None:
    seal = Seal(holder.master, database, still)
    one, other = await seal.new_box("one"), await seal.new_box("other")
    sealed = one.seal("secret", about="headers")
    for wrong in (lambda: other.unseal(sealed, about="headers"), lambda: one.unseal(sealed, about="grant 1")):
        with pytest.raises(Permanent, match="sealed_by_another_key"):
            wrong()
    later = Seal(holder.master, database, still)
    assert (await later.box("one")).unseal(sealed, about="headers") == "secret"


# Making, losing and stealing keys


async def test_two_processes_make_one_key(vaults: Vaults, wire: Wire, database: Database, still: StillClock) -> None:
    master = vault_key(vaults, wire)
    several = [Seal(master, database, still) for _ in range(8)]
    tokens = await asyncio.gather(*(seal.secret("pkce", "state") for seal in several))
    assert len(set(tokens)) == 1
    assert list(await keys_of(database)) == [DEPLOYMENT]
    boxes = await asyncio.gather(*(seal.new_box("one") for seal in several))
    sealed = boxes[0].seal("text", about="a")
    assert {box.unseal(sealed, about="a") for box in boxes} == {"text"}


async def test_a_lost_key_is_not_made_anew(database: Database, still: StillClock) -> None:
    with pytest.raises(Permanent, match="data_key_missing"):
        await Seal(LocalKeys([local_key()]), database, still).box("one")
    assert await keys_of(database) == {}


async def test_only_the_keys_in_use_are_kept(
    database: Database, still: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.deployment.sealing.MAX_CACHED_DATA_KEYS", 3)
    seal = Seal(LocalKeys([local_key()]), database, still)
    for name in "abcd":
        await seal.new_box(name)
        await seal.box("a")
    assert list(seal._kept) == ["c", "d", "a"]


async def test_links_hold_for_one_purpose_and_once(database: Database, still: StillClock) -> None:
    key = local_key()
    links = Links(Seal(LocalKeys([key]), database, still), database, still)
    token = await links.create("consent state", "one", timedelta(minutes=30))
    elsewhere = Links(Seal(LocalKeys([key]), database, still), database, still)
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
        await links.use("consent state", token)


async def test_a_value_in_another_connections_row_does_not_open(world: World) -> None:
    one, other = await world.create(), await world.create("fabrikam.com")
    table = tables.connections
    async with world.app.database.write() as write:
        await write.execute(sa.update(table).where(table.c.id == other.id).values(sealed_headers=one.sealed_headers))
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await header_secrets(world.app.seal, await world.connection(other.id))
    # Nor does it with its key beside it.
    keys = tables.data_keys
    wrapped = (await keys_of(world.app.database))[one.id][1]
    async with world.app.database.write() as write:
        await write.execute(sa.update(keys).where(keys.c.scope == other.id).values(wrapped=wrapped))
    world.clock.move(DATA_KEY_CACHED_FOR)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await header_secrets(world.app.seal, await world.connection(other.id))


async def test_a_stolen_database_opens_nothing(world: World, tmp_path: Path) -> None:
    connection = await world.connect()
    secret = (await header_secrets(world.app.seal, connection))[0]
    async with world.app.database.read() as read:
        dumped = [str(row) for table in tables.metadata.sorted_tables for row in await read.execute(sa.select(table))]
    assert secret not in "".join(dumped)
    thief = Seal(LocalKeys([local_key()]), world.app.database, world.clock)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await header_secrets(thief, connection)
    with pytest.raises(Permanent, match="sealed_by_another_key"):
        await Links(thief, world.app.database, world.clock).create("session", None, timedelta(hours=1))


def test_following_a_session_costs_little_of_a_cold_start(tmp_path: Path) -> None:
    key, url, still = local_key(), f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}", StillClock()

    async def make() -> str:
        database = Database(url)
        await migrate(database)
        links = Links(Seal(LocalKeys([key]), database, still), database, still)
        token = await links.create("session", None, timedelta(hours=8))
        await database.close()
        return token

    command = [sys.executable, "-c", FOLLOW, url, key, asyncio.run(make())]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["cryptography"]  # its AEAD ciphers, which take 11 ms


FOLLOW = """
import asyncio, sys
from shared.storage.database import Database
from shared.deployment.links import Links
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.sealing import Seal
from tests.harness.scripted_host import StillClock

assert not {"jwt", "cryptography", "httpx", "msal"} & set(sys.modules)
url, key, token = sys.argv[1:]
still = StillClock()

async def follow():
    database = Database(url)
    await Links(Seal(LocalKeys([key]), database, still), database, still).follow("session", token)
    await database.close()

asyncio.run(follow())
heavy = ("jwt", "httpx", "msal", "google.auth", "cryptography", "cryptography.x509", "alembic")
print(*[name for name in heavy if name in sys.modules])
"""
