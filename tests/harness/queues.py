"""The queues, each with the way in which its messages come out at the other end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.deployment.identity import ManagedIdentity, ServiceIdentity
from shared.deployment.queues import Job, Queue, decode
from shared.deployment.queues.azure_storage import AzureStorageQueue
from shared.deployment.queues.cloud_tasks import CloudTasksQueue
from shared.foundation.clock import FileClock
from shared.foundation.settings import AzureStorage, CloudTasks
from shared.foundation.wire import Wire
from tests.programs import move_clock
from tests.programs.cloud_tasks import LOCATION

ACCOUNT = "invoker@footprint-test.iam.gserviceaccount.com"
SYNC = Job(name="sync", connection_id="c" * 32)
CLEAN_UP = Job(name="clean-up", connection_id="c" * 32)
KEY = b"k" * 32
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def key() -> bytes:
    """What these messages are signed with."""
    return KEY


@dataclass(frozen=True, kw_only=True)
class Carried:
    """One of the queues, and how its messages come out at the other end."""

    clock: FileClock
    clock_file: Path
    # One anew, as after a restart of ours.
    queue: Callable[[], Queue]
    # What has come since the last time, early ones sent again as every host does.
    arrived: Callable[[], Awaitable[list[Job]]]

    def move(self, by: timedelta) -> None:
        move_clock(self.clock_file, by.total_seconds())


async def take(carried: Carried, message: str) -> list[Job]:
    """What a host does with a message: run it if its time has come, or send it again."""
    one = decode(message, KEY)
    assert one.signed
    if one.not_before <= carried.clock.now():
        return [one.job]
    await carried.queue().send(one.job, one.not_before)
    return []


def tasks_queue(url: str, clock: FileClock, job_url: str = "https://job.example.com") -> CloudTasksQueue:
    settings = CloudTasks(url=url, location=LOCATION, account=ACCOUNT, job_url=job_url)
    wire = Wire(clock=clock, ca_file=None)
    return CloudTasksQueue(settings, ServiceIdentity(wire, clock), wire, clock, key)


def storage_queue(clock: FileClock, **settings: Any) -> AzureStorageQueue:
    return AzureStorageQueue(
        AzureStorage(**settings), ManagedIdentity(Wire(clock=clock, ca_file=None), clock, None), clock, key
    )
