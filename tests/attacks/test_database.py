"""A stolen database: what a copy gives, and what it gives to write to it."""

from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections import grants
from shared.connections.secrets import header_secrets
from shared.engine import chain
from shared.flows import anchors
from shared.foundation.errors import Permanent
from shared.foundation.hash_chain import GENESIS, entry_hash
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World


async def test_a_copy_holds_no_secret_in_clear(world: World) -> None:
    microsoft, orchard = await world.connect(), await google.connect(world, domain=ORCHARD, modes=["api"])
    secrets = [*await header_secrets(world.app.seal, microsoft), *await header_secrets(world.app.seal, orchard)]
    secrets += [one.secret for one in await grants.listed(world.app.database, world.app.seal, orchard.id)]
    assert len(secrets) > 2
    content = repr(world.databases.content(world.folder))
    assert [one for one in secrets if one in content] == []
    assert "eyJ0eXAi" not in content  # a token, as platforms make them


@pytest.mark.parametrize("what", ["what is sealed", "the keys"])
async def test_what_is_sealed_opens_in_no_other_row(world: World, what: str) -> None:
    one, other = await world.create(), await world.create()
    async with world.app.database.write() as write:
        if what == "the keys":
            kept = {row.scope: row for row in await write.execute(sa.select(db.data_keys))}
            values: dict[str, Any] = {"wrapped": kept[other.id].wrapped, "master": kept[other.id].master}
            await write.execute(sa.update(db.data_keys).where(db.data_keys.c.scope == one.id).values(values))
        else:
            values = {"sealed_headers": other.sealed_headers}
            await write.execute(sa.update(db.connections).where(db.connections.c.id == one.id).values(values))
    process = await world.again()
    with pytest.raises(Permanent):
        await header_secrets(process.app.seal, await process.connection(one.id))


@pytest.mark.hazard(47)
async def test_a_rewritten_ledger_is_seen(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The chain can be made anew by a thief who can write to it; the heads that were taken outside cannot."""
    file = world.folder / "anchors"
    process = await world.again(anchors=file)
    connection = await world.connect()
    await anchors.anchor(process.app)
    table, previous = db.ledger, GENESIS
    async with world.app.database.write() as write:
        mine = sa.select(table).where(table.c.connection == connection.id).order_by(table.c.number)
        for row in (await write.execute(mine)).mappings().all():
            new = {**row, "actor": "somebody else", "previous_hash": previous}
            previous = new["hash"] = entry_hash(
                {name: value for name, value in new.items() if name != "hash"} | {"at": row["at"].isoformat()}
            )
            here = (table.c.connection == connection.id, table.c.number == row["number"])
            changed = {name: new[name] for name in ("actor", "previous_hash", "hash")}
            await write.execute(sa.update(table).where(*here).values(changed))
    assert await chain.verify(world.app.database, connection.id) is None
    caplog.clear()
    await anchors.hold(process.app)
    assert [one for one in caplog.records if one.levelname in ("ERROR", "CRITICAL")]
