"""The control API, faults, the clock, saving and restoring, DNS, and running alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dns.resolver
import httpx
import pytest

from infra.local.simulators import Simulators
from infra.local.simulators.microsoft.seeds import FABRIKAM
from infra.local.simulators.wire import Call
from shared.foundation.dns import mx_of
from shared.foundation.settings import Dns
from tests.simulators.caller import Caller


def test_snapshot_is_canonical_and_forgets_time(caller: Caller) -> None:
    text = caller.snapshot()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    caller.advance(3600)
    caller.tokens.clear()
    caller.rows("/users")
    caller.values("Get-TransportRule")
    assert caller.snapshot() == text
    assert len(json.loads(text)["users"]) == 40


def test_a_life_that_ends_leaves_no_trace(stranger: Caller) -> None:
    before = stranger.snapshot()
    stranger.administer("consent")
    stranger.administer("assign-role")
    assert stranger.snapshot() != before
    stranger.administer("remove-application", purge=False)
    assert stranger.snapshot() != before
    stranger.administer("consent")
    stranger.administer("remove-application")
    assert stranger.snapshot() == before


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_dropped_connections(caller: Caller, kind: str) -> None:
    caller.token("https://graph.microsoft.com")
    caller.fault(kind, host="graph", method="POST", path="/groups$")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.new_group()
    made = caller.rows("/groups?$filter=mailNickname eq 'inline-incoming'")
    assert len(made) == (1 if kind == "drop_after" else 0)


def test_dropped_connections_of_the_sign_in_host(caller: Caller) -> None:
    caller.fault("drop_after", host="login")
    with pytest.raises(httpx.TransportError):
        caller.ask_token()
    assert caller.ask_token().status_code == 200


def test_answers_that_are_not_the_platforms(caller: Caller) -> None:
    def answered(kind: str, **more: Any) -> httpx.Response:
        caller.fault(kind, host="graph", more=more)
        return caller.graph("GET", "/users")

    assert answered("status", status=502, body={"x": 1}, headers={"X-A": "b"}).headers["x-a"] == "b"
    html = answered("html")
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html")
    assert answered("nul403").content == b"\0" * 4096
    assert answered("empty403").content == b""
    throttled = answered("throttle", retry_after="2.128")
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2.128")
    assert "retry-after" not in answered("throttle", retry_after=None).headers
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        answered("truncated_json").json()
    assert answered("foreign_next_link").json()["@odata.nextLink"].startswith("https://graph.example.net/")
    half = answered("half_listing").json()
    assert (len(half["value"]), "@odata.nextLink" in half) == (20, False)
    assert answered("empty_listing").json()["value"] == []
    empty = answered("empty_page_with_next_link").json()
    assert empty["value"] == []
    assert len(caller.graph("GET", empty["@odata.nextLink"]).json()["value"]) == 40
    assert answered("delay", seconds=0.01).status_code == 200


def test_faults_of_exchange_and_their_counting(caller: Caller) -> None:
    caller.fault("page_cut", cmdlet="Get-TransportRule", skip=1, times=1)
    assert len(caller.values("Get-TransportRule")) == 4
    assert len(caller.values("Get-AcceptedDomain")) == 3
    cut = caller.exchange("Get-TransportRule").json()
    assert len(cut["value"]) == 2
    assert "@odata.nextLink" in cut
    assert len(caller.values("Get-TransportRule")) == 4
    caller.fault("status", times=99, tenant=FABRIKAM)
    assert len(caller.values("Get-TransportRule")) == 4
    caller.fault("empty403", times=99)
    assert caller.exchange("Get-TransportRule").status_code == 403
    caller.control("DELETE", "/faults")
    assert len(caller.values("Get-TransportRule")) == 4
    assert caller.control("POST", "/faults", {"do": {"kind": "nonsense"}}).status_code == 400
    assert caller.control("POST", f"/tenants/{caller.tenant}/behaviour", {"nonsense": 1}).status_code == 400
    assert caller.control("GET", "/nonsense").status_code == 404


def test_half_a_delta_round(caller: Caller) -> None:
    caller.fault("half_listing", path="delta")
    found, _ = caller.delta("/users/delta?$select=id")
    assert len(found) == 20


def test_calls_are_recorded_and_observed(caller: Caller) -> None:
    seen: list[Call] = []
    caller.sims.cloud.on_request = seen.append
    caller.graph("GET", "/domains")
    caller.values("Get-TransportRule")
    caller.control("GET", "/tenants")
    assert [(one.host, one.cmdlet, one.status) for one in seen] == [
        ("login", None, 200),
        ("graph", None, 200),
        ("login", None, 200),
        ("exchange", "Get-TransportRule", 200),
    ]
    assert {one.tenant for one in seen} == {caller.tenant}
    assert caller.sims.cloud.calls[-4:] == seen


def test_restored_state_goes_on_alike(caller: Caller) -> None:
    cloud = caller.sims.cloud
    caller.fault("empty403", times=2, skip=1, host="graph")
    saved = cloud.save()
    runs = []
    for _ in range(2):
        cloud.restore(saved)
        statuses = [caller.graph("GET", "/domains").status_code for _ in range(4)]
        caller.advance(100)
        runs.append((statuses, caller.new_group()["id"], cloud.clock.offset))
    assert runs[0] == runs[1]
    assert runs[0][0] == [200, 403, 403, 200]


def test_calls_are_counted_with_the_bytes_of_their_bodies(caller: Caller) -> None:
    def counted() -> dict[str, int]:
        found: dict[str, int] = httpx.get(f"{caller.sims.control}/_sim/calls", trust_env=False).json()
        return found

    caller.graph("GET", "/domains")  # with a token
    before = counted()
    caller.graph("GET", "/domains")
    assert counted() == {"calls": before["calls"] + 1, "bytes": before["bytes"]}
    caller.new_group()
    after = counted()
    assert after["calls"] > before["calls"] + 1
    assert after["bytes"] > before["bytes"]


def test_a_clock_in_a_file_is_shared(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    with Simulators.start(clock_file=file) as sims:
        first = sims.cloud.clock.now()
        file.write_text("86400")
        assert (sims.cloud.clock.now() - first).total_seconds() >= 86_400
        httpx.post(f"{sims.control}/_sim/clock", json={"advance": 3600}, trust_env=False)
        assert float(file.read_text()) == 90_000
        ca_file = Path(sims.settings["FOOTPRINT_CA_FILE"])
        assert ca_file.exists()
    assert not ca_file.exists()


def test_name_server(caller: Caller) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = json.loads(caller.sims.settings["FOOTPRINT_DNS__NAMESERVERS"])[0].partition(":")
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
    resolver.lifetime = resolver.timeout = 0.2

    def mx(name: str) -> list[str]:
        return sorted(one.to_text() for one in resolver.resolve(name, "MX", search=False))

    assert mx("contoso.com") == ["0 contoso-com.mail.protection.outlook.com."]
    assert mx("sub.contoso.com") == ["10 mx1.filter.example.net.", "20 mx2.filter.example.net."]
    with pytest.raises(dns.resolver.NoAnswer):
        mx("contoso.example.net")
    with pytest.raises(dns.resolver.NXDOMAIN):
        mx("nobody.example.net")
    caller.behave(mx={"contoso.com": [[5, "mx.example.net"]]})
    assert mx("contoso.com") == ["5 mx.example.net."]
    caller.behave(dns="servfail")
    with pytest.raises(dns.resolver.NoNameservers):
        mx("contoso.com")
    caller.behave(dns="silent")
    with pytest.raises(dns.resolver.LifetimeTimeout):
        mx("contoso.com")


def test_a_record_that_names_the_root_says_that_there_is_no_mail_server(caller: Caller) -> None:
    caller.behave(mx={"contoso.com": [[0, "."]]})
    settings = Dns(nameservers=json.loads(caller.sims.settings["FOOTPRINT_DNS__NAMESERVERS"]))
    assert asyncio.run(mx_of(["contoso.com"], settings)) == {"contoso.com": []}


def test_running_alone() -> None:
    command = [sys.executable, "-m", "infra.local.simulators", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own program)
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        names = [one["name"] for one in line["tenants"]]
        found = httpx.get(f"{line['control']}/_sim/tenants", trust_env=False).json()
        assert found == line["tenants"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
    assert names == ["Contoso", "Fabrikam", "Orchard", "Harbour"]
