"""Keys: what is stored is sealed, what leaves in a link is signed, and the certificate bears a signature.

Every connection has a key of its own, and so has the deployment. They are stored wrapped by the master key, so that
the database alone opens nothing, and nothing of one connection opens with the key of another.
"""

import asyncio
import base64
import hashlib
import hmac
import os
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection, new_id
from shared.deployment.master_keys import MasterKey, Wrapped
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent, Refused
from shared.storage import tables as db
from shared.storage.database import Database, insert_new

NONCE = 12
# Whose key signs links and certificates; connections have ids.
DEPLOYMENT = "deployment"
# Whoever holds the master key is asked once an hour for each key, and a key that is not used is forgotten.
KEPT_FOR = timedelta(hours=1)
MOST_KEPT = 2000
HEADERS = "headers"


class Box:
    """Seals and opens with the key of one connection."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def close(self, text: str, *, about: str) -> bytes:
        """Seal `text`; it opens only with the same `about`, so a sealed value cannot be moved to another row."""
        return self.close_bytes(text.encode(), about=about)

    def close_bytes(self, content: bytes, *, about: str) -> bytes:
        """The same of any content."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, content, about.encode())

    def open(self, sealed: bytes, *, about: str) -> str:
        """The text sealed under `about`. Raises Permanent if it was sealed by another key or for another row."""
        return self.open_bytes(sealed, about=about).decode()

    def open_bytes(self, sealed: bytes, *, about: str) -> bytes:
        """The same of any content."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
        except (InvalidTag, ValueError):
            raise Permanent(
                "sealed_by_another_key",
                "A stored secret does not open with its connection's key. Restore both from the same backup.",
            ) from None


class Seal:
    """Everything that needs a key."""

    def __init__(self, master: MasterKey, database: Database, clock: Clock) -> None:
        self.master, self._database, self._clock = master, database, clock
        self._kept: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[bytes]] = {}

    async def box(self, connection: str) -> Box:
        """A connection's box. Raises Permanent if its key is lost or not to be had, Temporary in an outage."""
        return Box(await self._key(connection))

    async def new_box(self, connection: str) -> Box:
        """The box of a connection that is being made. Not inside a transaction, for the key is written in its own."""
        await self._make(connection)
        return await self.box(connection)

    async def headers(self, connection: Connection) -> list[str]:
        """The secrets of a connection's headers, in the order of its platform's names for them."""
        return (await self.box(connection.id)).open(connection.sealed_headers, about=HEADERS).split()

    async def link(self, purpose: str, connection: str | None, life: timedelta) -> str:
        """A signed token for a link of one purpose, bound to one connection, remembered so it can be used up."""
        identifier, now = new_id(), self._clock.now()
        async with self._database.write() as write:
            await write.execute(sa.delete(db.links).where(db.links.c.expires_at < now - timedelta(days=1)))
            await write.execute(
                sa.insert(db.links).values(
                    id=identifier, purpose=purpose, connection=connection, expires_at=now + life
                )
            )  # fmt: skip
        return await self._token(purpose, identifier)

    async def lasting(self, purpose: str, connection: str, life: timedelta) -> str:
        """The same; within an hour always the same one, so that a page that shows it is not another each time."""
        links, newest = db.links.c, self._clock.now() + life - KEPT_FOR
        mine = (links.purpose == purpose, links.connection == connection, links.used_at.is_(None))
        query = sa.select(links.id).where(*mine, links.expires_at > newest).order_by(links.expires_at.desc())
        async with self._database.read() as read:
            identifier = (await read.execute(query.limit(1))).scalar()
        return await self._token(purpose, identifier) if identifier else await self.link(purpose, connection, life)

    async def ticket(self, purpose: str, life: timedelta) -> str:
        """A signed token that is good once. Nothing is stored of it before that, for anybody may ask for one."""
        until = int((self._clock.now() + life).timestamp())
        return await self._token(purpose, f"{new_id()}-{until}")

    async def spend(self, purpose: str, ticket: str) -> None:
        """Use a ticket up. Raises Refused if it is forged, too old, spent or of another kind."""
        identifier, now = await self._identifier(purpose, ticket), self._clock.now()
        until = datetime.fromtimestamp(int(identifier.partition("-")[2]), UTC)
        row = {"id": identifier, "purpose": purpose, "connection": None, "expires_at": until, "used_at": now}
        if until <= now:
            raise _stale_link()
        async with self._database.write() as write:
            spent = await write.execute(insert_new(write, db.links).values(row))
        if spent.rowcount == 0:
            raise _stale_link()

    async def follow(self, purpose: str, token: str) -> str:
        """The connection that a link is bound to. Raises Refused if it is forged, too old, used or of another kind."""
        identifier = await self._identifier(purpose, token)
        async with self._database.read() as read:
            row = (await read.execute(sa.select(db.links).where(db.links.c.id == identifier))).first()
        # Expiry is kept in the database, where our own clock decides.
        if row is None or row.used_at is not None or row.expires_at <= self._clock.now():
            raise _stale_link()
        return str(row.connection or "")

    async def use(self, purpose: str, token: str) -> str:
        """Like follow, and the link cannot be used again, not even by a request at the same moment."""
        connection = await self.follow(purpose, token)
        identifier, links = await self._identifier(purpose, token), db.links
        async with self._database.write() as write:
            used = await write.execute(
                sa.update(links)
                .where(links.c.id == identifier, links.c.used_at.is_(None))
                .values(used_at=self._clock.now())
            )
        if used.rowcount == 0:
            raise _stale_link()
        return connection

    async def _token(self, purpose: str, identifier: str) -> str:
        return f"{identifier}.{await self.secret(purpose, identifier)}"

    async def _identifier(self, purpose: str, token: str) -> str:
        identifier, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), (await self.secret(purpose, identifier)).encode()):
            raise _stale_link()
        return identifier

    async def secret(self, purpose: str, about: str) -> str:
        """Always the same 32 bytes, in base64url, for the same purpose and subject; nobody else can work them out."""
        key = _derive(await self._key(DEPLOYMENT), f"links {purpose}")
        return base64.urlsafe_b64encode(hmac.digest(key, about.encode(), "sha256")).rstrip(b"=").decode()

    async def sign(self, document: dict[str, Any]) -> tuple[str, str]:
        """The document as a JSON Web Signature (EdDSA), and the public key, as PEM, by which anyone can check it."""
        import jwt
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        signer = Ed25519PrivateKey.from_private_bytes(_derive(await self._key(DEPLOYMENT), "certificates"))
        public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return jwt.encode(document, signer, algorithm="EdDSA"), public.decode()

    async def _key(self, scope: str) -> bytes:
        """A data key, kept in memory for a while. Whoever asks at the same time waits for the same answer."""
        kept = self._kept.get(scope)
        if kept is not None and self._clock.now() < kept[1]:
            self._kept.move_to_end(scope)
            return kept[0]
        if scope not in self._asked:
            self._asked[scope] = asyncio.create_task(self._fetch(scope))
            self._asked[scope].add_done_callback(lambda _: self._asked.pop(scope, None))
        # One who gives up must not take the answer from the others.
        return await asyncio.shield(self._asked[scope])

    async def _fetch(self, scope: str) -> bytes:
        wrapped = await self._stored(scope)
        if wrapped is None and scope == DEPLOYMENT:
            await self._make(scope)
            wrapped = await self._stored(scope)
        if wrapped is None:
            raise Permanent(
                "data_key_missing",
                "The key of this connection is not in the database, so nothing that is sealed opens. Restore it from "
                "the database's backup.",
            )
        key = await self.master.unwrap(wrapped, scope)
        self._kept[scope] = key, self._clock.now() + KEPT_FOR
        self._kept.move_to_end(scope)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return key

    async def _stored(self, scope: str) -> Wrapped | None:
        table = db.data_keys
        async with self._database.read() as read:
            row = (await read.execute(sa.select(table).where(table.c.scope == scope))).first()
        return Wrapped(master=row.master, content=row.wrapped) if row else None

    async def _make(self, scope: str) -> None:
        wrapped = await self.master.wrap(os.urandom(32), scope)
        row = {"scope": scope, "wrapped": wrapped.content, "master": wrapped.master, "made_at": self._clock.now()}
        try:
            async with self._database.write() as write:
                await write.execute(sa.insert(db.data_keys).values(row))
        except sa.exc.IntegrityError:
            return  # another process was quicker, and its key is the one


def challenge(verifier: str) -> str:
    """What is shown of a verifier before it is (PKCE, method S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _derive(key: bytes, purpose: str) -> bytes:
    """The one block of HKDF-Expand that 32 bytes take; a random key needs no extraction first."""
    return hmac.digest(key, purpose.encode() + b"\x01", "sha256")


def _stale_link() -> Refused:
    return Refused(410, "link_not_valid", "This link is not valid any more. Ask whoever sent it to you for a new one.")
