"""The queue triggers of the Functions host: messages received, hidden while they are worked on, deleted or given up.

As with the real host: a queue that is missing is not made but looked for again; a message that was delivered too often
goes to the queue's poison queue, which is made for it; a poison queue has none itself, so what fails there stays hidden
until its time is over.
"""

import asyncio
import base64
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.hosts.azure_host.clock import LOOK, Clock
from tests.hosts.azure_host.http import Invoke
from tests.hosts.azure_host.messages import TypedData
from tests.hosts.azure_host.worker import Function, NotStarted

log = logging.getLogger("host.queues")
T = TypeVar("T")

POISON = "-poison"
# How long a message is hidden while it is worked on; renewed when half of it is over.
HIDDEN = timedelta(minutes=10)
SOONEST_POLL = 0.1
# The storage client is synchronous. Its threads are the host's own, as the host is a process of its own.
THREADS = ThreadPoolExecutor(16, "storage")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What host.json says of all queues."""

    batch: int
    threshold: int
    retry_after: timedelta
    most_deliveries: int
    slowest_poll: float
    base64: bool

    @classmethod
    def read(cls, section: dict[str, Any]) -> "Options":
        """Read host.json's section, with the host's defaults for what it does not say."""
        batch = int(section.get("batchSize", 16))
        return cls(
            batch=batch,
            threshold=int(section.get("newBatchThreshold", batch // 2)),
            retry_after=span(section.get("visibilityTimeout", "00:00:00")),
            most_deliveries=int(section.get("maxDequeueCount", 5)),
            slowest_poll=span(section.get("maxPollingInterval", "00:01:00")).total_seconds(),
            base64=section.get("messageEncoding", "base64") == "base64",
        )


def span(text: str) -> timedelta:
    """A time span as host.json writes it, `hh:mm:ss`."""
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def typed(
    queue: str, body: str, *, identifier: str = "1", deliveries: int = 1, receipt: str = "", **moments: datetime
) -> tuple[TypedData, dict[str, TypedData]]:
    """A message as the worker takes it, and what is told of it."""
    told = {name: TypedData(json=json.dumps(moment.isoformat())) for name, moment in moments.items()}
    return TypedData(string=body), {
        "QueueTrigger": TypedData(string=queue),
        "Id": TypedData(string=identifier),
        "PopReceipt": TypedData(string=receipt),
        "DequeueCount": TypedData(json=json.dumps(deliveries)),
        **told,
    }


def clients(function: Function) -> tuple[Any, Any]:
    """The trigger's queue and its poison queue; None for the latter when it is a poison queue itself."""
    from azure.storage.queue import QueueClient

    name, setting = function.trigger["queueName"], function.trigger.get("connection") or "AzureWebJobsStorage"
    connection = os.environ.get(setting)
    if not connection:
        raise NotStarted(f"{function.name}: the setting {setting} holds no connection string")
    poison = None if name.endswith(POISON) else QueueClient.from_connection_string(connection, name + POISON)
    return QueueClient.from_connection_string(connection, name), poison


async def _call(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)


async def listen(function: Function, queue: Any, poison: Any, options: Options, clock: Clock, invoke: Invoke) -> None:
    """Work on a queue's messages until the host stops, then finish those begun."""
    working: set[asyncio.Task[None]] = set()
    wait = SOONEST_POLL
    while not clock.stopping:
        found = await _receive(queue, options.batch)
        for message in found:
            task = asyncio.create_task(_work(message, function, queue, poison, options, clock, invoke))
            working.add(task)
            task.add_done_callback(working.discard)
        if found:
            wait = SOONEST_POLL
            while len(working) > options.threshold:
                await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        else:
            await clock.sleep(wait)
            wait = min(wait * 2, options.slowest_poll)
    await asyncio.gather(*working)


async def _receive(queue: Any, most: int) -> list[Any]:
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    def receive() -> list[Any]:
        hidden = int(HIDDEN.total_seconds())
        return list(queue.receive_messages(messages_per_page=most, max_messages=most, visibility_timeout=hidden))

    try:
        return await _call(receive)
    except ResourceNotFoundError:
        return []
    except AzureError as error:
        log.warning("queue %s: %s", queue.queue_name, type(error).__name__)
        return []


async def _work(
    message: Any, function: Function, queue: Any, poison: Any, options: Options, clock: Clock, invoke: Invoke
) -> None:
    try:
        body = _decoded(message.content) if options.base64 else message.content
    except ValueError:
        await _give_up(message, queue, poison)
        return
    if message.dequeue_count > options.most_deliveries:
        await _give_up(message, queue, poison)
        return
    data, metadata = typed(
        queue.queue_name,
        body,
        identifier=message.id,
        deliveries=message.dequeue_count,
        receipt=message.pop_receipt,
        InsertionTime=message.inserted_on,
        ExpirationTime=message.expires_on,
        NextVisibleTime=message.next_visible_on,
    )
    outcome = asyncio.ensure_future(invoke(function, data, metadata))
    message = await _hold(message, queue, clock, outcome)
    if not outcome.result().error:
        await _settle(lambda: queue.delete_message(message))
    elif poison is None:
        pass  # it stays hidden, so that it does not fail again at once and for ever
    elif message.dequeue_count >= options.most_deliveries:
        await _give_up(message, queue, poison)
    else:
        seconds = int(options.retry_after.total_seconds())
        await _settle(lambda: queue.update_message(message, visibility_timeout=seconds))
        log.info("queue %s: a message comes back in %d s", queue.queue_name, seconds)


def _decoded(content: str) -> str:
    return base64.b64decode(content, validate=True).decode()


async def _hold(message: Any, queue: Any, clock: Clock, outcome: "asyncio.Future[Any]") -> Any:
    """Keep the message hidden while it is worked on; returns it with its newest receipt."""
    deliveries, renew_at = message.dequeue_count, clock.now() + HIDDEN / 2
    while not outcome.done():
        await asyncio.wait({outcome}, timeout=LOOK)
        if not outcome.done() and clock.now() >= renew_at:
            renew_at = clock.now() + HIDDEN / 2
            message = await _renewed(message, queue)
            message.dequeue_count = deliveries
    return message


async def _renewed(message: Any, queue: Any) -> Any:
    seconds = int(HIDDEN.total_seconds())
    renewed = await _settle(lambda: queue.update_message(message, visibility_timeout=seconds))
    log.info("queue %s: a message is held for longer", queue.queue_name)
    return renewed or message


async def _give_up(message: Any, queue: Any, poison: Any) -> None:
    if poison is None:
        return

    def move() -> None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            poison.send_message(message.content)
        except ResourceNotFoundError:
            poison.create_queue()
            poison.send_message(message.content)
        queue.delete_message(message)

    await _settle(move)
    log.warning("queue %s: a message goes to %s", queue.queue_name, poison.queue_name)


async def _settle(work: Callable[[], T]) -> T | None:
    """Tell the queue how it went; if somebody else has the message by now, it is theirs."""
    from azure.core.exceptions import AzureError

    try:
        return await _call(work)
    except AzureError as error:
        log.warning("a message is no longer ours: %s", getattr(error, "error_code", type(error).__name__))
        return None
