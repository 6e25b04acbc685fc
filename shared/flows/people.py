"""A person is erased: what names them is emptied in ledgers and logs of calls, and they are sent nothing any more.

A copy of a directory follows the customer's own, so it is told where a person is still in one. A signed certificate is
never changed: it is told how many name the person, and each goes with its closed connection.
"""

from dataclasses import asdict, dataclass, replace

from shared.connections import call_log, record
from shared.connections.record import Connection
from shared.engine import chain, people
from shared.engine.chain import Act, Entry
from shared.flows import marked_messages
from shared.flows.app import App
from shared.flows.reports import store
from shared.protection import directory_search
from shared.storage.people import Person


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was emptied, in numbers, and what stays."""

    connections: int = 0
    texts: int = 0
    calls: int = 0
    kept: int = 0
    """Texts of entries that are older than the commitments: their hashes hold the texts themselves."""
    directories: int = 0
    """Connections in whose customer's directory the person still is."""
    certificates: int = 0


async def erase(app: App, address: str, actor: str, customer: str | None) -> Erased:
    """Erase a person by an e-mail address, in the connections of one customer or of all; again, it finds nothing."""
    person, total = Person(address), Erased()
    async with app.database.read() as read:
        found = await people.named(read, person) | await call_log.named(read, person)
        found |= await record.with_contact(read, person) | await store.with_recipient(read, person)
        found |= await marked_messages.named(read, person)
        in_copies = await directory_search.with_user(read, person)
    for identifier in sorted(found | in_copies):
        connection = await record.find(app.database, identifier)
        if connection is not None and customer in (None, connection.customer):
            one = await _erase(app, connection, person, actor) if identifier in found else Erased()
            total = _sum(total, replace(one, directories=int(identifier in in_copies)))
    return total


async def _erase(app: App, connection: Connection, person: Person, actor: str) -> Erased:
    """All of one connection, with the entry that says so, in one transaction."""
    async with app.database.write() as write:
        await record.hold(write, connection.id)
        emptied = await people.empty(write, connection.id, person)
        calls = await call_log.forget(write, connection.id, person)
        left = [one for one in connection.contacts if not person.named_in(one)]
        if was_contact := len(left) < len(connection.contacts):
            await record.update(write, connection.id, contacts=left)
        was_sent = await store.forget_recipient(write, connection.id, person)
        was_marked = await marked_messages.forget(write, connection.id, person)
        certificates = await people.certificates(write, connection.id, person)
        if not (emptied.texts or calls or was_contact or was_sent or was_marked):
            return Erased(kept=emptied.kept, certificates=certificates)
        what = {"texts": emptied.texts, "calls": calls}
        note = "a person was erased: what named them in this ledger and in the log of calls was emptied"
        entry = Entry(key="people", act=Act.ERASE, actor=actor, note=note, after=what)
        await chain.append(write, connection.id, connection.generation, app.clock.now(), entry)
    return Erased(connections=1, calls=calls, certificates=certificates, **asdict(emptied))


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(**{name: number + getattr(other, name) for name, number in asdict(one).items()})
