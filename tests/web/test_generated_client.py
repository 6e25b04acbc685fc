"""A client that openapi-python-client makes of the API's document, as it is: its types hold, and it lives a life."""

import importlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.machine import OneMachine, one_machine
from tests.programs import HERE, PARTS

TOOLS = PARTS / "clients" / "bin"
# No name that a module of ours has.
PACKAGE = "made_of_the_document"
DOMAIN = "generated.example"
DEADLINE_SECONDS = 60  # seconds

pytestmark = pytest.mark.skipif(not TOOLS.exists(), reason="skipped: .parts/clients is not there (make parts)")


@pytest.fixture(scope="module")
def machine() -> Iterator[OneMachine]:
    """The local machine."""
    with one_machine() as found:
        yield found


@pytest.fixture(scope="module")
def made(machine: OneMachine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package. A warning of the generator, of an operation that it leaves out too, is a failure."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(httpx.get(f"{machine.address}/api/openapi.json", trust_env=False).text)
    run(
        folder,
        *("openapi-python-client", "generate", "--path", "openapi.json", "--output-path", PACKAGE),
        *("--meta", "none", "--fail-on-warning", "--config", str(HERE / "openapi-python-client.yaml")),
    )
    return folder


def run(folder: Path, program: str, *words: str) -> None:
    """Run one of the tools in a folder; it must do well."""
    known = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    done = subprocess.run(  # noqa: S603 - our own words
        [TOOLS / program, *words], cwd=folder, env=known, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_types_hold_and_no_operation_is_missing(made: Path) -> None:
    # Its frame, which is the same for every document, passes httpx what httpx does not declare.
    (made / "mypy.ini").write_text(f"[mypy]\nstrict = true\n[mypy-{PACKAGE}.client]\nignore_errors = true\n")
    run(made, "mypy", PACKAGE)
    document = json.loads((made / "openapi.json").read_text())
    operations = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    modules = {path.stem for path in made.glob(f"{PACKAGE}/api/*/*.py")} - {"__init__"}
    assert modules == operations


class Client:
    """The generated client: each operation by its name, with a new token for each."""

    def __init__(self, machine: OneMachine) -> None:
        self.machine, self.models = machine, importlib.import_module(f"{PACKAGE}.models")
        self.kind = importlib.import_module(f"{PACKAGE}.client").AuthenticatedClient

    def __call__(self, operation: str, *given: Any, **more: Any) -> Any:
        """What an operation answers, as the client's own model."""
        known = self.kind(base_url=self.machine.address, token=self.machine.token(), httpx_args={"trust_env": False})
        with known as client:
            answer = importlib.import_module(f"{PACKAGE}.api.{operation}").sync_detailed(*given, client=client, **more)
        assert answer.parsed is not None, (operation, answer.status_code, answer.content)
        return answer.parsed

    def until(self, identifier: str, true: Callable[[Any], bool], *, minutes: int = 0) -> Any:
        """Look at a connection until something is true of it, while time passes."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not true(now := self("connections.get_connection", identifier)):
            assert time.monotonic() < end, now.to_dict()
            if minutes:
                self.machine.pass_time(timedelta(minutes=minutes))
        return now


def test_it_lives_a_whole_life(machine: OneMachine, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(made))
    client = Client(machine)
    new = {"platform": "microsoft365", "name": "Generated", "domain": DOMAIN, "users": 5}
    machine.ask("POST", "/tenants", new)
    before = machine.snapshot(DOMAIN)
    models = client.models
    wanted = models.NewConnection.from_dict(
        {"platform": "microsoft365", "site": "in", "name": "Generated", "tenant": DOMAIN}
    )
    created = client("connections.create_connection", body=wanted)
    machine.consent(created.consent_url, "Generated")
    client.until(created.id, lambda now: now.reason == "exchange_role_missing")
    machine.administrator(DOMAIN, "assign-role")
    client("connections.reconcile", created.id, body=models.Look(repair=False))
    client.until(created.id, lambda now: now.stage == "run" and now.synced_at is not None, minutes=1)
    users = client("directory.list_users", created.id)
    assert len(users.users) == 5
    policies = client("policies.list_policies", created.id)
    second = models.Policy.from_dict({**policies.policies[0].to_dict(), "name": "second", "order": 9})
    assert client("policies.put_policy", created.id, "second", body=second, if_none_match="*").name == "second"
    refused = client("policies.put_policy", created.id, "second", body=second)
    assert (refused.status, refused.code) == (428, "precondition_required")

    plan = client("connections.get_plan", created.id, for_=models.GetPlanFor("revoke"))
    assert {step.verb for step in plan.steps} >= {"remove"}
    client("connections.revoke", created.id, body=models.Revoke())
    machine.pass_time(timedelta(minutes=61))
    client.until(created.id, lambda now: now.stage == "cleanup", minutes=1)
    machine.pass_time(timedelta(hours=24))
    client("connections.reconcile", created.id, body=models.Look(repair=False))
    client.until(created.id, lambda now: now.reason == "waiting_for_administrator", minutes=1)
    machine.administrator(DOMAIN, "delete-groups-for-good")
    client("connections.attest_step", created.id, "deleted-groups")
    client.until(created.id, lambda now: "recycle bin" not in now.sentence, minutes=1)
    machine.administrator(DOMAIN, "remove-application")
    client("connections.attest_step", created.id, "application")
    client.until(created.id, lambda now: now.stage == "closed", minutes=1)
    assert client("records.get_certificate", created.id).certificate.result == "clean"
    assert machine.snapshot(DOMAIN) == before
