"""A new version of the master key wraps every connection's key anew, and opens what is sealed."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.local.simulators.faults import Fault
from infra.local.simulators.vaults import Vaults
from shared.deployment.links import Links
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.rotation import rotate
from shared.deployment.sealing import Seal
from shared.foundation.errors import Temporary
from shared.foundation.wire import Wire
from shared.storage import tables
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.master_keys import DATA_KEY, Holder, keys_of, local_key, vault_key
from tests.harness.scripted_host import StillClock

ROOT = Path(__file__).parents[3]


async def test_a_new_version_unwraps_what_the_old_one_wrapped(holder: Holder) -> None:
    wrapped = await holder.master.wrap(DATA_KEY, "one")
    anew = holder.rotate()
    assert await anew.unwrap(wrapped, "one") == DATA_KEY
    assert (await anew.wrap(DATA_KEY, "one")).master != wrapped.master


async def test_rotation_leaves_what_is_sealed_as_it_is(holder: Holder, database: Database, still: StillClock) -> None:
    names = [f"connection {number:02}" for number in range(25)]
    seal = Seal(holder.master, database, still)
    sealed = {name: (await seal.new_box(name)).seal(name, about="headers") for name in names}
    token = await Links(seal, database, still).create("session", None, timedelta(hours=1))
    anew = holder.rotate()
    done = await rotate(database, anew)
    assert (done.wrapped, done.failed) == (len(names) + 1, {})
    assert (await rotate(database, anew)).wrapped == 0
    holder.disable_old()
    after = Seal(anew, database, still)
    assert [(await after.box(name)).unseal(sealed[name], about="headers") for name in names] == names
    assert await Links(after, database, still).follow("session", token) == ""


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
        "PATH": "",
        "FOOTPRINT_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}",
        "FOOTPRINT_MASTER_KEY__FILE": str(file),
    }

    async def make() -> None:
        database = Database(environment["FOOTPRINT_DATABASE_URL"])
        await migrate(database)
        await Seal(LocalKeys([first]), database, StillClock()).new_box("one")
        await database.close()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shared.deployment.rotation", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)  # noqa: S603

    asyncio.run(make())
    for lines, said in ((f"{first}\n", "0 keys"), (f"{second}\n{first}\n", "1 keys"), (f"{second}\n", "0 keys")):
        file.write_text(lines)
        done = run()
        assert (done.returncode, done.stdout.startswith(said)) == (0, True), done
    begun = run("--data-keys")
    assert (begun.returncode, "1 new data keys" in begun.stdout) == (0, True), begun
    assert "new data keys" not in run("--data-keys").stdout  # one at a time
    file.write_text(first)
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("one: A stored key does not open")
    assert first not in done.stderr + done.stdout
