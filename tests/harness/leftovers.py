"""What an ended connection leaves in a tenant, and says so: elements of shared lists of which nobody can tell whose."""

import json
from collections.abc import Iterable

from shared.connections.record import Connection
from shared.engine import certificate
from shared.engine.certificate import Certificate
from tests.harness.world import World

# The service's own, as the settings have it where nobody says otherwise.
SENDING_DOMAIN = "outbound.example.net"


async def exit_record(world: World, connection: Connection) -> Certificate:
    """The connection's certificate."""
    found = await certificate.latest(world.app.database, await world.connection(connection.id))
    assert found is not None
    return found


def without(world: World, keys: Iterable[str]) -> str:
    """The tenant's snapshot, less the list elements of these holdings; each of them must be there."""
    now = json.loads(world.snapshot())
    for key in keys:
        head, _, element = key.partition("/")
        if head == "ip-allow":
            now["connectionFilter"]["IPAllowList"].remove(element)
        else:
            assert head == "spoof", key
            (ours,) = [one for one in now["spoofItems"] if one["SendingInfrastructure"] == SENDING_DOMAIN]
            now["spoofItems"].remove(ours)
    return json.dumps(now, sort_keys=True, separators=(",", ":"))


def whole(snapshot: str) -> str:
    """A snapshot in the same form."""
    return json.dumps(json.loads(snapshot), sort_keys=True, separators=(",", ":"))
