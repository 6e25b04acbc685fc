"""The data keys of this process, under the master keys that its settings name."""

from shared.deployment.master_keys import chosen
from shared.deployment.sealing import Seal
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire
from shared.storage.database import Database


def keyring(settings: Settings, wire: Wire, database: Database) -> Seal:
    """Content opens in every process. Credentials do not in one that faces the internet."""
    master = chosen(settings, wire, settings.master_key)
    credentials = None if settings.functions == "public" else master
    if settings.credentials_key is not None:
        credentials = chosen(settings, wire, settings.credentials_key)
    return Seal(master, database, wire.clock, credentials=credentials)
