"""The script that brings it up on Azure: once it makes everything, a second time nothing; and the way back."""

from pathlib import Path

import pytest

from tests.infra.az import URL
from tests.infra.scripts import found, made_folder, ran
from tests.infra.stated import names

UP = ("infra/azure/up.sh", "footprint-eu", "eu")
CODE = {"code of footprint0", "code of footprint0w"}
DOWN = ("infra/azure/down.sh", "footprint-eu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with stand-ins, and nothing in the tenant and the group."""
    made_folder(tmp_path)
    return tmp_path


def test_one_command_brings_it_up_a_second_changes_nothing_and_one_takes_it_away(folder: Path) -> None:
    done = ran(folder, *UP)
    assert done.returncode == 0, done.stderr
    made = found(folder, "state")
    deployed, secrets = made["group"]["deployed"], made["group"]["secrets"]
    assert URL in done.stdout
    assert made["group"]["location"] == deployed["location"]
    assert {*deployed["applications"], *secrets} <= names()
    ours, operators = made["rows"]["/applications"]
    assert deployed["applications"]["FOOTPRINT_MICROSOFT__CLIENT_ID"] == ours["appId"]
    (secret,) = operators["passwordCredentials"]
    assert secrets == {"FOOTPRINT_OPERATORS__CLIENT_SECRET": f"secret-{secret['keyId']}"}
    assert secret["keyId"] not in done.stdout + done.stderr
    assert ours["web"]["redirectUris"] == [f"{URL}/api/consent/microsoft365"]
    assert f"{URL}/api/health/ready" in (folder / "said").read_text()
    again = ran(folder, *UP)
    assert again.returncode == 0, again.stderr
    assert found(folder, "state") == made
    refused = ran(folder, *DOWN, typed="footprint-us\n")
    assert refused.returncode != 0
    assert found(folder, "state") == made
    gone = ran(folder, *DOWN, typed="footprint-eu\n")
    assert gone.returncode == 0, gone.stderr
    left = found(folder, "state")
    assert left["group"] == {}
    assert left["rows"]["/applications"] == left["rows"]["/groups"] == []


def test_a_run_that_failed_is_gone_on_with(folder: Path) -> None:
    working = (folder / "make").read_text()
    (folder / "make").write_text("#!/bin/sh\nexit 1\n")
    assert ran(folder, *UP).returncode == 1
    assert not CODE & found(folder, "state")["group"].keys()
    (folder / "make").write_text(working)
    assert ran(folder, *UP).returncode == 0
    assert {found(folder, "state")["group"][code] for code in CODE} == {"dist/footprint-azure.zip"}
