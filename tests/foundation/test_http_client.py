"""What is sent again, how long is waited for it, and what is never followed or told."""

import logging
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from shared.foundation.errors import Permanent, Temporary
from shared.foundation.http_client import retry_after
from shared.foundation.wire import Wire
from tests.harness import scripted_host_fixtures as fixtures
from tests.harness.scripted_host import Host, Say, StillClock

UNREADABLE = {
    "html": b"<!DOCTYPE html><title>Sign in to your proxy</title>",
    "nul": b"\x00" * 4096,
    "empty": b"",
    "half": b'{"value": [{"id": "a"}, {"id"',
    "not_text": b"\xff\xfe\xfa",
    "deep": b"[" * 100_000,
}

# Fixtures of this file alone: the other tests of this folder have another clock.
authority, ca_file, clock, host, login, other, wire = (
    fixtures.authority,
    fixtures.ca_file,
    fixtures.clock,
    fixtures.host,
    fixtures.login,
    fixtures.other,
    fixtures.wire,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        ("2.128", 2.128),
        ("Mon, 02 Mar 2026 12:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("-3", 0.0),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("1e300", 86400.0),
        ("120, 120", None),
        ("Mon, 02 Mar 2026 12:00:30 +99999999999999999999", None),
        ("Mon, 02 Mar 2026 12:00:30", 30.0),
    ],
)
def test_retry_after_in_all_its_forms(clock: StillClock, value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, clock.now()) == seconds


def test_retry_after_may_be_absent(clock: StillClock) -> None:
    assert retry_after({}, clock.now()) is None


async def test_a_short_wait_is_slept_and_any_request_sent_again(wire: Wire, host: Host, clock: StillClock) -> None:
    host.says(Say(status=429, headers={"Retry-After": "2.128"}), Say(status=201, body={"id": "a"}))
    async with wire.client(host.url) as http:
        reply = await http.send("POST", "/groups", json={})
    assert (reply.status, len(host.seen)) == (201, 2)
    assert 2.128 <= clock.slept[0] <= 2.128 * 1.1


async def test_a_long_wait_goes_on_the_queue(wire: Wire, host: Host, clock: StillClock) -> None:
    host.says(Say(status=429, headers={"Retry-After": "120"}))
    async with wire.client(host.url) as http:
        with pytest.raises(Temporary) as raised:
            await http.send("GET", "/users")
    assert (raised.value.code, raised.value.after) == ("throttled", timedelta(seconds=120))
    assert (len(host.seen), clock.slept) == (1, [])


async def test_without_retry_after_the_waits_grow_and_stay_below_ten_seconds(
    wire: Wire, host: Host, clock: StillClock
) -> None:
    host.says(Say(status=429))
    async with wire.client(host.url) as http:
        with pytest.raises(Temporary, match="throttled"):
            await http.send("POST", "/users")
    assert len(host.seen) == 3
    assert clock.slept[0] <= 1.1 * 1.0
    assert clock.slept[1] >= 1.0
    assert sum(clock.slept) < 10


@pytest.mark.parametrize(
    ("method", "say", "requests", "code"),
    [
        ("GET", Say(status=500), 3, "platform_unavailable"),
        ("POST", Say(status=500), 1, "platform_unavailable"),
        ("POST", Say(status=503), 1, "platform_unavailable"),
        ("POST", Say(status=503, headers={"Retry-After": "1"}), 3, "throttled"),
        ("GET", Say(act="drop"), 3, "platform_unreachable"),
        ("POST", Say(act="drop"), 1, "platform_unreachable"),
        ("PATCH", Say(act="drop"), 1, "platform_unreachable"),
        ("DELETE", Say(act="drop"), 1, "platform_unreachable"),
        ("POST", Say(act="cut", body={"id": "a" * 100}), 1, "platform_unreachable"),
        ("GET", Say(act="cut", body={"id": "a" * 100}), 3, "platform_unreachable"),
        ("POST", Say(body=b"no gzip", headers={"Content-Encoding": "gzip"}), 1, "platform_unreachable"),
    ],
)
async def test_after_a_lost_answer_only_reads_are_sent_again(
    wire: Wire, host: Host, method: str, say: Say, requests: int, code: str
) -> None:
    host.says(say)
    async with wire.client(host.url) as http:
        with pytest.raises(Temporary) as raised:
            await http.send(method, "/users")
    assert (len(host.seen), raised.value.code) == (requests, code)


async def test_a_caller_may_say_that_its_post_is_a_read(wire: Wire, host: Host) -> None:
    host.says(Say(act="drop"), Say(body={}))
    async with wire.client(host.url) as http:
        reply = await http.send("POST", "/invoke", json={}, repeatable=True)
    assert (reply.status, len(host.seen)) == (200, 2)


async def test_where_nothing_was_sent_any_request_is_tried_again(wire: Wire, clock: StillClock) -> None:
    with socket.socket() as closed:  # bound and not listening
        closed.bind(("127.0.0.1", 0))
        async with wire.client(f"http://127.0.0.1:{closed.getsockname()[1]}") as http:
            with pytest.raises(Temporary, match="platform_unreachable"):
                await http.send("POST", "/groups", json={})
    assert len(clock.slept) == 2


async def test_a_time_out_is_no_answer(clock: StillClock, host: Host) -> None:
    host.says(Say(act="hang"))
    async with Wire(clock=clock, ca_file=None, timeout=0.2).client(host.url) as http:
        with pytest.raises(Temporary, match="platform_unreachable"):
            await http.send("POST", "/groups", json={})
    assert len(host.seen) == 1


@pytest.mark.hazard(1)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_body_that_is_not_json_is_no_answer(wire: Wire, host: Host, body: bytes) -> None:
    host.says(Say(body=body))
    async with wire.client(host.url) as http:
        reply = await http.send("GET", "/users")
    with pytest.raises(Temporary, match="unreadable_answer"):
        reply.json()


@pytest.mark.hazard(1)
async def test_a_part_of_an_answer_is_none(wire: Wire, host: Host) -> None:
    host.says(Say(status=206, body={"value": []}, headers={"Content-Range": "items 0-9/100"}))
    async with wire.client(host.url) as http:
        reply = await http.send("GET", "/users")
    with pytest.raises(Temporary, match="unreadable_answer"):
        reply.json()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (rb'{"value": [{"name": "Anna\u0000"}]}', "Anna�"),
        (rb'{"value": [{"name": "Anna \ud83d"}]}', "Anna �"),
        (b'{"value": [{"name": "Anna \xed\xa0\xbd"}]}', "Anna �"),
        (rb'{"value": [{"name": "Anna \uD83D\uDE00"}]}', "Anna 😀"),
        (rb'{"value": [{"name": "C:\\u0000"}]}', r"C:\u0000"),
    ],
)
async def test_what_is_no_character_is_replaced_and_the_rest_of_the_page_is_read(
    wire: Wire, host: Host, body: bytes, name: str
) -> None:
    host.says(Say(body=body))
    async with wire.client(host.url) as http:
        reply = await http.send("GET", "/users")
    assert reply.json() == {"value": [{"name": name}]}


def foreign(ours: str, theirs: str) -> dict[str, str]:
    return {
        "other_port": f"{theirs}/users?$skiptoken=x",
        "other_scheme": ours.replace("http:", "https:") + "/users",
        "name_and_password": ours.replace("//", "//us:er@") + "/users",
        "ours_as_a_name": f"{ours}@{theirs.removeprefix('http://')}/users",
        "appended_name": f"@{theirs.removeprefix('http://')}/users",
        "no_scheme": "evil.example/users",
        "backslash": theirs + "\\@" + ours.removeprefix("http://"),
        "no_port": "http://127.0.0.1:/users",
        "nonsense": "http://[",
    }


@pytest.mark.hazard(23)
@pytest.mark.parametrize("kind", list(foreign("http://a", "http://b")))
async def test_nothing_is_sent_to_another_host(wire: Wire, host: Host, other: Host, kind: str) -> None:
    async with wire.client(host.url) as http:
        with pytest.raises(Permanent, match="foreign_link"):
            await http.send("GET", foreign(host.url, other.url)[kind], headers={"Authorization": "Bearer t0k"})
    assert host.seen == other.seen == []


@pytest.mark.hazard(23)
async def test_a_path_with_two_slashes_stays_here(wire: Wire, host: Host, other: Host) -> None:
    async with wire.client(host.url) as http:
        await http.send("GET", f"//{other.url.removeprefix('http://')}/users")
    assert (len(host.seen), other.seen) == (1, [])


@pytest.mark.hazard(23)
async def test_no_redirect_is_followed(wire: Wire, host: Host, other: Host) -> None:
    host.says(Say(status=302, headers={"Location": f"{other.url}/users"}))
    async with wire.client(host.url) as http:
        reply = await http.send("GET", "/users")
    assert (reply.status, other.seen) == (302, [])


async def test_the_environment_changes_nothing(
    wire: Wire, host: Host, other: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    async with wire.client(host.url) as http:
        assert (await http.send("GET", "/users")).status == 200
    assert other.seen == []


async def test_a_private_authority_is_trusted_only_where_it_is_named(
    wire: Wire, login: Host, clock: StillClock
) -> None:
    async with wire.client(login.url) as http:
        assert (await http.send("GET", "/")).status == 200
    async with Wire(clock=clock, ca_file=None).client(login.url) as http:
        with pytest.raises(Temporary, match="platform_unreachable"):
            await http.send("GET", "/")


@pytest.mark.parametrize("say", [Say(status=500, body=b"s3cret"), Say(act="drop"), Say(status=429)])
async def test_neither_errors_nor_logs_tell_secrets(
    wire: Wire, host: Host, caplog: pytest.LogCaptureFixture, say: Say
) -> None:
    caplog.set_level(logging.DEBUG)
    host.says(say)
    async with wire.client(host.url) as http:
        with pytest.raises(Temporary) as raised:
            await http.send("GET", "/users?$skiptoken=s3cret", headers={"Authorization": "Bearer s3cret"})
    assert "s3cret" not in str(raised.value) + caplog.text
    assert raised.value.__suppress_context__


async def test_headers_query_form_and_request_id(wire: Wire, host: Host) -> None:
    host.says(Say(headers={"Request-Id": "r-1"}, body={}))
    async with wire.client(host.url) as http:
        reply = await http.send(
            "POST", "/token", params={"$select": "id,mail"}, form={"a": "b c"}, headers={"X-A": "1"}
        )
    (seen,) = host.seen
    assert reply.request_id == "r-1"
    assert seen.path in ("/token?%24select=id%2Cmail", "/token?$select=id,mail")
    assert (seen.form(), seen.headers["x-a"]) == ({"a": "b c"}, "1")


async def test_a_certificate_file_that_is_missing_is_told_at_once(clock: StillClock, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Wire(clock=clock, ca_file=tmp_path / "none.pem")
