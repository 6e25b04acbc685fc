"""Secrets are stored sealed, each under its connection's data key.

Every connection has keys of its own, and so has the deployment. They are stored wrapped by the master key, so that
the database alone opens nothing, and nothing of one connection opens with the key of another. One of them seals; the
others, older or too new for every process to know, only open.

What opens tenants, credentials, has keys apart from content. They are wrapped by a master key that a process which
faces the internet does not have.
"""

import asyncio
import base64
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.deployment.master_keys.wrapping import MasterKey, Wrapped
from shared.foundation.clock import Clock
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Permanent
from shared.foundation.permits import unasked
from shared.storage import tables as db
from shared.storage.database import Database

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

NONCE = 12
# Bytes of a row's number.
NUMBER = 4
# Whose key the deployment's own secrets are made with; connections have ids.
DEPLOYMENT = "deployment"
# Ends the name of the scope whose keys seal credentials only.
CREDENTIALS = "/credentials"
# The vault is asked once an hour for each data key, and a data key that is not used is forgotten.
DATA_KEY_CACHED_FOR = timedelta(hours=1)
MAX_CACHED_DATA_KEYS = 2000
# A new key seals once every process has asked for the keys anew, whatever its clock.
SEALS_AFTER = 2 * DATA_KEY_CACHED_FOR

Ring = tuple[tuple[datetime, bytes], ...]
"""The keys of one scope with when they were made, the newest first."""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A column that is sealed, whose rows belong to a connection (`scope` names its column) or to the deployment."""

    table: sa.Table
    about: Callable[[Any], str]
    column: str = "sealed"
    scope: str | None = "connection"
    credentials: bool = False


class Box:
    """Seals with the first of some data keys, and unseals with any of them."""

    def __init__(self, *keys: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._keys, self._ciphers = keys, [AESGCM(key) for key in keys]

    def seal(self, text: str, *, about: str) -> bytes:
        """Seal `text`; it is unsealed only with the same `about`, so a sealed value cannot be moved to another row."""
        return self.seal_bytes(text.encode(), about=about)

    def seal_bytes(self, content: bytes, *, about: str) -> bytes:
        """The same of any content."""
        nonce = os.urandom(NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, content, about.encode())

    def unseal(self, sealed: bytes, *, about: str) -> str:
        """The text sealed under `about`. Raises Permanent if it was sealed by another key or for another row."""
        return self.unseal_bytes(sealed, about=about).decode()

    def unseal_bytes(self, sealed: bytes, *, about: str) -> bytes:
        """The same of any content."""
        return self._opened(sealed, about)[1]

    def anew(self, sealed: bytes, *, about: str) -> bytes | None:
        """The same content under the key that seals now; None if it is sealed with that already."""
        place, content = self._opened(sealed, about)
        return self.seal_bytes(content, about=about) if place else None

    def name(self, number: int, *, about: str) -> str:
        """What a row is called outside whose number counts those of all customers: nobody reads from it how many.

        A name is always the same until its key is renewed, and holds as long as that key opens.
        """
        return next(self._names).encrypt(number.to_bytes(NUMBER), [about.encode()]).hex()

    def number(self, name: str, *, about: str) -> int | None:
        """The number of a row by its name; None for what was never one."""
        from cryptography.exceptions import InvalidTag

        for cipher in self._names:
            with suppress(InvalidTag, ValueError):
                return int.from_bytes(cipher.decrypt(bytes.fromhex(name), [about.encode()]))
        return None

    @property
    def _names(self) -> "Iterator[AESSIV]":
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return (AESSIV(_derive(key, "names")) for key in self._keys)

    def _opened(self, sealed: bytes, about: str) -> tuple[int, bytes]:
        from cryptography.exceptions import InvalidTag

        for place, cipher in enumerate(self._ciphers):
            try:
                return place, cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
            except (InvalidTag, ValueError):
                continue
        raise Permanent(
            "sealed_by_another_key",
            "A stored secret does not open with its connection's key. Restore both from the same backup.",
        )


class Seal:
    """The data keys: made, wrapped and unwrapped by the master key, and kept in memory for a while."""

    def __init__(
        self, master: MasterKey, database: Database, clock: Clock, *, credentials: MasterKey | None = None
    ) -> None:
        """`credentials` is the master key of what opens tenants; without it this process opens content only."""
        self.master, self.credentials_master = master, credentials
        self._database, self._clock = database, clock
        self._kept: OrderedDict[str, tuple[Ring, datetime]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Ring]] = {}

    async def box(self, scope: str) -> Box:
        """The box of a connection, by its id, or of DEPLOYMENT.

        Raises Permanent if its data key is lost or not to be had, Temporary during an outage.
        """
        return Box(*await self._keys(scope))

    async def credentials(self, scope: str) -> Box:
        """The box of what opens a connection's tenant, or of the workers' own secrets. Raises as `box` does.

        Raises Permanent `credentials_closed` in a process that faces the internet.
        """
        return await self.box(scope + CREDENTIALS)

    async def new_box(self, scope: str) -> Box:
        """The box of a connection that is being made. Not inside a transaction, for the key is written in its own."""
        await self.add(scope, 1)
        return await self.box(scope)

    async def derived(self, purpose: str) -> bytes:
        """32 bytes, always the same for a purpose, that only this deployment can work out: a key of their own."""
        return (await self.each_derived(purpose))[0]

    async def each_derived(self, purpose: str) -> list[bytes]:
        """The same of each of the deployment's keys, the present one first: what an older one has signed holds on."""
        return [_derive(key, purpose) for key in await self._keys(DEPLOYMENT)]

    async def secret(self, purpose: str, about: str) -> str:
        """32 bytes, in base64url, for a purpose and subject, until the key is renewed; nobody else works them out."""
        return (await self._secrets(purpose, about))[0]

    async def is_secret(self, purpose: str, about: str, said: str) -> bool:
        """Whether that is the secret of a purpose and subject, by one of the deployment's keys."""
        return any(hmac.compare_digest(said.encode(), one.encode()) for one in await self._secrets(purpose, about))

    async def _secrets(self, purpose: str, about: str) -> list[str]:
        digests = [hmac.digest(key, about.encode(), "sha256") for key in await self.each_derived(f"links {purpose}")]
        return [base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in digests]

    async def destroy(self, scopes: Sequence[str], *, credentials: bool = True) -> int:
        """Destroy the data keys of some connections for ever; returns how many. Other processes know them for an hour.

        Those of their credentials are not counted, and left if they are still needed to give grants back.

        What is sealed with them never opens again, and of a backup's copies only the master key can say no.
        """
        destroyed = 0
        for first in range(0, len(scopes), 500):
            some = [scope for scope in scopes[first : first + 500] if scope != DEPLOYMENT]
            keys = db.data_keys
            async with self._database.write() as write:
                gone = await write.execute(sa.delete(keys).where(keys.c.scope.in_(some)))
                if credentials:
                    await write.execute(sa.delete(keys).where(keys.c.scope.in_([one + CREDENTIALS for one in some])))
            destroyed += gone.rowcount
            for scope in some:
                self._kept.pop(scope, None)
                self._kept.pop(scope + CREDENTIALS, None)
        return destroyed

    async def _keys(self, scope: str) -> list[bytes]:
        """The data keys of a scope, the one that seals first."""
        ring, known_by_all = await self._ring(scope), self._clock.now() - SEALS_AFTER
        sealing = next((place for place, (made_at, _) in enumerate(ring) if made_at <= known_by_all), len(ring) - 1)
        keys = [key for _, key in ring]
        return [keys[sealing], *keys[:sealing], *keys[sealing + 1 :]]

    async def _ring(self, scope: str) -> Ring:
        """The same as they were made, kept in memory for a while. Callers at the same time share one answer."""
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

    async def _fetch(self, scope: str) -> Ring:
        self._master(scope)  # who may not know them reads nothing
        stored = (await self._stored([scope])).get(scope)
        # Those of credentials are made by the first process that may, of connections that have not lost theirs.
        whose = scope.removesuffix(CREDENTIALS)
        if not stored and (scope == DEPLOYMENT or (whose != scope and await self._is_known(whose))):
            await self.add(scope, 1)
            stored = (await self._stored([scope])).get(scope)
        if not stored:
            raise Permanent(
                "data_key_missing",
                "The key of this connection is not in the database, so nothing that is sealed opens. Restore it from "
                "the database's backup.",
            )
        return await self._keep(scope, stored)

    async def _keep(self, scope: str, stored: Sequence[tuple[datetime, Wrapped]]) -> Ring:
        master = self._master(scope)
        keys = [await master.unwrap(wrapped, scope) for _, wrapped in stored]
        ring = tuple((made_at, key) for (made_at, _), key in zip(stored, keys, strict=True))
        self._kept[scope] = ring, self._clock.now() + DATA_KEY_CACHED_FOR
        self._kept.move_to_end(scope)
        while len(self._kept) > MAX_CACHED_DATA_KEYS:
            self._kept.popitem(last=False)
        return ring

    async def have(self, scopes: Sequence[str]) -> None:
        """Have the keys of many scopes in memory, read in one statement; what does not open is told by who asks it."""
        now = self._clock.now()
        stored = await self._stored([one for one in scopes if one not in self._kept or now >= self._kept[one][1]])

        async def keep(scope: str) -> None:
            with suppress(FootprintError):
                await self._keep(scope, stored[scope])

        await each(stored, keep)

    async def _is_known(self, scope: str) -> bool:
        return scope == DEPLOYMENT or bool(await self._stored([scope]))

    def _master(self, scope: str) -> MasterKey:
        if not scope.endswith(CREDENTIALS):
            return self.master
        if self.credentials_master is None:
            raise Permanent(
                "credentials_closed",
                "This process faces the internet, so it cannot open credentials: the workers do. Have them do it.",
            )
        return self.credentials_master

    async def _stored(self, scopes: Sequence[str]) -> dict[str, list[tuple[datetime, Wrapped]]]:
        """By scope, the newest first; a scope that has none is left out."""
        table, found = db.data_keys, dict[str, list[tuple[datetime, Wrapped]]]()
        async with self._database.read() as read:
            rows = await read.execute(sa.select(table).where(table.c.scope.in_(scopes)).order_by(table.c.number.desc()))
        for row in rows:
            found.setdefault(row.scope, []).append((row.made_at, Wrapped(master=row.master, content=row.wrapped)))
        return found

    async def add(self, scope: str, number: int) -> None:
        """Make the key of a scope that has this number, unless another process was quicker, whose key is the one."""
        wrapped = await self._master(scope).wrap(os.urandom(32), scope)
        made = {"wrapped": wrapped.content, "master": wrapped.master, "made_at": self._clock.now()}
        try:
            async with self._database.write() as write:
                await write.execute(sa.insert(db.data_keys).values(scope=scope, number=number, **made))
        except sa.exc.IntegrityError:
            return


def _derive(key: bytes, purpose: str) -> bytes:
    """The one block of HKDF-Expand that 32 bytes take; a random key needs no extraction first."""
    return hmac.digest(key, purpose.encode() + b"\x01", "sha256")
