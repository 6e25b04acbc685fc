"""The app in Microsoft's own Python runtime, on each Python that is here: every function is indexed and invoked."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.deployment.queues import POISON, QUEUES, Job, encode
from shared.foundation.schedule import TIMERS
from shared.storage.database import Database
from shared.storage.migrate import migrate
from shared.web.routes import ROUTES, Auth
from tests.harness.world import MASTER_KEY
from tests.hosts.hosting import ROOT, missing, python

# Each with the library that Microsoft has for it.
LIBRARIES = {"3.11": "1.26.0", "3.13": "2.3.0"}
NOBODY = "0" * 32
DEADLINE_SECONDS = 60  # seconds


@pytest.fixture(scope="module", params=LIBRARIES)
def version(request: pytest.FixtureRequest) -> str:
    """A version of Python that the runtime is installed for."""
    wanted = str(request.param)
    if reason := missing(wanted):
        pytest.skip(f"skipped: {reason}")
    return wanted


@pytest.fixture(scope="module")
def probed(version: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the runtime makes of the app, and of one invocation of each function."""
    folder = tmp_path_factory.mktemp("runtime")
    url = f"sqlite+aiosqlite:///{folder / 'footprint.db'}"
    asyncio.run(_migrated(url))
    with Simulators.start() as simulators:
        settings = {
            **simulators.settings,
            "FOOTPRINT_DATABASE_URL": url,
            "FOOTPRINT_MASTER_KEY__VALUE": MASTER_KEY,
            "FOOTPRINT_PUBLIC_URL": "http://127.0.0.1:8080",
        }
        command = [str(python(version)), "-m", "tests.hosts.azure_host.probe", str(ROOT), str(folder / "told")]
        run = subprocess.run(  # noqa: S603 - our own words
            command,
            input=json.dumps(_calls()),
            env=settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads((folder / "told").read_text())
    told["log"] = run.stdout + run.stderr
    return told


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


def _calls() -> list[dict[str, Any]]:
    """An invocation of each function; those of routes come from nobody in particular."""
    message = encode(Job(name="advance", connection_id=NOBODY), datetime.now(UTC), None)
    return [
        *({"function": route.name, "with": _request(route.method, route.path)} for route in ROUTES),
        *({"function": timer.name.replace("-", "_"), "with": {"past_due": True}} for timer in TIMERS),
        *({"function": name, "with": {"body": message}} for name in _queues()),
    ]


def _request(method: str, path: str) -> dict[str, Any]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    params = dict.fromkeys(names, NOBODY)
    return {"method": method, "url": "http://127.0.0.1" + path.format(**params), "params": params}


def _queues() -> dict[str, str]:
    """The functions of the queues, with the queue of each."""
    short = {queue: queue.removeprefix("footprint-").replace("-", "_") for queue in QUEUES}
    return {
        **{f"run_{name}": queue for queue, name in short.items()},
        **{f"give_up_{name}": queue + POISON for queue, name in short.items()},
    }


def test_runs_on_the_library_of_its_python(probed: dict[str, Any], version: str) -> None:
    assert probed["python"].startswith(version)
    assert probed["library"] == LIBRARIES[version]


def test_every_function_is_there_and_no_other(probed: dict[str, Any]) -> None:
    timers = [timer.name.replace("-", "_") for timer in TIMERS]
    assert sorted(probed["functions"]) == sorted([*(route.name for route in ROUTES), *timers, *_queues()])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_route(probed: dict[str, Any], route: Any) -> None:
    trigger, answer = probed["functions"][route.name]
    assert trigger["type"] == "httpTrigger"
    assert trigger["methods"] == (["GET", "HEAD"] if route.method == "GET" else [route.method])
    assert trigger["authLevel"] == "ANONYMOUS"
    # Without a route of its own a function would answer at its name, and the host itself at the root.
    assert trigger["route"] == (route.path.lstrip("/") or "{nothing:maxlength(0)?}")
    assert (answer["type"], answer["name"]) == ("http", "$return")


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: timer.name)
def test_timer(probed: dict[str, Any], timer: Any) -> None:
    [trigger] = probed["functions"][timer.name.replace("-", "_")]
    assert trigger["type"] == "timerTrigger"
    assert trigger["schedule"] == f"0 {timer.cron()}"
    # What a host that was not there has missed is made up for; and nothing runs for the sake of a start.
    assert trigger.get("useMonitor", True)
    assert not trigger.get("runOnStartup", False)


@pytest.mark.parametrize(("name", "queue"), _queues().items())
def test_queue(probed: dict[str, Any], name: str, queue: str) -> None:
    [trigger] = probed["functions"][name]
    assert trigger["type"] == "queueTrigger"
    assert (trigger["queueName"], trigger["connection"]) == (queue, "AzureWebJobsStorage")


def test_every_function_ran_to_its_end(probed: dict[str, Any]) -> None:
    assert set(probed["answers"]) == set(probed["functions"])
    assert not {name: answer["error"] for name, answer in probed["answers"].items() if answer["error"]}
    assert "Traceback" not in probed["log"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nobody_is_let_in(probed: dict[str, Any], route: Any) -> None:
    status = probed["answers"][route.name]["status"]
    if route.name in ("page_runbook_code", "page_break_glass"):
        assert status == 404  # there is no such code, and no such account here
    elif route.auth is Auth.NOBODY or route.name == "page_connect":
        # To sign in is to be sent to the issuer. An administrator without an invitation is asked for its code.
        assert status == (303 if route.name == "page_sign_in" else 200)
    else:
        assert 400 <= status < 500
    if route.needs_account:
        assert status == 401
