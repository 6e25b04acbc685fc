"""The trash of a connection's mailboxes: quarantined messages lie there until they are put back or Gmail empties it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.connections.call_log import MAX_UNWRITTEN_CALLS, Operations
from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.foundation.memory import Memory
from shared.platforms.google_workspace import message_actions
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.mailbox import Mailboxes
from shared.protection.quarantine import QuarantinedMessage
from shared.storage.ids import new_id


class Trash:
    """One after the other, each opened in its owner's name; every call is in the log."""

    def __init__(self, gmail: Mailboxes, operations: Operations, memory: Memory) -> None:
        self._gmail, self._operations, self._memory = gmail, operations, memory

    async def holds(self, item: QuarantinedMessage) -> bool:
        """Whether a message still lies there."""
        async with self._gmail.open(item.address) as api:
            labels = await message_actions.labels_of(api, item.message)
        await self._operations.flush(at_least=MAX_UNWRITTEN_CALLS)
        return "TRASH" in labels

    async def put_back(self, item: QuarantinedMessage) -> bool:
        """Put a message back with the labels it bore; False if it was not there."""
        async with self._gmail.open(item.address) as api:
            put = await message_actions.put_back(api, item.message, item.labels)
        await self._operations.flush(at_least=MAX_UNWRITTEN_CALLS)
        return put

    async def content(self, item: QuarantinedMessage) -> bytes:
        """The whole message as it came."""
        # Nothing tells its size before.
        async with (
            self._memory.room(message_actions.memory_of(message_actions.MAX_MESSAGE_BYTES)),
            self._gmail.open(item.address) as api,
        ):
            found = await message_actions.content(api, item.message)
        await self._operations.flush(at_least=MAX_UNWRITTEN_CALLS)
        return found


@asynccontextmanager
async def trash(delegation: Delegation, context: Context, connection: Connection) -> AsyncIterator[Trash]:
    """For one run."""
    operations = Operations(context.database, connection.id)
    async with context.wire.client(context.settings.google.gmail_url) as http:
        try:
            gmail = Mailboxes(http, delegation, operations, context.clock, run=new_id()[:12])
            yield Trash(gmail, operations, context.memory)
        finally:
            await operations.flush()
