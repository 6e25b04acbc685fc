"""The three kinds of master key: in the settings, in Key Vault, in Cloud KMS."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from infra.local.simulators.vaults import KMS_KEY, Vaults
from shared.deployment.identity import ManagedIdentity, ServiceIdentity
from shared.deployment.master_keys.key_vault import KeyVault
from shared.deployment.master_keys.kms import Kms
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.master_keys.wrapping import MasterKey
from shared.foundation.wire import Wire
from shared.storage import tables
from shared.storage.database import Database

DATA_KEY = bytes(range(32))


def local_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


@dataclass
class Holder:
    """One kind of master key, and how it gets a new version."""

    master: MasterKey
    rotate: Callable[[], MasterKey]
    disable_old: Callable[[], None]
    calls: Callable[[], int] = lambda: 0


def vault_key(vaults: Vaults, wire: Wire) -> KeyVault:
    return KeyVault(vaults.key_vault, wire, ManagedIdentity(wire, wire.clock, "identity-1"))


def kms_key(vaults: Vaults, wire: Wire) -> Kms:
    return Kms(vaults.address, KMS_KEY, wire, ServiceIdentity(wire, wire.clock))


def local(_vaults: Vaults, _wire: Wire) -> Holder:
    first = local_key()
    return Holder(LocalKeys([first]), lambda: LocalKeys([local_key(), first]), lambda: None)


def in_vault(vaults: Vaults, wire: Wire) -> Holder:
    master, old = vault_key(vaults, wire), vaults.vault[-1]

    def anew() -> MasterKey:
        vaults.rotate_vault()
        return master

    def disable() -> None:
        old.enabled = False

    return Holder(master, anew, disable, lambda: vaults.calls.count("vault unwrapkey"))


def in_kms(vaults: Vaults, wire: Wire) -> Holder:
    master, old = kms_key(vaults, wire), vaults.kms[-1]

    def anew() -> MasterKey:
        vaults.rotate_kms()
        return master

    def disable() -> None:
        old.enabled = False

    return Holder(master, anew, disable, lambda: vaults.calls.count("kms decrypt"))


async def keys_of(database: Database) -> dict[str, Any]:
    async with database.read() as read:
        return {row.scope: (row.master, row.wrapped) for row in await read.execute(sa.select(tables.data_keys))}
