"""Google's own clients take the simulated Google for the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.local.simulators.google.application import CLIENT_ID
from tests.simulators.google_caller import GoogleCaller

ROOT = Path(__file__).parents[2]
ADMIN = "admin@orchard.example"
GROUP = "made-by-the-sdk@orchard.example"


def test_googles_clients_work_against_the_simulators(google: GoogleCaller) -> None:
    google.administer("install-app")
    before = google.snapshot()
    seen = _probed(google)
    _is_the_directory(seen["directory"])
    _are_the_groups_settings(seen["directory"]["settings"])
    _is_the_mailbox(seen["mail"])
    _are_settings_and_logs(seen["settings"])
    _is_the_person(seen["person"])
    # The group is deleted and the grant given back; the label in one mailbox is all that is left.
    after = json.loads(google.snapshot())
    left = {name for name, value in json.loads(before).items() if after[name] != value}
    assert left == {"mailboxes"}


def _probed(google: GoogleCaller) -> dict[str, Any]:
    proxies = {"http_proxy", "https_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"}
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    probed = {"PROBE_CUSTOMER": google.tenant, "PROBE_DOMAIN": google.domain, "PROBE_NOW": str(time.time())}
    ended = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, str(ROOT / "tests" / "sdk" / "google_probe.py")],
        env={**inherited, **google.sims.settings, **probed},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


def _is_the_directory(seen: dict[str, Any]) -> None:
    assert seen["sizes"] == [25, 25, 10]
    assert len(set(seen["users"])) == 60
    assert seen["users"][:2] == [ADMIN, "agate.alder@orchard.example"]
    assert seen["suspended"] == 3
    assert seen["group"] == [True, GROUP, "Made by the SDK", "0"]
    assert seen["added"] == [True, ADMIN, "USER", "ACTIVE"]
    assert seen["twice"] == [409, "duplicate", "Member already exists."]
    assert seen["inside"] == [ADMIN]
    assert seen["gone"] == ""
    assert seen["after"] == []
    assert seen["domains"] == {"orchard.example": [True, True], "pending.orchard.example": [False, False]}
    assert seen["aliases"] == ["orchard-mail.example"]
    assert seen["deleted"] == ""
    assert seen["afterwards"] == [404, "notFound", "Resource Not Found: groupKey"]


def _are_the_groups_settings(seen: dict[str, Any]) -> None:
    assert (seen["email"], seen["name"], seen["joined"]) == (GROUP, "Made by the SDK", "CAN_REQUEST_TO_JOIN")
    assert seen["changed"] == {"whoCanJoin": "INVITED_CAN_JOIN", "includeInGlobalAddressList": "false"}


def _is_the_mailbox(seen: dict[str, Any]) -> None:
    assert seen["labels"] == []
    assert seen["made"] == ["Probed", "user"]
    assert seen["taken"] == [409, "aborted", "Label name exists or conflicts"]
    assert (seen["sizes"], seen["different"]) == ([4, 2], 6)
    # Two headers are asked for, each as a parameter of its own.
    assert seen["headers"] == {"From": "office0@market.example", "Subject": "Delivery note 50"}
    assert seen["days"] == 7
    assert seen["labelled"] == [[True, True]]
    assert seen["moved"] is True
    assert seen["profile"] == ["agate.laurel@orchard.example", 6]
    assert seen["stopped"] == ""
    assert seen["stranger"] == [403, "forbidden", f"Delegation denied for {ADMIN}"]
    assert seen["forgotten"] == [404, "notFound", "Requested entity was not found."]


def _are_settings_and_logs(seen: dict[str, Any]) -> None:
    # The empty page in the middle leads on.
    assert seen["policies"] == [5, 0, 4]
    assert len(set(seen["types"])) == 9
    assert {"settings/gmail.content_compliance", "settings/drive_and_docs.external_sharing"} <= set(seen["types"])
    assert seen["created"] == [[ADMIN, GROUP]]
    assert seen["called"]["directory.users.list"] == 3
    assert seen["called"]["groupsSettings.groups.patch"] == 1
    assert seen["called"]["gmail.users.messages.list"] == 2
    # In nobody's name, so in nobody's log.
    assert not any(name.startswith("appsmarket") for name in seen["called"])
    assert seen["licences"] == [["orchard.example", "ACTIVE"], ["harbour.example", "UNLICENSED"]]


def _is_the_person(seen: dict[str, Any]) -> None:
    claims = {
        "iss": "https://accounts.google.com",
        "aud": CLIENT_ID,
        "azp": CLIENT_ID,
        "hd": "orchard.example",
        "email": ADMIN,
        "email_verified": True,
        "nonce": "the nonce",
    }
    assert seen["state"] == "the state"
    assert "https://www.googleapis.com/auth/admin.directory.user.readonly" in seen["scope"]
    assert (seen["new"], seen["kept"]) == (True, True)
    assert seen["me"] == [ADMIN, True, "C01orchard"]
    assert seen["claims"] == {"jwks": claims, "pem": claims}
    assert seen["sub"] == [True, True]
    assert seen["strangers"] == {"jwks": "InvalidAudienceError", "pem": "InvalidValue"}
    assert seen["revoked"] == 200
    assert seen["afterwards"] == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }
