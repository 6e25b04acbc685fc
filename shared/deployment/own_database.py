"""The deployment's database, signed in to with a password in its URL, or with a token of our own identity."""

from shared.foundation.settings import Settings
from shared.foundation.wire import Wire
from shared.storage.database import Database, Password

# What the tokens are for: https://learn.microsoft.com/azure/postgresql/security/security-entra-configure and
# https://cloud.google.com/sql/docs/postgres/iam-logins
AZURE = "https://ossrdbms-aad.database.windows.net"
GOOGLE = "https://www.googleapis.com/auth/sqlservice.login"


def own_database(settings: Settings, wire: Wire) -> Database:
    """The database of these settings. Connects to nothing yet."""
    return Database(settings.database_url, settings.database_connections, _password(settings, wire))


def _password(settings: Settings, wire: Wire) -> Password | None:
    """A token that lasts some minutes at least: both identities keep theirs, and renew it before it ends."""
    match settings.database_identity:
        case "azure":
            from shared.deployment.identity import ManagedIdentity

            managed = ManagedIdentity(wire, wire.clock, settings.azure_identity)
            return lambda: managed.token(AZURE)
        case "google":
            from shared.deployment.identity import ServiceIdentity

            service = ServiceIdentity(wire, wire.clock)
            return lambda: service.token(GOOGLE)
        case None:
            return None
