"""Keys: what is stored is sealed, what leaves in a link is signed, and the certificate bears a signature.

All keys are derived from the one master key, each for a single purpose.
"""

import base64
import hashlib
import hmac
import os
from datetime import datetime, timedelta
from typing import Any

import jwt
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared import tables as db
from shared.connections import new_id
from shared.database import Database
from shared.errors import Permanent, Refused

NONCE = 12


class Seal:
    """Everything that needs the master key."""

    def __init__(self, master_key: str) -> None:
        """`master_key` is 32 bytes in base64url. Raises ValueError for anything else."""
        key = base64.urlsafe_b64decode(master_key + "=" * (-len(master_key) % 4))
        if len(key) != 32:
            raise ValueError("FOOTPRINT_MASTER_KEY must be 32 bytes in base64url")
        self._box = AESGCM(_derive(key, "stored secrets"))
        self._link = _derive(key, "links")
        self._signer = Ed25519PrivateKey.from_private_bytes(_derive(key, "certificates"))

    def close(self, text: str, *, about: str) -> bytes:
        """Seal `text`; it opens only with the same `about`, so a sealed value cannot be moved to another row."""
        nonce = os.urandom(NONCE)
        return nonce + self._box.encrypt(nonce, text.encode(), about.encode())

    def open(self, sealed: bytes, *, about: str) -> str:
        """The text sealed under `about`. Raises Permanent if it was sealed by another key or for another row."""
        try:
            return self._box.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode()).decode()
        except InvalidTag:
            raise Permanent(
                "sealed_by_another_key",
                "A stored secret does not open with this deployment's master key. Restore the key it was sealed with.",
            ) from None

    async def link(
        self, database: Database, purpose: str, connection: str | None, now: datetime, life: timedelta
    ) -> str:
        """A signed token for a link of one purpose, bound to one connection, remembered so it can be used up."""
        token, expires_at = new_id(), now + life
        async with database.write() as write:
            await write.execute(sa.delete(db.links).where(db.links.c.expires_at < now - timedelta(days=1)))
            await write.execute(
                sa.insert(db.links).values(id=token, purpose=purpose, connection=connection, expires_at=expires_at)
            )
        content = {"jti": token, "aud": purpose, "sub": connection or ""}
        return jwt.encode(content, self._link, algorithm="HS256")

    async def follow(self, database: Database, purpose: str, token: str, now: datetime) -> str:
        """The connection that a link is bound to. Raises Refused if it is forged, too old, used or of another kind."""
        identifier = self._identifier(purpose, token)
        async with database.read() as read:
            row = (await read.execute(sa.select(db.links).where(db.links.c.id == identifier))).first()
        if row is None or row.used_at is not None or row.expires_at <= now:
            raise _stale_link()
        return str(row.connection or "")

    async def use(self, database: Database, purpose: str, token: str, now: datetime) -> str:
        """Like follow, and the link cannot be used again, not even by a request at the same moment."""
        connection = await self.follow(database, purpose, token, now)
        links = db.links
        async with database.write() as write:
            used = await write.execute(
                sa.update(links)
                .where(links.c.id == self._identifier(purpose, token), links.c.used_at.is_(None))
                .values(used_at=now)
            )
        if used.rowcount == 0:
            raise _stale_link()
        return connection

    def _identifier(self, purpose: str, token: str) -> str:
        try:
            # Expiry is kept in the database, where our own clock decides.
            content = jwt.decode(token, self._link, algorithms=["HS256"], audience=purpose)
        except jwt.InvalidTokenError:
            raise _stale_link() from None
        return str(content["jti"])

    def secret(self, purpose: str, about: str) -> str:
        """Always the same 32 bytes, in base64url, for the same purpose and subject; nobody else can work them out."""
        derived = hmac.digest(self._link, f"{purpose} {about}".encode(), "sha256")
        return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()

    def sign(self, document: dict[str, Any]) -> str:
        """The document as a JSON Web Signature (EdDSA) that anyone can check with `public_key`."""
        return jwt.encode(document, self._signer, algorithm="EdDSA")

    def public_key(self) -> str:
        """The certificates' public key, as PEM."""
        return self._signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _derive(key: bytes, purpose: str) -> bytes:
    derived: bytes = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(key)
    return derived


def _stale_link() -> Refused:
    return Refused(410, "link_not_valid", "This link is not valid any more. Ask whoever sent it to you for a new one.")


def fingerprint(text: str) -> str:
    """A short name for a value that must not be shown."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
