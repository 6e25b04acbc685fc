"""Each of the three queues: the table of one machine, Azure Storage, Cloud Tasks."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from infra.local.simulators import Simulators
from shared.deployment.queues import QUEUES, Job
from shared.deployment.queues.azure_storage import AzureStorageQueue
from shared.deployment.queues.cloud_tasks import CloudTasksQueue
from shared.deployment.queues.database import EmbeddedQueue
from shared.foundation.clock import FileClock
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.queues import Carried, storage_queue, take, tasks_queue
from tests.harness.scripted_host import Host
from tests.programs import set_clock
from tests.programs.azurite import Azurite
from tests.programs.cloud_tasks import Tasks


@pytest.fixture
def host() -> Iterator[Host]:
    """A host that says what a test tells it to."""
    made = Host()
    yield made
    made.close()


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Carried]:
    """The table of one machine."""
    file = tmp_path / "clock"
    set_clock(file, 0)
    clock, opened = FileClock(file), list[Database]()

    def queue() -> EmbeddedQueue:
        opened.append(Database(f"sqlite+aiosqlite:///{tmp_path / 'footprint.db'}"))
        return EmbeddedQueue(opened[-1])

    async def arrived() -> list[Job]:
        found, taken = list[Job](), queue()
        while delivery := await taken.receive(clock.now()):
            found.append(Job(name=delivery.job.name, connection_id=delivery.job.connection_id))
            await taken.finish(delivery)
        return found

    queue()
    await migrate(opened[0])
    yield Carried(clock=clock, clock_file=file, queue=queue, arrived=arrived)
    for database in opened:
        await database.close()


@pytest.fixture
def azure_storage(azurite_part: Azurite) -> Carried:
    """Azure Storage's queues, none of which has been made yet."""
    clock = FileClock(azurite_part.clock_file)
    clients = [
        QueueClient.from_connection_string(
            azurite_part.connection_string, name, message_decode_policy=TextBase64DecodePolicy()
        )
        for name in QUEUES
    ]
    for client in clients:
        with suppress(ResourceNotFoundError):
            client.delete_queue()

    def queue() -> AzureStorageQueue:
        return storage_queue(clock, connection_string=azurite_part.connection_string)

    async def arrived() -> list[Job]:
        found = list[Job]()
        for client in clients:
            try:
                received = list(client.receive_messages())
            except ResourceNotFoundError:
                continue
            for message in received:
                client.delete_message(message)
                found += await take(carried, message.content)
        return found

    carried = Carried(clock=clock, clock_file=azurite_part.clock_file, queue=queue, arrived=arrived)
    return carried


@pytest.fixture
def cloud_tasks(tasks_part: Tasks, host: Host, sims: Simulators, monkeypatch: pytest.MonkeyPatch) -> Carried:
    """Cloud Tasks, which call a host."""
    tasks_part.clear()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(sims.runtime_key))
    clock = FileClock(tasks_part.clock_file)

    def queue() -> CloudTasksQueue:
        return tasks_queue(tasks_part.url, clock, f"{host.url}/job")

    async def arrived() -> list[Job]:
        tasks_part.settle()
        called, host.seen = host.seen, []
        return [job for seen in called for job in await take(carried, seen.body.decode())]

    carried = Carried(clock=clock, clock_file=tasks_part.clock_file, queue=queue, arrived=arrived)
    return carried


@pytest.fixture(params=["embedded", "azure_storage", "cloud_tasks"])
def carried(request: pytest.FixtureRequest) -> Carried:
    """Each of the queues."""
    made: Carried = request.getfixturevalue(request.param)
    return made
