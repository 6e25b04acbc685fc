"""Azure Storage's queues: who we are there, and what goes wrong."""

import time
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
import trustme
from azure.storage.queue import QueueClient

from shared.deployment.queues import decode
from shared.foundation.errors import FootprintError, Permanent, Temporary
from tests.harness.clock import TestClock
from tests.harness.queues import KEY as OURS
from tests.harness.queues import SYNC, storage_queue
from tests.harness.scripted_host import Host, Say
from tests.programs.azurite import ACCOUNT as STORE
from tests.programs.azurite import KEY, azurite, missing


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"queue_url": "http://a.example.com"},
        {"queue_url": "https://a.example.com", "connection_string": "x"},
    ],
)
def test_an_account_is_reached_in_one_way(clock: TestClock, settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="QUEUE_URL"):
        storage_queue(clock, **settings)


ANSWERS: list[tuple[Say, type[FootprintError], str]] = [
    (Say(status=429, headers={"retry-after": "17"}), Temporary, "throttled"),
    (Say(status=501), Temporary, "platform_unavailable"),
    (Say(status=404, headers={"x-ms-error-code": "QueueNotFound"}), Temporary, "platform_unavailable"),
    (Say(status=409, headers={"x-ms-error-code": "QueueBeingDeleted"}), Temporary, "platform_unavailable"),
    (Say(act="drop"), Temporary, "platform_unreachable"),
    (Say(status=403, headers={"x-ms-error-code": "AuthorizationFailure"}), Permanent, "our_queue"),
    (Say(status=307, headers={"location": "https://elsewhere.example.com"}), Permanent, "our_queue"),
    (Say(status=400, body=b"<Error><Code>InvalidInput</Code></Error>"), Permanent, "our_queue"),
]


@pytest.mark.parametrize(("say", "kind", "code"), ANSWERS, ids=lambda value: str(getattr(value, "status", "")))
async def test_what_storage_answers_is_told_apart(
    host: Host, clock: TestClock, say: Say, kind: type[FootprintError], code: str
) -> None:
    host.says(say)
    access = f"AccountName={STORE};AccountKey={KEY};QueueEndpoint={host.url};"
    with pytest.raises(kind) as failed:
        await storage_queue(clock, connection_string=access).send(SYNC, clock.now())
    assert failed.value.code == code
    assert "127.0.0.1" in failed.value.sentence
    if say.status == 429:
        assert failed.value.after == timedelta(seconds=17)  # type: ignore[attr-defined]


async def test_an_unreadable_connection_string_is_not_repeated(clock: TestClock) -> None:
    for access in ("hunter2", "AccountName=a;AccountKey=hunter2;EndpointSuffix=example.invalid;"):
        with pytest.raises(FootprintError) as failed:
            await storage_queue(clock, connection_string=access).send(SYNC, clock.now())
        assert "hunter2" not in str(failed.value)


async def test_a_deployment_is_known_by_its_managed_identity(
    host: Host, clock: TestClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := missing():
        pytest.skip(f"skipped: {reason}")
    authority, pem, bundle = trustme.CA(), tmp_path / "certificate.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(bundle))
    for name, value in {
        "REQUESTS_CA_BUNDLE": str(bundle),
        "IDENTITY_ENDPOINT": host.url,
        "IDENTITY_HEADER": "x",
    }.items():
        monkeypatch.setenv(name, value)
    host.says(Say(status=503), granted("https://storage.azure.com"))
    with azurite(tmp_path / "clock", pem) as part:
        queue = storage_queue(clock, queue_url=part.queue_url)
        with pytest.raises(Temporary):
            await queue.send(SYNC, clock.now())
        await queue.send(SYNC, clock.now())
        await queue.send(SYNC, clock.now())
        assert len(host.seen) == 2, "a token is kept while it lasts"
        assert "resource=https%3A%2F%2Fstorage.azure.com&" in f"{host.seen[1].path}&"
        with QueueClient.from_connection_string(part.connection_string, SYNC.queue) as client:
            sent = [b64decode(message.content).decode() for message in client.receive_messages()]
        assert [decode(message, OURS).job for message in sent] == [SYNC, SYNC]
        host.says(granted("https://vault.azure.net"))
        with pytest.raises(Permanent, match="Storage Queue Data Contributor"):
            await storage_queue(clock, queue_url=part.queue_url).send(SYNC, clock.now())


def granted(audience: str) -> Say:
    """What an app's identity endpoint answers."""
    now = int(time.time())
    claims = {"iss": "https://sts.windows.net/t/", "aud": audience, "iat": now, "nbf": now - 60, "exp": now + 3600}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256")
    return Say(
        body={"access_token": token, "expires_on": str(now + 3600), "resource": audience, "token_type": "Bearer"}
    )
