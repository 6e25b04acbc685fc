"""The workers' key: every process of the deployment seals to it, and only those that open credentials open it.

HPKE (RFC 9180) with X25519, HKDF-SHA256 and AES-256-GCM. The public half is sealed too: who can only write to the
database cannot have things sealed to a key of their own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import DEPLOYMENT, Seal, Sealed
from shared.foundation.errors import Permanent, Temporary
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, in_line

# Nothing that is sealed to an old key waits so long.
KEPT_AFTER = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ForWorkers:
    """What only workers open, and the number of the key that it is sealed to."""

    key: int
    sealed: bytes


async def for_workers(database: Database, seal: Seal, text: str, *, about: str) -> ForWorkers:
    """Seal to the workers' newest key; it opens only with the same `about`.

    Raises Temporary `workers_not_started` while there is none: the first worker of a deployment makes it.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    box = await seal.box(DEPLOYMENT)
    async with database.read() as read:
        row = await _newest(read)
    if row is None:
        raise Temporary(
            "workers_not_started", "No worker of this deployment has started yet. Try again in a few minutes."
        )
    public = X25519PublicKey.from_public_bytes(box.unseal_bytes(row.public, about=_about("public", row.number)))
    return ForWorkers(key=row.number, sealed=_suite().encrypt(text.encode(), public, about.encode()))


async def opened(database: Database, seal: Seal, one: ForWorkers, *, about: str) -> str:
    """What was sealed to the workers. Raises Permanent if it was not, or not for this, or in no worker."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    box, table = await seal.credentials(DEPLOYMENT), db.workers_keys
    async with database.read() as read:
        row = (await read.execute(sa.select(table).where(table.c.number == one.key))).first()
    if row is not None:
        private = X25519PrivateKey.from_private_bytes(box.unseal_bytes(row.private, about=_about("private", one.key)))
        try:
            content: bytes = _suite().decrypt(one.sealed, private, about.encode())
        except (InvalidTag, ValueError):
            pass
        else:
            return content.decode()
    raise Permanent("sealed_by_another_key", "What was sealed to the workers does not open with their key.")


async def renew(database: Database, seal: Seal, now: datetime, *, older_than: timedelta) -> bool:
    """In a worker: make a key if there is none younger than that, and let go of those before the newest in time."""
    content, credentials, table = await seal.box(DEPLOYMENT), await seal.credentials(DEPLOYMENT), db.workers_keys
    async with database.read() as read:
        if (found := await _newest(read)) is not None and found.made_at > now - older_than:
            return False
    async with database.write() as write:
        await in_line(write, "workers' key")
        last = await _newest(write)
        if last is not None and last.made_at > now - older_than:
            return False
        number = last.number + 1 if last is not None else 1
        halves = _made(content.seal_bytes, credentials.seal_bytes, number)
        await write.execute(sa.insert(table).values(number=number, made_at=now, **halves))
    return True


async def let_go(write: AsyncConnection, now: datetime) -> None:
    """Delete keys in whose place there is a newer one, inside the caller's transaction."""
    newer = db.workers_keys.alias()
    replaced = sa.exists().where(newer.c.number > db.workers_keys.c.number, newer.c.made_at <= now - KEPT_AFTER)
    await write.execute(sa.delete(db.workers_keys).where(replaced))


def _made(seal_public: Any, seal_private: Any, number: int) -> dict[str, bytes]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    key = X25519PrivateKey.generate()
    return {
        "public": seal_public(key.public_key().public_bytes_raw(), about=_about("public", number)),
        "private": seal_private(key.private_bytes_raw(), about=_about("private", number)),
    }


async def _newest(read: AsyncConnection) -> Any:
    table = db.workers_keys
    return (await read.execute(sa.select(table).order_by(table.c.number.desc()).limit(1))).first()


def _suite() -> Any:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _about(half: str, number: int) -> str:
    return f"{half} half of the workers' key {number}"


PRIVATE = Sealed(
    table=db.workers_keys,
    column="private",
    about=lambda row: _about("private", row.number),
    scope=None,
    credentials=True,
)
PUBLIC = Sealed(table=db.workers_keys, column="public", about=lambda row: _about("public", row.number), scope=None)
