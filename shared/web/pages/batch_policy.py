"""Which policy a batch sets: one that some connection has already, so that it was written and tried there first."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.connections import search
from shared.connections.record import Connection
from shared.connections.search import Wanted
from shared.flows.app import App
from shared.protection import directory_search
from shared.protection import policies as stored
from shared.protection.policies import Policy
from shared.storage.ids import ConnectionId
from shared.web.pages.policy_words import named_in, sentence

MAX_FOUND = 10


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How far somebody has come: `connections` match what was typed; one has `policies`, each with its sentence."""

    text: str = ""
    connections: Sequence[Connection] = ()
    policies: Sequence[tuple[Policy, str]] = ()
    policy: tuple[Policy, str] | None = None


async def chosen(app: App, customer: str | None, text: str, name: str) -> Choice:
    """The policy of a name at the connection that a text means, or what there is to choose from."""
    if not text:
        return Choice()
    wanted = Wanted(customer=customer, text=text[:253])
    found = await search.every(app.database, wanted, most=MAX_FOUND)
    exact = [one for one in found if text.casefold() in (one.id, one.name.casefold())]
    if len(exact or found) != 1:
        return Choice(text=text, connections=found)
    (connection,) = exact or found
    policies = await stored.listed(app.database, connection.id)
    told = [(one, await _sentence(app, connection.id, one)) for one in policies]
    policy = next((one for one in told if one[0].name == name), None)
    return Choice(text=text, connections=[connection], policies=told, policy=policy)


async def _sentence(app: App, connection: ConnectionId, policy: Policy) -> str:
    groups, users = named_in([policy])
    names = await directory_search.names(app.database, connection, "groups", groups)
    names |= await directory_search.names(app.database, connection, "users", users)
    return sentence(policy, names)
