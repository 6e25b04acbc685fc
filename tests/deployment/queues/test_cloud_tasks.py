"""Cloud Tasks: what is asked, how it is delivered, and what goes wrong."""

from base64 import b64decode

import pytest

from infra.local.simulators import Simulators
from shared.deployment.identity import is_account
from shared.deployment.issuers import Issuers
from shared.deployment.queues import decode, encode
from shared.deployment.queues.cloud_tasks import CloudTasksQueue
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.settings import CloudTasks
from shared.foundation.wire import Wire
from tests.harness.clock import TestClock
from tests.harness.queues import ACCOUNT, CLEAN_UP, DAY, KEY, SYNC, Carried, tasks_queue
from tests.harness.scripted_host import Host, Say
from tests.programs.cloud_tasks import LOCATION, Tasks


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
    assert b64decode(task["httpRequest"].pop("body")).decode() == encode(CLEAN_UP, later, KEY)
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
    [
        (503, Temporary, "503"),
        (429, Temporary, "slow"),
        (401, Permanent, "Enqueuer"),
        (403, Permanent, "Enqueuer"),
        (404, Permanent, "LOCATION"),
        (400, Permanent, "LOCATION"),
    ],
)
async def test_what_tasks_answer_is_told_apart(
    host: Host,
    clock: TestClock,
    sims: Simulators,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[FootprintError],
    sentence: str,
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(sims.runtime_key))
    host.says(Say(status=status))
    with pytest.raises(kind, match=sentence):
        await tasks_queue(host.url, clock).send(SYNC, clock.now())


def test_tasks_need_all_their_settings(clock: TestClock) -> None:
    with pytest.raises(ValueError, match="JOB_URL"):
        CloudTasksQueue(CloudTasks(), *[None] * 4)  # type: ignore[arg-type]


async def test_a_task_comes_with_a_token_of_its_account_until_it_is_done(
    cloud_tasks: Carried, tasks_part: Tasks, host: Host, clock: TestClock
) -> None:
    host.says(Say(status=500), Say(status=503), Say(status=204))
    await cloud_tasks.queue().send(SYNC, cloud_tasks.clock.now())
    tasks_part.settle()
    assert [seen.headers["x-cloudtasks-taskretrycount"] for seen in host.seen] == ["0", "1", "2"]
    assert {seen.headers["content-type"] for seen in host.seen} == {"application/json"}
    issuers = Issuers(Wire(clock=clock, ca_file=None), cloud_tasks.clock)
    header, url = host.seen[-1].headers["authorization"], f"{host.url}/job"
    for account, audience, right in [(ACCOUNT, url, True), (ACCOUNT, host.url, False), ("a@b.example", url, False)]:
        assert await is_account(issuers, header, account, certs_url=tasks_part.certs_url, audience=audience) is right


async def test_a_task_can_be_forced(cloud_tasks: Carried, tasks_part: Tasks, host: Host) -> None:
    await cloud_tasks.queue().send(CLEAN_UP, cloud_tasks.clock.now() + DAY)
    (waiting,) = tasks_part.waiting()
    assert not waiting["due"]
    assert tasks_part.run_all_now() == [{"name": waiting["name"], "status": 200}]
    assert tasks_part.waiting() == []
    assert decode(host.seen[0].body.decode(), KEY).job == CLEAN_UP
