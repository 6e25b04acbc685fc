"""The three queues keep the same promises; two of them by way of programs that others wrote."""

import json
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from infra.local.simulators import Simulators
from shared.deployment.identity import ManagedIdentity, ServiceIdentity, is_account
from shared.deployment.issuers import Keys
from shared.deployment.queues import LONGEST, QUEUES, Job, Queue, decode, encode
from shared.deployment.queues.azure_storage import AzureStorageQueue
from shared.deployment.queues.cloud_tasks import CloudTasksQueue
from shared.deployment.queues.database import EmbeddedQueue
from shared.foundation.clock import FileClock
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.http_client import Wire
from shared.foundation.settings import AzureStorage, CloudTasks
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.scripted_host import Host, Say
from tests.harness.world import TestClock
from tests.programs import move_clock, set_clock
from tests.programs.azurite import ACCOUNT as STORE
from tests.programs.azurite import KEY, Azurite, azurite, missing
from tests.programs.cloud_tasks import LOCATION, Tasks

pytest_plugins = ["tests.harness.programs_fixtures"]

ACCOUNT = "invoker@footprint-test.iam.gserviceaccount.com"
SYNC = Job(name="sync", connection="c" * 32)
CLEAN_UP = Job(name="clean-up", connection="c" * 32)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


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
    job, not_before = decode(message)
    if not_before <= carried.clock.now():
        return [job]
    await carried.queue().send(job, not_before)
    return []


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
            found.append(Job(name=delivery.job.name, connection=delivery.job.connection))
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


def tasks_queue(url: str, clock: FileClock, job_url: str = "https://job.example.com") -> CloudTasksQueue:
    settings = CloudTasks(url=url, location=LOCATION, account=ACCOUNT, job_url=job_url)
    wire = Wire(clock=clock, ca_file=None)
    return CloudTasksQueue(settings, ServiceIdentity(wire, clock), wire, clock)


# The promises


async def test_what_is_sent_now_arrives_once_as_it_was_sent(carried: Carried) -> None:
    queue = carried.queue()
    await queue.send(SYNC, carried.clock.now())
    await queue.send(CLEAN_UP, carried.clock.now() - MINUTE)
    assert sorted(await carried.arrived(), key=lambda job: job.name) == [CLEAN_UP, SYNC]
    carried.move(DAY)
    assert await carried.arrived() == []


async def test_what_is_sent_for_later_waits_whatever_becomes_of_its_sender(carried: Carried) -> None:
    await carried.queue().send(CLEAN_UP, carried.clock.now() + DAY)
    assert await carried.arrived() == []
    carried.move(DAY - MINUTE)
    assert await carried.arrived() == []
    carried.move(2 * MINUTE)
    assert await carried.arrived() == [CLEAN_UP]


async def test_no_wait_is_too_long(carried: Carried) -> None:
    await carried.queue().send(CLEAN_UP, carried.clock.now() + 40 * DAY)
    for _ in range(39):
        carried.move(DAY)
        assert await carried.arrived() == []
    carried.move(DAY + MINUTE)
    assert await carried.arrived() == [CLEAN_UP]


# Messages


def test_a_message_says_all_that_the_job_needs() -> None:
    moment = datetime(2026, 3, 2, 12, 30, 15, 250000, tzinfo=UTC)
    message = encode(Job(name="clean-up", connection="7f"), moment)
    assert message == '{"name":"clean-up","connection":"7f","not_before":"2026-03-02T12:30:15.250000+00:00"}'
    assert decode(message) == (Job(name="clean-up", connection="7f"), moment)


GOOD: dict[str, Any] = {"name": "sync", "connection": "7f", "not_before": "2026-03-02T12:00:00Z"}
NOT_OURS = {
    "nothing": "",
    "no json": "sync 7f",
    "half": json.dumps(GOOD)[:-1],
    "a list": json.dumps([GOOD]),
    "a field more": json.dumps({**GOOD, "secret": "x"}),
    "a field less": json.dumps({"name": "sync", "connection": "7f"}),
    "another type": json.dumps({**GOOD, "connection": 7}),
    "no moment": json.dumps({**GOOD, "not_before": "secret"}),
    "a number for a moment": json.dumps({**GOOD, "not_before": 1772452800}),
    "no zone": json.dumps({**GOOD, "not_before": "2026-03-02T12:00:00"}),
    "no name": json.dumps({**GOOD, "name": "secret sync"}),
    "a surrogate": json.dumps({**GOOD, "connection": "\ud800"}),
    "a line more": json.dumps({**GOOD, "connection": "7f\n"}),
    "too long": json.dumps(GOOD) + " " * LONGEST,
    "too deep": "[" * LONGEST,
}


@pytest.mark.parametrize("message", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_not_ours_is_refused_and_not_repeated(message: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as refused:
        decode(message)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


# Azure Storage: who we are there, and what goes wrong


def storage_queue(clock: FileClock, **settings: Any) -> AzureStorageQueue:
    return AzureStorageQueue(
        AzureStorage(**settings), ManagedIdentity(Wire(clock=clock, ca_file=None), clock, None), clock
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"queue_url": "http://a.example.com"},
        {"queue_url": "https://a.example.com", "connection_string": "x"},
    ],
)
def test_an_account_is_reached_in_one_way(clock: TestClock, settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="QUEUE_URL"):
        storage_queue(clock, **settings)


ANSWERS: list[tuple[Say, type[FootprintError], str]] = [
    (Say(status=429, headers={"retry-after": "17"}), Temporary, "throttled"),
    (Say(status=501), Temporary, "platform_unavailable"),
    (Say(status=404, headers={"x-ms-error-code": "QueueNotFound"}), Temporary, "platform_unavailable"),
    (Say(status=409, headers={"x-ms-error-code": "QueueBeingDeleted"}), Temporary, "platform_unavailable"),
    (Say(act="drop"), Temporary, "platform_unreachable"),
    (Say(status=403, headers={"x-ms-error-code": "AuthorizationFailure"}), Permanent, "our_queue"),
    (Say(status=307, headers={"location": "https://elsewhere.example.com"}), Permanent, "our_queue"),
    (Say(status=400, body=b"<Error><Code>InvalidInput</Code></Error>"), Permanent, "our_queue"),
]  # fmt: skip


@pytest.mark.parametrize(("say", "kind", "code"), ANSWERS, ids=lambda value: str(getattr(value, "status", "")))
async def test_what_storage_answers_is_told_apart(
    host: Host, clock: TestClock, say: Say, kind: type[FootprintError], code: str
) -> None:
    host.says(say)
    access = f"AccountName={STORE};AccountKey={KEY};QueueEndpoint={host.url};"
    with pytest.raises(kind) as failed:
        await storage_queue(clock, connection_string=access).send(SYNC, clock.now())
    assert failed.value.code == code
    assert "127.0.0.1" in failed.value.sentence
    if say.status == 429:
        assert failed.value.after == timedelta(seconds=17)  # type: ignore[attr-defined]


async def test_an_unreadable_connection_string_is_not_repeated(clock: TestClock) -> None:
    for access in ("hunter2", "AccountName=a;AccountKey=hunter2;EndpointSuffix=example.invalid;"):
        with pytest.raises(FootprintError) as failed:
            await storage_queue(clock, connection_string=access).send(SYNC, clock.now())
        assert "hunter2" not in str(failed.value)


async def test_a_deployment_is_known_by_its_managed_identity(
    host: Host, clock: TestClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := missing():
        pytest.skip(f"skipped: {reason}")
    authority, pem, bundle = trustme.CA(), tmp_path / "certificate.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(bundle))
    for name, value in {
        "REQUESTS_CA_BUNDLE": str(bundle),
        "IDENTITY_ENDPOINT": host.url,
        "IDENTITY_HEADER": "x",
    }.items():
        monkeypatch.setenv(name, value)
    host.says(Say(status=503), granted("https://storage.azure.com"))
    with azurite(tmp_path / "clock", pem) as part:
        queue = storage_queue(clock, queue_url=part.queue_url)
        with pytest.raises(Temporary):
            await queue.send(SYNC, clock.now())
        await queue.send(SYNC, clock.now())
        await queue.send(SYNC, clock.now())
        assert len(host.seen) == 2, "a token is kept while it lasts"
        assert "resource=https%3A%2F%2Fstorage.azure.com&" in f"{host.seen[1].path}&"
        with QueueClient.from_connection_string(part.connection_string, SYNC.queue) as client:
            sent = [b64decode(message.content).decode() for message in client.receive_messages()]
        assert [decode(message)[0] for message in sent] == [SYNC, SYNC]
        host.says(granted("https://vault.azure.net"))
        with pytest.raises(Permanent, match="Storage Queue Data Contributor"):
            await storage_queue(clock, queue_url=part.queue_url).send(SYNC, clock.now())


def granted(audience: str) -> Say:
    """What an app's identity endpoint answers."""
    now = int(time.time())
    claims = {"iss": "https://sts.windows.net/t/", "aud": audience, "iat": now, "nbf": now - 60, "exp": now + 3600}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256")
    return Say(
        body={"access_token": token, "expires_on": str(now + 3600), "resource": audience, "token_type": "Bearer"}
    )


# Cloud Tasks: what is asked, how it is delivered, and what goes wrong


async def test_a_task_is_asked_for_in_full(
    host: Host, clock: TestClock, sims: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(sims.runtime_key))
    later = clock.now() + DAY
    await tasks_queue(host.url, clock).send(CLEAN_UP, later)
    (seen,) = host.seen
    assert (seen.method, seen.path) == ("POST", f"/v2/{LOCATION}/queues/footprint-clean-up/tasks")
    assert seen.headers["authorization"].startswith("Bearer ")
    task = seen.json().pop("task")
    assert b64decode(task["httpRequest"].pop("body")).decode() == encode(CLEAN_UP, later)
    assert task == {
        "httpRequest": {
            "url": "https://job.example.com",
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json"},
            "oidcToken": {"serviceAccountEmail": ACCOUNT, "audience": "https://job.example.com"},
        },
        "dispatchDeadline": "1800s",
        "scheduleTime": later.isoformat(),
    }


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [(503, Temporary, "503"), (429, Temporary, "slow"), (401, Permanent, "Enqueuer"), (403, Permanent, "Enqueuer"),
     (404, Permanent, "LOCATION"), (400, Permanent, "LOCATION")],
)  # fmt: skip
async def test_what_tasks_answer_is_told_apart(
    host: Host, clock: TestClock, sims: Simulators, monkeypatch: pytest.MonkeyPatch,
    status: int, kind: type[FootprintError], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(sims.runtime_key))
    host.says(Say(status=status))
    with pytest.raises(kind, match=sentence):
        await tasks_queue(host.url, clock).send(SYNC, clock.now())


def test_tasks_need_all_their_settings(clock: TestClock) -> None:
    with pytest.raises(ValueError, match="JOB_URL"):
        CloudTasksQueue(CloudTasks(), *[None] * 3)  # type: ignore[arg-type]


async def test_a_task_comes_with_a_token_of_its_account_until_it_is_done(
    cloud_tasks: Carried, tasks_part: Tasks, host: Host, clock: TestClock
) -> None:
    host.says(Say(status=500), Say(status=503), Say(status=204))
    await cloud_tasks.queue().send(SYNC, cloud_tasks.clock.now())
    tasks_part.settle()
    assert [seen.headers["x-cloudtasks-taskretrycount"] for seen in host.seen] == ["0", "1", "2"]
    assert {seen.headers["content-type"] for seen in host.seen} == {"application/json"}
    keys = Keys(Wire(clock=clock, ca_file=None), cloud_tasks.clock)
    header, url = host.seen[-1].headers["authorization"], f"{host.url}/job"
    for account, audience, right in [(ACCOUNT, url, True), (ACCOUNT, host.url, False), ("a@b.example", url, False)]:
        assert await is_account(keys, header, account, certs_url=tasks_part.certs_url, audience=audience) is right


async def test_a_task_can_be_forced(cloud_tasks: Carried, tasks_part: Tasks, host: Host) -> None:
    await cloud_tasks.queue().send(CLEAN_UP, cloud_tasks.clock.now() + DAY)
    (waiting,) = tasks_part.waiting()
    assert not waiting["due"]
    assert tasks_part.run_all_now() == [{"name": waiting["name"], "status": 200}]
    assert tasks_part.waiting() == []
    assert decode(host.seen[0].body.decode())[0] == CLEAN_UP
