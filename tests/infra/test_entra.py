"""The registration in Entra ID: once it makes everything, a second time nothing, and another site is added."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import entra
from infra.local.simulators.microsoft import applications
from shared.platforms.microsoft365.consent import PERMISSIONS
from tests.infra.stated import names

ROOT = Path(__file__).parents[2]
TENANT = "11111111-2222-4333-8444-555555555555"
EU = ["--url", "https://eu.example.net", "--credential", "footprint-eu", "--subject", "principal-eu"]
US = ["--url", "https://us.example.net", "--credential", "footprint-us", "--subject", "principal-us"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a stand-in `az` and an empty tenant."""
    state = {"rows": {"/organization": [{"id": TENANT}]}, "changes": []}
    (tmp_path / "state.json").write_text(json.dumps(state))
    script = tmp_path / "az"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.infra.az {tmp_path}/state.json "$@"\n')
    script.chmod(0o755)
    return tmp_path


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script, as an operator types it."""
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "infra.entra", *arguments]
    return subprocess.run(command, cwd=ROOT, env=path, check=False, capture_output=True, text=True)  # noqa: S603


def tenant(folder: Path) -> dict[str, Any]:
    """What is in the tenant, and how it came there."""
    return dict(json.loads((folder / "state.json").read_text()))


def test_a_second_run_changes_nothing_and_says_the_same(folder: Path) -> None:
    first = ran(folder, *EU)
    assert first.returncode == 0, first.stderr
    made = tenant(folder)
    assert len(made["changes"]) == 6
    second = ran(folder, *EU)
    assert (second.stdout, tenant(folder)) == (first.stdout, made)
    settings = dict(line.split("=", 1) for line in first.stdout.splitlines())
    assert settings.keys() <= names()
    assert settings["FOOTPRINT_OPERATORS__ISSUER"] == f"https://login.microsoftonline.com/{TENANT}/v2.0"


def test_another_site_is_added_to_the_same_application(folder: Path) -> None:
    assert ran(folder, *EU).returncode == ran(folder, *US).returncode == 0
    rows = tenant(folder)["rows"]
    ours, operators = rows["/applications"]
    assert [one.rpartition("/api")[0] for one in ours["web"]["redirectUris"]] == [
        "https://eu.example.net",
        "https://us.example.net",
    ]
    trusted = rows[f"/applications/{ours['id']}/federatedIdentityCredentials"]
    assert [one["subject"] for one in trusted] == ["principal-eu", "principal-us"]
    assert {role["value"] for role in operators["appRoles"]} == {"viewer", "operator", "admin"}
    (group,) = rows["/groups"]
    assert len(rows[f"/groups/{group['id']}/appRoleAssignments"]) == 1


def test_an_environment_at_github_signs_in_as_an_operator_without_a_secret_and_is_taken_away(folder: Path) -> None:
    told = ran(folder, *EU, "--repository", "example/footprint")
    assert told.returncode == 0, told.stderr
    made = tenant(folder)
    _, operators, delivery = made["rows"]["/applications"]
    assert told.stderr == f"The environment footprint-eu at GitHub signs in as AZURE_CLIENT_ID={delivery['appId']}\n"
    (trusted,) = made["rows"][f"/applications/{delivery['id']}/federatedIdentityCredentials"]
    assert trusted["subject"] == "repo:example/footprint:environment:footprint-eu"
    principals = {one["appId"]: one["id"] for one in made["rows"]["/servicePrincipals"]}
    (given,) = made["rows"][f"/servicePrincipals/{principals[delivery['appId']]}/appRoleAssignments"]
    assert (given["resourceId"], given["appRoleId"]) == (principals[operators["appId"]], entra._role_id("operator"))
    assert ran(folder, *EU, "--repository", "example/footprint").returncode == 0
    assert tenant(folder) == made
    assert ran(folder, *EU[:4], "--remove").returncode == 0
    assert tenant(folder)["rows"]["/applications"] == []


def test_the_application_is_locked_in_customers_tenants_and_a_lock_that_does_not_hold_is_told(folder: Path) -> None:
    assert ran(folder, *EU).returncode == 0
    state = tenant(folder)
    ours = state["rows"]["/applications"][0]
    assert ours["servicePrincipalLockConfiguration"] == {"isEnabled": True, "allProperties": True}
    # Somebody has opened it, and this tenant does not let it be closed.
    ours["servicePrincipalLockConfiguration"] = {"isEnabled": True, "allProperties": False}
    (folder / "state.json").write_text(json.dumps({**state, "ignored": ["servicePrincipalLockConfiguration"]}))
    done = ran(folder, *EU)
    assert done.returncode == 1
    assert "no property lock over all properties" in done.stderr
    # Where it does, the next run closes it.
    (folder / "state.json").write_text(json.dumps(state))
    assert ran(folder, *EU).returncode == 0
    assert tenant(folder)["rows"]["/applications"][0]["servicePrincipalLockConfiguration"]["allProperties"] is True


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_the_readmes_give_it_what_it_takes(cloud: str, folder: Path) -> None:
    readme = (ROOT / "infra" / cloud / "README.md").read_text()
    commands = re.findall(r"-m infra\.entra ((?:[^\n]*\\\n)*[^\n]*)\n", readme)
    assert len(commands) == 2
    for command in commands:
        done = ran(folder, *re.sub(r"\$(\w+|\(.+?\))", "x", command.replace("\\\n", "")).split())
        assert done.returncode == 0, done.stderr


def test_what_graph_refuses_is_told(folder: Path) -> None:
    (folder / "az").write_text("#!/bin/sh\necho 'ERROR: Insufficient privileges' >&2\nexit 1\n")
    done = ran(folder, *EU)
    assert done.returncode == 1
    assert "Insufficient privileges" in done.stderr


def test_the_permissions_are_those_that_the_consent_page_lists() -> None:
    asked = {name for roles in entra.PERMISSIONS.values() for name in roles}
    assert asked == {one.name for one in PERMISSIONS}
    for resource, roles in entra.PERMISSIONS.items():
        assert {one: name for name, one in roles.items()}.items() <= applications.ROLES[resource].items()
