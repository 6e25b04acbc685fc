"""The master keys, which wrap the keys of single connections: held by us, by a key vault or by a KMS."""

from shared.deployment.master_keys.wrapping import MasterKey
from shared.foundation.settings import MasterKey as Stated
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire


def chosen(settings: Settings, wire: Wire, mine: Stated) -> MasterKey:
    """A master key that the settings name."""
    if mine.key_vault is not None:
        from shared.deployment.identity import ManagedIdentity
        from shared.deployment.master_keys.key_vault import KeyVault

        return KeyVault(mine.key_vault, wire, ManagedIdentity(wire, wire.clock, settings.azure_identity))
    if mine.kms is not None:
        from shared.deployment.identity import ServiceIdentity
        from shared.deployment.master_keys.kms import Kms

        return Kms(mine.kms_url, mine.kms, wire, ServiceIdentity(wire, wire.clock))
    from shared.deployment.master_keys.local import LocalKeys

    if mine.file is not None:
        return LocalKeys(mine.file.read_text().split())
    return LocalKeys([mine.value.get_secret_value()] if mine.value else [])
