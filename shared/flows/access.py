"""Which connection somebody may see."""

from shared.connections import record
from shared.connections.record import Connection
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.storage.ids import ConnectionId


async def found(app: App, identifier: str, customer: str | None = None) -> Connection:
    """The connection with this id. Raises Refused 404 if there is none, or if it is not this customer's.

    `customer`: whose connections may be seen; None for those of all customers.
    """
    connection = await record.find(app.database, ConnectionId(identifier))
    if connection is None or customer not in (None, connection.customer):
        raise Refused(404, "no_such_connection", "There is no such connection.")
    return connection
