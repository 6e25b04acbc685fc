"""The deployment's signing keys: Ed25519, sealed in the database, each published for as long as the deployment lives.

A retired key is kept as its public half alone. Both are sealed, so that a thief who can only write to the database can
neither sign nor have a key of their own published.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import DEPLOYMENT, Box, Seal, Sealed
from shared.foundation.signatures import public_key
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, in_line


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """The key that signs now. `kid` is the RFC 7638 thumbprint of its public half."""

    kid: str
    private: Any = field(repr=False)

    @property
    def public(self) -> bytes:
        """The 32 bytes of its public half."""
        raw: bytes = self.private.public_key().public_bytes_raw()
        return raw

    def jws(self, content: bytes, kind: str) -> str:
        """Some content as a compact JWS of a kind."""
        import jwt

        return jwt.PyJWS().encode(content, self.private, algorithm="EdDSA", headers={"kid": self.kid, "typ": kind})

    def signature(self, content: bytes) -> bytes:
        """The bare 64 bytes of an Ed25519 signature."""
        signed: bytes = self.private.sign(content)
        return signed


async def signing_key(database: Database, seal: Seal, now: datetime) -> SigningKey:
    """The key that signs now, made if there is none. Not inside a transaction: it may write in one of its own."""
    box = await seal.box(DEPLOYMENT)
    async with database.read() as read:
        found = await _present(read)
    if found is None:
        async with database.write() as write:
            await in_line(write, "signing key")
            found = await _present(write) or await _make(write, box, now)
    return _of(box, found.kid, found.sealed)


async def published(database: Database, seal: Seal) -> dict[str, list[dict[str, str]]]:
    """The public keys as a JSON Web Key Set (RFC 7517), the newest first, retired ones too."""
    box, table = await seal.box(DEPLOYMENT), db.signing_keys
    async with database.read() as read:
        rows = (await read.execute(sa.select(table).order_by(table.c.made_at.desc(), table.c.kid))).all()
    return {"keys": [public_key(_public(box, row)) for row in rows]}


async def retire(database: Database, seal: Seal, now: datetime, *, older_than: timedelta) -> bool:
    """Let go of the private half of a key that has signed for long enough; the next signature makes a new one."""
    box, table = await seal.box(DEPLOYMENT), db.signing_keys
    async with database.write() as write:
        await in_line(write, "signing key")
        old = await _present(write)
        if old is None or old.made_at > now - older_than:
            return False
        public = box.seal_bytes(_public(box, old), about=_about(old.kid, "public"))
        await write.execute(sa.update(table).where(table.c.kid == old.kid).values(sealed=public, retired_at=now))
        await _make(write, box, now)
    return True


async def _present(read: AsyncConnection) -> Any:
    table = db.signing_keys
    return (await read.execute(sa.select(table).where(table.c.retired_at.is_(None)).order_by(table.c.made_at))).first()


async def _make(write: AsyncConnection, box: Box, now: datetime) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    kid = public_key(private.public_key().public_bytes_raw())["kid"]
    sealed = box.seal_bytes(private.private_bytes_raw(), about=_about(kid, "private"))
    await write.execute(sa.insert(db.signing_keys).values(kid=kid, sealed=sealed, made_at=now))
    return await _present(write)


def _of(box: Box, kid: str, sealed: bytes) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(box.unseal_bytes(sealed, about=_about(kid, "private")))
    return SigningKey(kid=kid, private=private)


def _public(box: Box, row: Any) -> bytes:
    if row.retired_at is None:
        raw: bytes = _of(box, row.kid, row.sealed).private.public_key().public_bytes_raw()
        return raw
    return box.unseal_bytes(row.sealed, about=_about(row.kid, "public"))


def _about(kid: str, half: str) -> str:
    return f"{half} half of signing key {kid}"


SEALED = Sealed(
    table=db.signing_keys, about=lambda row: _about(row.kid, "public" if row.retired_at else "private"), scope=None
)
