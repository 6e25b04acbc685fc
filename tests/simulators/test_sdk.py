"""Microsoft's own SDK takes the simulated Graph for the real one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.simulators.caller import Caller

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="skipped: .venv-sdk is not there (make sdk)")
def test_the_sdk_works_against_the_simulators(caller: Caller) -> None:
    caller.behave(graph_page_size=15)
    proxies = {"http_proxy", "https_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"}
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    command = [str(PYTHON), str(ROOT / "tests" / "sdk" / "probe.py")]
    ended = subprocess.run(  # noqa: S603 (our own program)
        command,
        env={**inherited, **caller.sims.settings, "PROBE_TENANT": caller.tenant},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert seen["first_page"] == 15
    assert len(seen["users"]) == len(set(seen["users"])) == 40
    assert "Amber Alder" in seen["users"]
    assert seen["delta_users"] == 40
    assert seen["delta_rest"] == 0
    assert seen["group_mail"] == "made-by-the-sdk@contoso.com"
    assert seen["members"] == [True]
    assert seen["member_type"] == "User"
    assert seen["twice"] == [400, "Request_BadRequest"]
    assert seen["members_in_delta"] == 1
    assert "Made by the SDK" in seen["groups"]
    assert len(seen["groups"]) == 9
    assert "contoso.com" in seen["domains"]
    assert len(seen["domains"]) == 4
