"""The trash of a connection's mailboxes: quarantined messages lie there until they are put back or Gmail empties it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.connections.call_log import MOST_KEPT_BACK, Operations
from shared.connections.record import Connection, new_id
from shared.flows.app import App
from shared.platforms.google_workspace import message_actions as actions
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.mailbox import Post
from shared.protection.quarantine import Item


class Bins:
    """One after the other, each opened in its owner's name; every call is in the log."""

    def __init__(self, post: Post, operations: Operations) -> None:
        self._post, self._operations = post, operations

    async def holds(self, item: Item) -> bool:
        """Whether a message still lies there."""
        async with self._post.open(item.address) as api:
            labels = await actions.labels_of(api, item.message)
        await self._operations.flush(at_least=MOST_KEPT_BACK)
        return "TRASH" in labels

    async def put_back(self, item: Item) -> bool:
        """Put a message back with the labels it bore; False if it was not there."""
        async with self._post.open(item.address) as api:
            put = await actions.put_back(api, item.message, item.labels)
        await self._operations.flush(at_least=MOST_KEPT_BACK)
        return put

    async def content(self, item: Item) -> bytes:
        """The whole message as it came."""
        async with self._post.open(item.address) as api:
            found = await actions.content(api, item.message)
        await self._operations.flush(at_least=MOST_KEPT_BACK)
        return found


@asynccontextmanager
async def bins(delegation: Delegation, app: App, connection: Connection) -> AsyncIterator[Bins]:
    """For one run."""
    operations = Operations(app.database, connection.id)
    async with app.wire.client(app.settings.google.gmail_url) as http:
        try:
            yield Bins(Post(http, delegation, operations, app.clock, run=new_id()[:12]), operations)
        finally:
            await operations.flush()
