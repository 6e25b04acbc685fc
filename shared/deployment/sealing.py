"""Secrets are stored sealed, each under its connection's data key.

Every connection has a key of its own, and so has the deployment. They are stored wrapped by the master key, so that
the database alone opens nothing, and nothing of one connection opens with the key of another.
"""

import asyncio
import base64
import hmac
import os
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.deployment.master_keys.wrapping import MasterKey, Wrapped
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent
from shared.foundation.permits import unasked
from shared.storage import tables as db
from shared.storage.database import Database

NONCE = 12
# Whose key the deployment's own secrets are made with; connections have ids.
DEPLOYMENT = "deployment"
# The vault is asked once an hour for each data key, and a data key that is not used is forgotten.
DATA_KEY_CACHED_FOR = timedelta(hours=1)
MAX_CACHED_DATA_KEYS = 2000


class Box:
    """Seals and unseals with one data key."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def seal(self, text: str, *, about: str) -> bytes:
        """Seal `text`; it is unsealed only with the same `about`, so a sealed value cannot be moved to another row."""
        return self.seal_bytes(text.encode(), about=about)

    def seal_bytes(self, content: bytes, *, about: str) -> bytes:
        """The same of any content."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, content, about.encode())

    def unseal(self, sealed: bytes, *, about: str) -> str:
        """The text sealed under `about`. Raises Permanent if it was sealed by another key or for another row."""
        return self.unseal_bytes(sealed, about=about).decode()

    def unseal_bytes(self, sealed: bytes, *, about: str) -> bytes:
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
    """The data keys: made, wrapped and unwrapped by the master key, and kept in memory for a while."""

    def __init__(self, master: MasterKey, database: Database, clock: Clock) -> None:
        self.master, self._database, self._clock = master, database, clock
        self._kept: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[bytes]] = {}

    async def box(self, scope: str) -> Box:
        """The box of a connection, by its id, or of DEPLOYMENT.

        Raises Permanent if its data key is lost or not to be had, Temporary during an outage.
        """
        return Box(await self._key(scope))

    async def new_box(self, scope: str) -> Box:
        """The box of a connection that is being made. Not inside a transaction, for the key is written in its own."""
        await self._make(scope)
        return await self.box(scope)

    async def derived(self, purpose: str) -> bytes:
        """32 bytes, always the same for a purpose, that only this deployment can work out: a key of their own."""
        return _derive(await self._key(DEPLOYMENT), purpose)

    async def secret(self, purpose: str, about: str) -> str:
        """Always the same 32 bytes, in base64url, for the same purpose and subject; nobody else can work them out."""
        key = await self.derived(f"links {purpose}")
        return base64.urlsafe_b64encode(hmac.digest(key, about.encode(), "sha256")).rstrip(b"=").decode()

    async def destroy(self, scopes: Sequence[str]) -> int:
        """Destroy the data keys of some connections for ever; returns how many. Other processes know them for an hour.

        What is sealed with them never opens again, and of a backup's copies only the master key can say no.
        """
        destroyed = 0
        for first in range(0, len(scopes), 500):
            some = [scope for scope in scopes[first : first + 500] if scope != DEPLOYMENT]
            async with self._database.write() as write:
                gone = await write.execute(sa.delete(db.data_keys).where(db.data_keys.c.scope.in_(some)))
            destroyed += gone.rowcount
            for scope in some:
                self._kept.pop(scope, None)
        return destroyed

    async def _key(self, scope: str) -> bytes:
        """A data key, kept in memory for a while. Callers at the same time share one answer."""
        kept = self._kept.get(scope)
        if kept is not None and self._clock.now() < kept[1]:
            self._kept.move_to_end(scope)
            return kept[0]
        if scope not in self._asked:
            with unasked():
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
        self._kept[scope] = key, self._clock.now() + DATA_KEY_CACHED_FOR
        self._kept.move_to_end(scope)
        while len(self._kept) > MAX_CACHED_DATA_KEYS:
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


def _derive(key: bytes, purpose: str) -> bytes:
    """The one block of HKDF-Expand that 32 bytes take; a random key needs no extraction first."""
    return hmac.digest(key, purpose.encode() + b"\x01", "sha256")
