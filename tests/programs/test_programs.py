"""The parts themselves: strict where the real services are, and gone when the tests are."""

import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.deployment.queues import QUEUES
from shared.foundation.clock import FileClock
from tests.programs import START_LIMIT
from tests.programs.cloud_tasks import LOCATION, Tasks


def test_the_tasks_part_is_as_strict_as_the_service(tasks_part: Tasks) -> None:
    tasks_part.clear()
    soon = (FileClock(tasks_part.clock_file).now() + timedelta(hours=1)).isoformat()
    late = (FileClock(tasks_part.clock_file).now() + timedelta(days=30, minutes=1)).isoformat()
    target = {"url": "https://job.example.com"}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"httpRequest": target, "delay": "5s"}, 'no field named "delay"'),
        ({"httpRequest": {**target, "body": 1}}, "body"),
        ({"httpRequest": target, "scheduleTime": "tomorrow"}, "scheduleTime"),
        ({"httpRequest": target, "scheduleTime": late}, "too far"),
        ({"httpRequest": {**target, "body": "A" * (1 << 21)}}, "too large"),
        ({"httpRequest": target, "dispatchDeadline": "3600s"}, "30m"),
        ({"httpRequest": {"url": "job.example.com"}}, "http://"),
        ({"httpRequest": {**target, "oidcToken": {"audience": "x"}}}, "service_account_email"),
        ({"scheduleTime": soon}, "http://"),
        ({"name": "mine", "httpRequest": target}, "name"),
    ]
    path, bearer = f"/v2/{LOCATION}/queues/{QUEUES[0]}/tasks", {"authorization": "Bearer x"}
    for task, sentence in refused:
        answer = tasks_part.client.post(path, json={"task": task}, headers=bearer)
        assert answer.status_code == 400, task
        assert sentence in answer.json()["error"]["message"], answer.text
    right = {"task": {"httpRequest": target, "scheduleTime": soon}}
    assert tasks_part.client.post(path, json=right).status_code == 401
    assert tasks_part.client.post(path, json=right["task"], headers=bearer).status_code == 400
    assert tasks_part.client.post(path.replace(QUEUES[0], "other"), json=right, headers=bearer).status_code == 400
    assert tasks_part.waiting() == []
    assert tasks_part.client.post(path, json=right, headers=bearer).status_code == 200
    tasks_part.clear()


PROGRAM = """
import sys, time
from pathlib import Path
from tests.programs.{0} import {1} as program
with program(Path(sys.argv[1])) as part:
    print(getattr(part, "url", None) or part.queue_url, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("module", "name"), [("azurite", "azurite"), ("cloud_tasks", "tasks")])
def test_a_part_ends_with_its_tests_however_they_end(
    request: pytest.FixtureRequest, module: str, name: str, tmp_path: Path
) -> None:
    request.getfixturevalue(f"{name}_part")
    command = [sys.executable, "-c", PROGRAM.format(module, name), tmp_path / "clock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as program:  # noqa: S603 - our own words
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        with httpx.Client(trust_env=False) as client:
            assert answers(client, url)
            program.send_signal(signal.SIGKILL)
            end = time.monotonic() + START_LIMIT
            while answers(client, url):
                assert time.monotonic() < end


def answers(client: httpx.Client, url: str) -> bool:
    try:
        client.get(url)
    except httpx.TransportError:
        return False
    return True
