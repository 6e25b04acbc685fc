"""Another service is asked about a message: signed, in time, and only one thing that it says is believed."""

import hashlib
import hmac
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr, ValidationError

from shared.foundation.errors import Temporary
from shared.foundation.settings import Scanner
from shared.foundation.wire import Wire
from shared.protection.inspection.scanner import Verdict, ask, opinion
from tests.harness.mail import mail
from tests.harness.scripted_host import Host, Say, Seen, StillClock

SECRET = "a secret of the scanner's"  # noqa: S105 - of a scanner that is only here


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def host(authority: trustme.CA) -> Iterator[Host]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    host = Host(context)
    yield host
    host.close()


@pytest.fixture
def wire(authority: trustme.CA, tmp_path: Path) -> Wire:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return Wire(clock=StillClock(), ca_file=tmp_path / "ca.pem")


def scanner(host: Host, **more: Any) -> Scanner:
    return Scanner(url=f"{host.url}/v1/messages", key_id="footprint-1", secret=SecretStr(SECRET), **more)


def checked(seen: Seen) -> bool:
    """What a scanner does, by the documentation alone."""
    moment, about = seen.headers["x-footprint-time"], seen.headers["x-footprint-about"]
    lines = [seen.method, seen.path, moment, about, hashlib.sha256(seen.body).hexdigest()]
    expected = hmac.new(SECRET.encode(), "\n".join(lines).encode(), "sha256").hexdigest()
    return hmac.compare_digest(seen.headers["x-footprint-signature"], expected)


@pytest.mark.parametrize(("said", "verdict"), [("risky", Verdict.RISKY), ("clean", Verdict.CLEAN)])
async def test_the_message_is_posted_as_it_is_and_signed(host: Host, wire: Wire, said: str, verdict: Verdict) -> None:
    host.says(Say(body={"verdict": said, "because": "x"}))
    message = mail(b"\xff\0\r\nhello")
    assert await ask(wire, scanner(host), message, "one/user/18c\n\u00e9") is verdict
    (seen,) = host.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/messages", message)
    assert seen.headers["content-type"] == "message/rfc822"
    assert seen.headers["x-footprint-key"] == "footprint-1"
    assert seen.headers["x-footprint-time"] == str(int(wire.clock.now().timestamp()))
    assert checked(seen)
    assert SECRET not in str(seen)
    for changed in ({"body": message + b"x"}, {"path": "/v1"}, {"method": "PUT"}):
        assert not checked(Seen(**{**vars(seen), **changed}))


@pytest.mark.parametrize(
    "answer",
    [
        Say(body={"verdict": "RISKY"}),
        Say(body={"verdict": True}),
        Say(body={"verdict": ["clean"]}),
        Say(body=["clean"]),
        Say(body=b"clean"),
        Say(body={}),
        Say(status=201, body={"verdict": "clean"}),
        Say(status=401, body={"verdict": "clean"}),
        Say(status=302, headers={"Location": "https://elsewhere.example/"}, body={"verdict": "clean"}),
        Say(status=500, body={"verdict": "clean"}),
        Say(status=429),
        Say(act="drop"),
        Say(act="cut", body={"verdict": "clean"}),
        Say(body=b"[" * 100_000),
    ],
)
async def test_nothing_else_is_an_answer(host: Host, wire: Wire, answer: Say) -> None:
    host.says(answer)
    assert await ask(wire, scanner(host), mail(), "x") is Verdict.UNKNOWN


async def test_a_slow_scanner_is_not_waited_for(host: Host, wire: Wire) -> None:
    host.says(Say(act="hang"))
    assert await ask(wire, scanner(host, timeout=0.1), mail(), "x") is Verdict.UNKNOWN
    assert len(host.seen) == 1


async def test_without_an_answer_the_settings_decide(host: Host, wire: Wire) -> None:
    host.says(Say(status=404))
    passed = await opinion(wire, scanner(host), mail(), "x")
    assert passed is not None
    assert passed.kind == "incomplete"
    acted = await opinion(wire, scanner(host, unanswered="act"), mail(), "x")
    assert acted is not None
    assert acted.kind == "scanner"
    with pytest.raises(Temporary) as waits:
        await opinion(wire, scanner(host, unanswered="wait"), mail(), "x")
    assert waits.value.code == "scanner_silent"
    nobody = await opinion(wire, Scanner(), mail(), "x")
    assert nobody is not None
    assert nobody.kind == "incomplete"


async def test_its_opinion_is_a_finding(host: Host, wire: Wire) -> None:
    host.says(Say(body={"verdict": "risky"}), Say(body={"verdict": "clean"}))
    risky = await opinion(wire, scanner(host, unanswered="wait"), mail(), "x")
    assert risky is not None
    assert risky.kind == "scanner"
    assert await opinion(wire, scanner(host, unanswered="act"), mail(), "x") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://scanner.example.com"},
        {"url": "https://scanner.example.com", "key_id": ""},
        {"url": "https://scanner.example.com", "secret": None},
        {"secret": "short"},
        {"timeout": 0},
        {"timeout": 61},
        {"unanswered": "maybe"},
        {"key_id": "a\nb"},
    ],
)
def test_settings_that_would_not_be_safe_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scanner(**{"key_id": "k", "secret": SECRET, **wrong})
