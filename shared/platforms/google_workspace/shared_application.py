"""One Marketplace application serves several connections and products: who else of ours needs it in this customer."""

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

EVERYBODY = "*"


def in_use_elsewhere(tenant: WorkspaceCustomer) -> str | None:
    """A product that is not managed here and uses the same application, by the deployment's own word."""
    listed = {name.lower() for name in tenant.google.drive_customers}
    domain = str(tenant.connection.administrator or "").rpartition("@")[2]
    names = {tenant.id.lower(), domain.lower(), str(tenant.connection.expected_tenant or "").lower(), EVERYBODY}
    return "Google Drive is protected through the same application" if listed & names else None


def still_used(tenant: WorkspaceCustomer) -> str | None:
    """Who is left to need the application, so that they will have it removed in their turn; None if nobody is.

    Of two connections that end at the same time the one with the greater id is the last.
    """
    if product := in_use_elsewhere(tenant):
        return product
    last = [other for other in tenant.others if _after(tenant.connection, other)]
    return f"“{last[0].name}” needs the application in the same organisation" if last else None


def _after(one: Connection, other: Connection) -> bool:
    if other.stage in (Stage.GRANT, Stage.RUN, Stage.REVOKE):
        return True
    return other.stage is Stage.CLEANUP and other.id > one.id


def held_up(tenant: WorkspaceCustomer) -> str | None:
    """A connection that is ending too, and cannot be seen to its end without the application."""
    ending = [other for other in tenant.others if other.stage is Stage.CLEANUP and other.id < tenant.connection.id]
    return f"“{ending[0].name}” is ending too and needs it a little longer" if ending else None
