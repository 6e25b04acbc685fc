"""Wraps every data key anew under the present master key: `python -m shared.deployment.rotation`.

Nothing else is rewritten. With `--data-keys` a new data key is begun as well for each connection and the deployment,
which the nightly timer goes on with; for after a theft of the database and the master key.

For after a new version of the master key, or a new first line in its file. It may be stopped and begun again; once it
has ended without a complaint, older versions are not needed any more.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.data_keys import begin
from shared.deployment.keyring import keyring
from shared.deployment.master_keys.wrapping import MasterKey, Wrapped
from shared.deployment.own_database import own_database
from shared.deployment.sealing import CREDENTIALS, Seal
from shared.foundation.clock import SystemClock
from shared.foundation.errors import Permanent, Temporary
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire
from shared.storage.database import Database
from shared.storage.tables import data_keys

# So many are wrapped at once; a vault allows some hundreds a second.
BATCH = 20


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """How many data keys were wrapped anew, and whose could not be, with the reason."""

    wrapped: int
    failed: dict[str, str]


async def rotate_all(database: Database, seal: Seal) -> Rotated:
    """Wrap what older master keys have wrapped, of content and of credentials. Raises as `rotate` does."""
    done = await rotate(database, seal.master)
    if seal.credentials_master is not None:
        more = await rotate(database, seal.credentials_master, credentials=True)
        done = Rotated(wrapped=done.wrapped + more.wrapped, failed=done.failed | more.failed)
    return done


async def rotate(database: Database, master: MasterKey, *, credentials: bool = False) -> Rotated:
    """Wrap what an older master key has wrapped, of content or else of credentials.

    Raises Temporary in an outage; what is done by then stays done.
    """
    present = (await master.wrap(os.urandom(32), "a probe")).master
    wrapped, failed, last = 0, dict[str, str](), ("", 0)
    table = data_keys
    while True:
        place = sa.tuple_(table.c.scope, table.c.number)
        mine = table.c.scope.endswith(CREDENTIALS) if credentials else ~table.c.scope.endswith(CREDENTIALS)
        old = sa.select(table).where(mine, table.c.master != present, place > last)
        old = old.order_by(table.c.scope, table.c.number)
        async with database.read() as read:
            rows = (await read.execute(old.limit(BATCH))).all()
        if not rows:
            return Rotated(wrapped=wrapped, failed=failed)
        last = rows[-1].scope, rows[-1].number
        anew = await asyncio.gather(*(_anew(master, row) for row in rows), return_exceptions=True)
        wrapped += await _keep(database, rows, anew)
        for row, one in zip(rows, anew, strict=True):
            if isinstance(one, Permanent):
                failed[row.scope] = one.sentence
            elif isinstance(one, BaseException):
                raise one


async def _anew(master: MasterKey, row: Any) -> Wrapped:
    key = await master.unwrap(Wrapped(master=row.master, content=row.wrapped), row.scope)
    anew = await master.wrap(key, row.scope)
    # A vault wraps even under a version that it will not unwrap with, because it is disabled.
    if await master.unwrap(anew, row.scope) != key:
        raise Permanent("our_master_key", "The master key does not unwrap what it has wrapped. Nothing was changed.")
    return anew


async def _keep(database: Database, rows: Sequence[Any], anew: Sequence[Wrapped | BaseException]) -> int:
    table, kept = data_keys, 0
    async with database.write() as write:
        for row, one in zip(rows, anew, strict=True):
            if isinstance(one, Wrapped):
                unchanged = table.c.scope == row.scope, table.c.wrapped == row.wrapped
                new = sa.update(table).where(*unchanged).values(wrapped=one.content, master=one.master)
                kept += (await write.execute(new)).rowcount
    return kept


async def _main() -> int:
    settings = Settings()
    clock = SystemClock()
    database = own_database(settings, clock)
    seal = keyring(settings, Wire(clock=clock, ca_file=settings.ca_file), database)
    try:
        done = await rotate_all(database, seal)
        begun = 0
        if "--data-keys" in sys.argv[1:]:
            begun = await begin(database, seal, clock.now(), older_than=timedelta(0))
    except (Permanent, Temporary) as error:
        sys.stderr.write(f"{error.sentence} Run the command again: it continues where it stopped.\n")
        return 1
    finally:
        await database.close()
    sys.stdout.write(f"{done.wrapped} keys rewrapped.\n")
    if begun:
        sys.stdout.write(f"{begun} new data keys. They seal in two hours; what is stored is sealed again tonight.\n")
    for scope, sentence in done.failed.items():
        sys.stderr.write(f"{scope}: {sentence}\n")
    return 1 if done.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
