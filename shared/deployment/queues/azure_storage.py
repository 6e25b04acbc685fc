"""Azure Storage queues: a job is a message that stays invisible until its time. Receiving is the host's work."""

import asyncio
import logging
import math
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.deployment.identity import ManagedIdentity
from shared.deployment.queues import Job, encode
from shared.foundation.clock import Clock
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.http_client import busy, retry_after, unreachable
from shared.foundation.settings import AzureStorage

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.exceptions import HttpResponseError
    from azure.storage.queue import QueueClient

    from shared.deployment.queues import MessageKey

RESOURCE = "https://storage.azure.com"
# A message cannot be invisible for longer. A message for later is delivered early, and sent again.
MAX_DELAY = timedelta(days=7)
# Without this a message lives seven days, invisible or not.
FOR_EVER = -1
# Seconds. The library's own limits would keep a browser waiting for minutes; these add up to about half of one.
LIMITS = {"connection_timeout": 5, "read_timeout": 8}


class AzureStorageQueue:
    """Jobs in the queues of a storage account."""

    def __init__(self, settings: AzureStorage, identity: ManagedIdentity, clock: Clock, key: "MessageKey") -> None:
        """`key` gives what messages are signed with.

        Raises ValueError if the settings do not say, in exactly one way, how to reach the account.
        """
        if (settings.queue_url is None) == (settings.connection_string is None):
            raise ValueError("set exactly one of QUEUE_URL and CONNECTION_STRING of the storage account")
        if settings.queue_url is not None and not settings.queue_url.startswith("https://"):
            raise ValueError("QUEUE_URL must begin with https, for our token goes there")
        self._settings, self._credential, self._clock, self._key = settings, _Credential(identity), clock, key
        self._clients: dict[str, QueueClient] = {}

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job. Raises Temporary during an outage, Permanent `our_queue` if we are not let in."""
        wait = min(max(not_before - self._clock.now(), timedelta(0)), MAX_DELAY)
        message = encode(job, not_before, await self._key())
        # The library is synchronous and sleeps while it retries.
        await asyncio.to_thread(self._put, job.queue, message, math.ceil(wait.total_seconds()))

    def _put(self, queue: str, message: str, seconds: int) -> None:
        from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError

        client = self._client(queue)
        try:
            try:
                client.send_message(message, visibility_timeout=seconds, time_to_live=FOR_EVER)
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):
                    client.create_queue()
                client.send_message(message, visibility_timeout=seconds, time_to_live=FOR_EVER)
        except HttpResponseError as error:
            raise self._problem(error, client.primary_hostname, queue) from None
        except AzureError as error:
            raise unreachable(client.primary_hostname, error) from None

    def _client(self, queue: str) -> "QueueClient":
        from azure.storage.queue import LinearRetry, QueueClient, TextBase64EncodePolicy

        if queue not in self._clients:
            # It tells of every request otherwise.
            logging.getLogger("azure").setLevel(logging.WARNING)
            options: dict[str, Any] = {
                **LIMITS,
                "retry_policy": LinearRetry(backoff=1, random_jitter_range=1, retry_total=2),
                "permit_redirects": False,
                # The host's trigger wants it so.
                "message_encode_policy": TextBase64EncodePolicy(),
            }
            self._clients[queue] = self._connected(QueueClient, queue, options)
        return self._clients[queue]

    def _connected(self, kind: "type[QueueClient]", queue: str, options: dict[str, Any]) -> "QueueClient":
        if self._settings.connection_string is None:
            return kind(str(self._settings.queue_url), queue, self._credential, **options)
        try:
            return kind.from_connection_string(self._settings.connection_string.get_secret_value(), queue, **options)
        except ValueError:
            raise Permanent("our_queue", "The connection string of our own storage account cannot be read.") from None

    def _problem(self, error: "HttpResponseError", host: str, queue: str) -> FootprintError:
        """What an answer of the service means to us; its own text is not repeated."""
        status = error.status_code
        if status in (408, 429) or (status is not None and status >= 500):
            return busy(host, status, retry_after(getattr(error.response, "headers", {}), self._clock.now()))
        if status in (404, 409):
            # A queue that was deleted cannot be made again for half a minute.
            return Temporary("platform_unavailable", f"{host} is still deleting the queue {queue}.")
        if status in (401, 403):
            return Permanent(
                "our_queue",
                f"{host} does not let us send jobs to the queue {queue}. Give this deployment's identity the role "
                "Storage Queue Data Contributor, and see that the account's network rules let it in.",
            )
        return Permanent("our_queue", f"{host} refused a job for the queue {queue} ({status}). Check its settings.")


class _Credential:
    """Our identity, as the library asks for it."""

    def __init__(self, identity: ManagedIdentity) -> None:
        self._identity = identity

    def get_token(self, *_scopes: str, **_options: Any) -> "AccessToken":
        """Expired at once, as we tell it, so that it is asked for each time: the identity knows how long it lasts."""
        from azure.core.credentials import AccessToken

        return AccessToken(self._identity.ask(RESOURCE), 0)
