"""The deployment's database, signed in to with a password in its URL, or with a token of our own identity."""

from typing import TYPE_CHECKING

from shared.foundation.clock import Clock
from shared.foundation.permits import unasked
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire
from shared.storage.database import Database, Password
from shared.storage.rights import User

if TYPE_CHECKING:
    from shared.deployment.identity import Identity

# What the tokens are for: https://learn.microsoft.com/azure/postgresql/security/security-entra-configure and
# https://cloud.google.com/sql/docs/postgres/iam-logins
AZURE = "https://ossrdbms-aad.database.windows.net"
GOOGLE = "https://www.googleapis.com/auth/sqlservice.login"


def own_database(settings: Settings, clock: Clock) -> Database:
    """The database of these settings. Connects to nothing yet."""
    return Database(settings.database_url, settings.database_connections, _password(settings, clock))


def public_user(settings: Settings) -> User | None:
    """The public functions' user, to whom the timer `migrate` gives rights; a managed identity's is made, by a label.

    https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users
    """
    user = settings.database_public
    if user is None:
        return None
    return User(user.name, ("pgaadauth", f"aadauth,oid={user.principal},type=service") if user.principal else None)


def _password(settings: Settings, clock: Clock) -> Password | None:
    """A token that lasts some minutes at least: both identities keep theirs, and renew it before it ends."""
    # With a thread of its own: all others may be waiting for the database.
    wire = Wire(clock=clock, ca_file=settings.ca_file, threads=1)
    match settings.database_identity:
        case "azure":
            from shared.deployment.identity import ManagedIdentity

            return _token(ManagedIdentity(wire, clock, settings.azure_identity), AZURE)
        case "google":
            from shared.deployment.identity import ServiceIdentity

            return _token(ServiceIdentity(wire, clock), GOOGLE)
        case None:
            return None


def _token(identity: "Identity", audience: str) -> Password:
    async def password() -> str:
        # A run asks the database whether it may go on: to ask for this would wait for itself.
        with unasked():
            return await identity.token(audience)

    return password
