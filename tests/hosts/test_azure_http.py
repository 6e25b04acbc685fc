"""The host's stand-in hands requests over, and starts and stops, as the real host does."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.hosts.azure_host import http as azure_http
from tests.hosts.azure_host.worker import Function
from tests.hosts.hosting import Hosted, hosted
from tests.hosts.sample import CLIENT, SAMPLE, Sample, until


def test_a_function_sees_the_request(site: str) -> None:
    answer = CLIENT.get(f"{site}/things/a%20b/parts/c%2Fd/?q=1&q=2&empty=", headers={"X-Twice": "yes"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    seen = answer.json()
    assert seen["params"] == {"id": "a b", "part": "c%2Fd"}
    assert seen["query"] == {"q": "1,2"}
    assert seen["headers"]["x-twice"] == "yes"
    assert seen["url"] == f"{site}/things/a%20b/parts/c%2Fd/?q=1&q=2&empty="


def test_a_synchronous_one_answers_with_body_cookie_and_headers(site: str) -> None:
    answer = CLIENT.post(f"{site}/things", content="über".encode())
    assert (answer.status_code, answer.headers["location"]) == (201, "/things/1")
    assert answer.json()["body"] == "über"
    cookie = "session=a%2Fb%3D; max-age=60; path=/; secure; samesite=strict; httponly"
    assert answer.headers["set-cookie"] == cookie


def test_a_body_without_a_length_is_lost(site: str) -> None:
    assert CLIENT.post(f"{site}/things", content=iter([b"lost"])).json()["body"] == ""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/mine/parts/1", 203),
        ("GET", "/THINGS/1/Parts/2", 200),
        ("GET", "/things/1/parts", 404),
        ("GET", "/things/1/parts/2/3", 404),
        ("POST", "/things/1/parts/2", 404),
        ("HEAD", "/things/1/parts/2", 404),
        ("GET", "/wrong", 500),
        ("GET", "/named", 200),
        ("GET", "/", 200),
    ],
)
def test_routes(site: str, method: str, path: str, status: int) -> None:
    answer = CLIENT.request(method, site + path)
    assert answer.status_code == status
    assert bool(answer.content) == (status in {200, 203})


def test_the_root_is_the_host_s_own_page(site: str) -> None:
    assert "host's own page" in CLIENT.get(site).text


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("a/{b}", "a/1", {"b": "1"}),
        ("a/{b}", "a", None),
        ("a/{b?}", "a", {}),
        ("a/{b:int}", "a/x", None),
        ("a/{b:int}", "a/-7", {"b": "-7"}),
        ("{*all}", "a/b/c", {"all": "a/b/c"}),
        # The way to have the root for oneself.
        ("{nothing:maxlength(0)?}", "", {}),
        ("{nothing:maxlength(0)?}", "a", None),
        ("", "one", {}),
        ("", "", None),
    ],
)
def test_templates(template: str, path: str, values: dict[str, str] | None) -> None:
    trigger = {"type": "httpTrigger", "name": "req", "route": template}
    [made] = azure_http.routes([Function(name="one", id="1", bindings=[trigger])], "")
    assert made.match([part for part in path.split("/") if part]) == values


def test_told_to_stop_it_finishes_what_it_has_begun(host: Hosted, sample: Sample) -> None:
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(CLIENT.get, f"{host.url}/slow")
        until(lambda: sample.seen(slow="begun"))
        assert host.end(signal.SIGTERM) == 0
        assert answer.result().text == "done"


def test_killed_it_is_gone_and_its_port_is_free(host: Hosted, sample: Sample) -> None:
    assert host.end(signal.SIGKILL) == -signal.SIGKILL
    port = httpx.URL(host.url).port or 0
    with hosted(SAMPLE, sample.part.clock_file, sample.settings, port=port) as again:
        assert again.url == host.url
        assert CLIENT.get(f"{again.url}/named").text == "named"
