"""The whole service on each cloud's own parts, beside the simulated platforms: started, killed and started again.

What is ours is only reached by its public HTTP routes. Time is one file that everybody follows: the service, the
platforms, the queues.
"""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx

from infra.local.simulators import Simulators
from infra.local.simulators.google import push
from shared.deployment.queues import QUEUES
from shared.foundation.clock import FileClock
from shared.foundation.schedule import TIMERS, Timer
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.harness.world import MASTER_KEY
from tests.hosts import hosting
from tests.hosts.halves import by_account, halves
from tests.programs import azurite, move_clock, set_clock
from tests.programs import cloud_tasks as tasks

ROOT = Path(__file__).parents[2]
FRAMEWORK = Path(sys.executable).parent / "functions-framework"
ACCOUNT = "invoker@footprint-test.iam.gserviceaccount.com"
START_LIMIT = 120  # seconds; a machine may be busy
# How often the schedules are looked at, in seconds.
TICK = 0.1

Processes = list["subprocess.Popen[bytes]"]


class Place:
    """Where the service runs: a host that is made of processes, which may be killed at any instant."""

    def __init__(
        self,
        address: str,
        simulators: Simulators,
        clock_file: Path,
        start: Callable[[], AbstractContextManager[Processes]],
        withhold: Callable[["Place", bool, bool], None],
    ) -> None:
        """`start` runs the host as long as its block lasts, and gives its processes."""
        self.address, self.simulators, self.clock_file, self._start = address, simulators, clock_file, start
        self._withhold = withhold
        self._running, self._processes = ExitStack(), Processes()
        self.begin()

    def move_clock(self, by: timedelta) -> None:
        """Let time pass, for everybody alike."""
        move_clock(self.clock_file, by.total_seconds())

    def withhold(self, *, timers: bool = False, queues: bool = False) -> None:
        """Have the cloud fire no timers, deliver no messages, or do again what it is not told to leave."""
        self._withhold(self, timers, queues)

    def begin(self) -> None:
        """Start the host."""
        self.began = FileClock(self.clock_file).now()
        self._processes = self._running.enter_context(self._start())

    def kill(self) -> None:
        """Have it die at this instant, with everything that it has in hand."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._running.close()


def _settings(simulators: Simulators, database: str, clock_file: Path, address: str) -> dict[str, str]:
    asyncio.run(_migrated(database))
    # Google's notifications come over HTTP to the address that is their tokens' audience as well.
    push.aim(simulators.google, {"url": f"{address}/api/notifications/gmail"})
    return {
        **simulators.settings,
        "FOOTPRINT_DATABASE_URL": database,
        "FOOTPRINT_MASTER_KEY__VALUE": MASTER_KEY,
        "FOOTPRINT_PUBLIC_URL": address,
        "FOOTPRINT_CLOCK_FILE": str(clock_file),
        "FOOTPRINT_WEBHOOKS__INSIDE": '["127.0.0.0/8"]',
        "FOOTPRINT_TELEMETRY__NUMBERS": "true",
    }


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


@contextmanager
def azure(folder: Path, database: str, *, apart: bool = False) -> Iterator[Place]:
    """The Functions host, with its queues in a storage account; with `apart`, two function apps of one package."""
    clock_file, address = folder / "clock", f"http://127.0.0.1:{free_port()}"
    set_clock(clock_file, 0)
    with Simulators.start(clock_file=clock_file) as simulators, azurite.azurite(clock_file) as storage:
        environment = {
            **_settings(simulators, database, clock_file, address),
            "FOOTPRINT_QUEUE": "azure-storage",
            "FOOTPRINT_AZURE_STORAGE__CONNECTION_STRING": storage.connection_string,
            "AzureWebJobsStorage": storage.connection_string,
        }

        # Each app by its port; the workers' has none that anybody knows.
        public, private = halves(environment) if apart else (environment, None)
        apps = {httpx.URL(address).port or 0: public} | ({0: private} if private else {})
        disabled: dict[str, str] = {}

        @contextmanager
        def start() -> Iterator[Processes]:
            with ExitStack() as running:
                hosts = [hosting.hosted(ROOT, clock_file, one | disabled, port=port) for port, one in apps.items()]
                yield [running.enter_context(host).process for host in hosts]

        def withhold(place: Place, timers: bool, queues: bool) -> None:  # noqa: FBT001 - as it is called above
            place.kill()
            names = [*(one.name for one in TIMERS if timers), *(f"run-{one}" for one in QUEUES if queues)]
            functions = [name.replace("footprint-", "").replace("-", "_") for name in names]
            disabled.clear()
            disabled.update({f"AzureWebJobs.{name}.Disabled": "true" for name in functions})
            place.begin()

        place = Place(address, simulators, clock_file, start, withhold)
        try:
            yield place
        finally:
            place.kill()


def missing_azure() -> str | None:
    """What this machine lacks for it, and what installs that; None if nothing."""
    return azurite.missing() or hosting.missing()


@contextmanager
def google(folder: Path, database: str, *, apart: bool = False) -> Iterator[Place]:
    """Three functions under the Functions Framework, with Cloud Tasks, and somebody who keeps their schedules.

    With `apart` the one that faces the internet has an environment and an account of its own.
    """
    clock_file = folder / "clock"
    set_clock(clock_file, 0)
    addresses = {name: f"http://127.0.0.1:{free_port()}" for name in ("http", "job", "schedule")}
    with Simulators.start(clock_file=clock_file) as simulators, tasks.tasks(clock_file) as service:
        environment = {
            **_settings(simulators, database, clock_file, addresses["http"]),
            "FOOTPRINT_QUEUE": "cloud-tasks",
            "FOOTPRINT_CLOUD_TASKS__URL": service.url,
            "FOOTPRINT_CLOUD_TASKS__CERTS_URL": service.certs_url,
            "FOOTPRINT_CLOUD_TASKS__LOCATION": service.location,
            "FOOTPRINT_CLOUD_TASKS__ACCOUNT": ACCOUNT,
            "FOOTPRINT_CLOUD_TASKS__JOB_URL": addresses["job"],
            "FOOTPRINT_CLOUD_TASKS__SCHEDULE_URL": addresses["schedule"],
            "GOOGLE_APPLICATION_CREDENTIALS": str(simulators.runtime_key),
            "PYTHONPATH": str(ROOT),
        }
        public, private = environment, environment
        if apart:
            public, private = by_account(*halves(environment), simulators.public_key, simulators.runtime_key)

        @contextmanager
        def start() -> Iterator[Processes]:
            with ExitStack() as running:
                # All at once: each takes as long as the others.
                yield [
                    running.enter_context(framework(name, url, public if name == "http" else private, folder))
                    for name, url in addresses.items()
                ]

        paused = threading.Event()

        def withhold(_place: Place, timers: bool, queues: bool) -> None:  # noqa: FBT001 - as it is called above
            (paused.set if timers else paused.clear)()
            for queue in QUEUES:
                service.client.post(
                    f"/v2/{service.location}/queues/{queue}:{'pause' if queues else 'resume'}",
                    headers={"authorization": "Bearer operator", "content-type": "application/json"},
                ).raise_for_status()

        place = Place(addresses["http"], simulators, clock_file, start, withhold)
        with _schedules(service, addresses["schedule"], FileClock(clock_file), paused):
            try:
                yield place
            finally:
                place.kill()


def missing_google() -> str | None:
    """What this machine lacks for it, and what installs that; None if nothing."""
    return tasks.missing()


@contextmanager
def framework(
    target: str, address: str, environment: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """One function, as the console script serves it: gunicorn with a worker."""
    port = str(httpx.URL(address).port)
    command = [
        str(FRAMEWORK),
        "--source",
        str(ROOT / "gcp_functions" / "main.py"),
        "--target",
        target,
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    with (folder / f"{target}.log").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=folder, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _schedules(service: tasks.Tasks, url: str, clock: FileClock, paused: threading.Event) -> Iterator[None]:
    """Cloud Scheduler cannot be had. What it does is to call an address with a token, and that is what a task does."""
    ended = threading.Event()

    def keep() -> None:
        last = {timer.name: timer.last_due(clock.now()) for timer in TIMERS}
        while not ended.wait(TICK):
            for timer in TIMERS:
                due = timer.last_due(clock.now())
                if not paused.is_set() and due > last[timer.name]:
                    last[timer.name] = due
                    _call(service, timer, url)

    thread = threading.Thread(target=keep, name="schedules", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _call(service: tasks.Tasks, timer: Timer, audience: str) -> None:
    request = {
        "url": f"{audience}/{timer.name}",
        "httpMethod": "POST",
        "body": base64.b64encode(b"{}").decode(),
        "oidcToken": {"serviceAccountEmail": ACCOUNT, "audience": audience},
    }
    answer = service.client.post(
        f"/v2/{service.location}/queues/{tasks.SCHEDULES[timer.name]}/tasks",
        content=json.dumps({"task": {"httpRequest": request}}),
        headers={"authorization": "Bearer scheduler", "content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_answering(address: str) -> None:
    """Wait until something answers there."""
    end = time.monotonic() + START_LIMIT
    while True:
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/api/health", trust_env=False, timeout=5)
            return
        assert time.monotonic() < end, f"nobody answers at {address}"
        time.sleep(0.02)
