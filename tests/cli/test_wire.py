"""What goes over the wire: pages, what is sent again with which key, what is no answer of ours, whom we trust."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.cli.line import Line
from tests.cli.scripted import BUSY, CONNECT, MADE, UNDER_WAY, scripted


def test_a_file_is_whole_whatever_the_pages_and_no_link_leads_elsewhere(line: Line) -> None:
    elsewhere = {"link": '<http://elsewhere.example/?format=csv&cursor=a>; rel="next"'}
    known = (200, {}, json.dumps({"id": "0" * 32}))
    with scripted(known, (200, elsewhere, "number\r\n1\r\n"), (200, {}, "number\r\n2\r\n")) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line("ledger", "export", "0" * 32, "--format", "csv").out == "number\r\n1\r\n2\r\n"
    assert service.seen[-1][0].endswith("/ledger?format=csv&limit=10000&cursor=a")


@pytest.mark.parametrize("trouble", [BUSY, (503, {"retry-after": "0"}, "busy"), UNDER_WAY, None])
def test_what_must_be_sent_again_bears_the_same_key(line: Line, trouble: Any) -> None:
    with scripted(trouble, trouble, MADE) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line(*CONNECT).code == 0
        assert len(service.seen) == 3
        assert len(set(service.seen)) == 1
        assert service.seen[0][1]


def test_it_is_not_sent_for_ever_nor_waited_for_at_any_length(line: Line) -> None:
    with scripted(BUSY, BUSY, BUSY, (429, {"retry-after": "3600"}, BUSY[2])) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        assert line(*CONNECT).told.endswith("/runbook/too_many_requests\n")
        assert len(service.seen) == 3
        assert line(*CONNECT).code == 1
        assert len(service.seen) == 4
    keys = {key for _, key in service.seen}
    assert len(keys) == 2


def test_what_needs_a_person_is_not_waited_for(line: Line) -> None:
    now = {
        "id": "0" * 32,
        "name": "n",
        "synced_at": None,
        "working": False,
        "stage": "run",
        "stage_title": "Running",
        "status": "action_required",
        "reason": "implausible_loss",
        "sentence": "Half of it is gone.",
        "not_before": None,
    }
    busy = {**now, "working": True, "sentence": None}
    views = [(200, {}, json.dumps(view)) for view in (now, busy, now)]
    with scripted(views[0], (202, {}, '{"accepted": true}'), *views[1:]) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("connections", "sync", "0" * 32, "--wait", "--output", "json")
        assert len(service.seen) == 4
    assert (ran.code, ran.json) == (3, {"accepted": True})
    assert ran.told.splitlines()[1:] == ["Running.", "Running: Half of it is gone.", "Action required."]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, "<html>hello</html>"),
        (200, {}, "[]"),
        (200, {}, "{}"),
        (302, {"location": "http://elsewhere.example/"}, ""),
        (404, {}, "not here"),
    ],
)
def test_what_is_not_the_api_is_told(line: Line, answer: Any) -> None:
    with scripted(answer) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        ran = line("connections", "list")
        assert ran.code == 1
        assert address in ran.told
        assert len(service.seen) == 1


def test_an_authority_of_ones_own_is_trusted_if_it_is_named(line: Line, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with scripted(MADE, trusted=context) as (address, service):
        line.changed = {"FOOTPRINT_URL": address}
        refused = line(*CONNECT)
        assert refused.code == 1
        assert "FOOTPRINT_CA_FILE" in refused.told
        line.changed["FOOTPRINT_CA_FILE"] = str(tmp_path / "ca.pem")
        assert line(*CONNECT).code == 0
        assert len(service.seen) == 1
