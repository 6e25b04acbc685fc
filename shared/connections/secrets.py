"""A connection's own secrets: the values of the headers by which the service knows the customer's mail."""

from collections.abc import Iterable

from shared.connections.record import Connection
from shared.deployment.sealing import Box, Seal, Sealed
from shared.storage import tables as db

ABOUT = "headers"
SEALED = Sealed(table=db.connections, column="sealed_headers", scope="id", about=lambda _row: ABOUT)


def seal_header_secrets(box: Box, values: Iterable[str]) -> bytes:
    """The values as a connection keeps them, in `sealed_headers`; they contain no white space."""
    return box.seal(" ".join(values), about=ABOUT)


async def header_secrets(seal: Seal, connection: Connection) -> list[str]:
    """The values, in the order of the platform's names for them."""
    return (await seal.box(connection.id)).unseal(connection.sealed_headers, about=ABOUT).split()
