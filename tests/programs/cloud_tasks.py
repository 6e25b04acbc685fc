"""Cloud Tasks as it is reached from outside: its REST, its tokens, and its own time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from shared.deployment.queues import QUEUES
from shared.foundation.schedule import TIMERS
from tests.programs import HERE, PARTS, move_clock, running, set_clock

PYTHON = PARTS / "tasks" / "bin" / "python"
# What stands for Cloud Scheduler calls by queues of their own: one schedule never waits for another.
SCHEDULES = {timer.name: f"schedule-{timer.name}" for timer in TIMERS}
LOCATION = "projects/footprint-test/locations/europe-west1"
SETTLE_LIMIT = 120  # seconds; a machine may be busy


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """A running service with our queues. `clock_file` says how many seconds its clock is ahead."""

    url: str
    certs_url: str
    location: str
    clock_file: Path
    client: httpx.Client

    def move(self, seconds: float) -> None:
        """Let that much time pass for the service, and for the others that read the file."""
        move_clock(self.clock_file, seconds)

    def waiting(self) -> list[dict[str, Any]]:
        """The tasks that are not done: name, scheduleTime, due, body, attempts."""
        tasks: list[dict[str, Any]] = self._control("GET", "/_sim/tasks")["tasks"]
        return tasks

    def settle(self) -> None:
        """Wait until every task that is due has been delivered and done."""
        end = time.monotonic() + SETTLE_LIMIT
        while any(task["due"] for task in self.waiting()):
            assert time.monotonic() < end, f"tasks are not done: {self.waiting()}"
            time.sleep(0.02)

    def run_all_now(self) -> list[dict[str, Any]]:
        """Deliver every task, due or not; the name of each and the status that it was answered with."""
        ran: list[dict[str, Any]] = self._control("POST", "/_sim/run-all-now")["ran"]
        return ran

    def clear(self) -> None:
        """Forget every task."""
        self._control("POST", "/_sim/clear")

    def _control(self, method: str, path: str) -> Any:
        answer = self.client.request(method, path)
        assert answer.status_code == 200, answer.text
        return answer.json()


def missing() -> str | None:
    """What this machine lacks for it, and what installs that; None if nothing."""
    return None if PYTHON.exists() else "the Cloud Tasks emulator is not there (make parts)"


@contextmanager
def tasks(clock_file: Path) -> Iterator[Tasks]:
    """Start it at the time that the file says: seconds ahead, made if it is not there."""
    if not clock_file.exists():
        set_clock(clock_file, 0)
    command: list[str | Path] = [PYTHON, HERE / "cloud_tasks_rest.py", "--clock", clock_file]
    for queue in (*QUEUES, *SCHEDULES.values()):
        command += ["--queue", f"{LOCATION}/queues/{queue}"]
    with running(command, ready=r"listening on (http://\S+)") as ready:
        url = ready[1]
        with httpx.Client(base_url=url, trust_env=False, timeout=SETTLE_LIMIT) as client:
            certs_url = f"{url}/oauth2/v3/certs"
            yield Tasks(url=url, certs_url=certs_url, location=LOCATION, clock_file=clock_file, client=client)
