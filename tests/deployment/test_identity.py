"""A deployment on Google Cloud is known to Microsoft by its service account: no secret that lasts, on either side."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.simulators import Simulators
from infra.local.simulators.microsoft.seeds import CONTOSO
from infra.local.simulators.small_server import serving
from infra.local.simulators.wire import Answer, Request
from shared.deployment.identity import ServiceIdentity
from shared.foundation.errors import FootprintError, Permanent, Temporary
from shared.foundation.platform_settings import Microsoft
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.credential import EXCHANGE_AUDIENCE, SERVICE_ACCOUNT
from shared.platforms.microsoft365.entra import Entra
from tests.harness.scripted_host import StillClock

GRAPH = "https://graph.microsoft.com"
ACCOUNT = "footprint-runtime@example.iam.gserviceaccount.com"
NUMBER = "100000000000000000042"  # the account's unique id
ISSUER = "https://accounts.google.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
# Where an account asks about itself.
OWN = "/computeMetadata/v1/instance/service-accounts/default/"


@dataclass
class Metadata:
    """What a function asks for its own identity, as strict as the real one; and the token endpoint for a key file."""

    url: str = ""
    issuer: str = ISSUER
    number: str = NUMBER
    lasts: float = 3600  # seconds
    instead: dict[str, Answer] = field(default_factory=dict)  # by path
    seen: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many identity tokens were asked for."""
        return self.seen.count(f"{OWN}identity")

    def answer(self, request: Request) -> Answer:
        self.seen.append(request.path)
        if request.path in self.instead:
            return self.instead[request.path]
        if request.path == "/token":
            return self._granted(request)
        if request.header("metadata-flavor") != "Google" or request.method != "GET":
            return Answer(status=403, body="Forbidden", content_type="text/html")
        said: dict[str, Any] = {"headers": {"Metadata-Flavor": "Google"}, "content_type": "text/html"}
        match request.path.removeprefix(OWN), dict(request.query):
            case "/", {}:
                return Answer(body="computeMetadata/", **said)
            case "", {"recursive": "true"}:
                return Answer(body={"aliases": ["default"], "email": ACCOUNT, "scopes": []}, headers=said["headers"])
            case "identity", {"audience": audience, "format": "full"} if audience:
                return Answer(body=self.token(audience), **said)
            case "token", {"scopes": scopes}:
                answer = {"access_token": f"for {scopes}", "expires_in": self.lasts, "token_type": "Bearer"}
                return Answer(body=answer, headers=said["headers"])
            case "/computeMetadata/v1/project/project-id", {}:
                return Answer(body="example", **said)
            case "identity", _:
                return Answer(status=400, body="non-empty audience parameter required", **said)
        return Answer(status=404, body="Not Found", **said)

    def _granted(self, request: Request) -> Answer:
        """A key file's owner signs for itself, and names whom the token is for."""
        audience = "https://oauth2.googleapis.com/token"  # whatever address it comes to
        said = jwt.decode(request.form()["assertion"], PUBLIC, algorithms=["RS256"], audience=audience)
        assert said["iss"] == ACCOUNT
        return Answer(body={"id_token": self.token(said["target_audience"])})

    def token(self, audience: str) -> str:
        now = int(time.time())
        content = {
            "iss": self.issuer,
            "sub": self.number,
            "azp": self.number,
            "aud": audience,
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + self.lasts,
        }
        return jwt.encode(content, KEY, algorithm="RS256", headers={"kid": "1"})


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    made = Metadata()
    with serving(made.answer) as made.url:
        host = urlsplit(made.url).netloc
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        # GCE_METADATA_HOST, which is read at the import; that may have been before.
        monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
        yield made


@pytest.fixture(scope="module")
def simulators() -> Iterator[Simulators]:
    with Simulators.start() as running:
        consent = f"{running.control}/_sim/tenants/{CONTOSO}/admin"
        httpx.post(consent, json={"action": "consent"}, trust_env=False).raise_for_status()
        running.microsoft.proofs.add_federated(ISSUER, NUMBER, PUBLIC)
        yield running


@pytest.fixture
def entra(simulators: Simulators, metadata: Metadata) -> Iterator[Entra]:
    clock = StillClock()
    settings = Microsoft(
        login_url=simulators.settings["FOOTPRINT_MICROSOFT__LOGIN_URL"],
        client_id=simulators.settings["FOOTPRINT_MICROSOFT__CLIENT_ID"],
        federated=SERVICE_ACCOUNT,
    )
    wire = Wire(clock=clock, ca_file=Path(simulators.settings["FOOTPRINT_CA_FILE"]))
    entra = Entra(settings=settings, wire=wire, clock=clock)
    yield entra
    entra.close()


@pytest.fixture
def account() -> ServiceIdentity:
    clock = StillClock()
    return ServiceIdentity(Wire(clock=clock, ca_file=None), clock)


async def test_microsoft_takes_the_service_accounts_word(
    entra: Entra, simulators: Simulators, metadata: Metadata
) -> None:
    tokens = [await entra.token(CONTOSO, GRAPH) for _ in range(2)]
    url = f"{simulators.settings['FOOTPRINT_MICROSOFT__GRAPH_URL']}/v1.0/domains"
    async with httpx.AsyncClient(trust_env=False) as client:
        for token in tokens:
            assert (await client.get(url, headers={"Authorization": f"Bearer {token.value}"})).is_success
    assert metadata.asked == 1  # the second time it was kept


@pytest.mark.parametrize(
    ("who", "aadsts"), [({"number": "1"}, "700213"), ({"issuer": "https://other.example"}, "700211")]
)
async def test_microsoft_takes_nobody_elses(entra: Entra, metadata: Metadata, who: dict[str, str], aadsts: str) -> None:
    for name, value in who.items():
        setattr(metadata, name, value)
    with pytest.raises(Permanent, match=f"our_credential.*AADSTS{aadsts}"):
        await entra.token(CONTOSO, GRAPH)


def test_a_key_file_says_the_same(
    account: ServiceIdentity, metadata: Metadata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    content = {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key_id": "1",
        "token_uri": f"{metadata.url}/token",
        "private_key": KEY.private_bytes(*pem).decode(),
    }
    file = tmp_path / "key.json"
    file.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    said = jwt.decode(account.assertion(EXCHANGE_AUDIENCE), PUBLIC, algorithms=["RS256"], audience=EXCHANGE_AUDIENCE)
    assert (said["iss"], said["sub"]) == (ISSUER, NUMBER)
    assert metadata.seen == ["/token"]


def test_what_is_said_is_kept_while_it_lasts_and_for_one_audience(account: ServiceIdentity, metadata: Metadata) -> None:
    for _ in range(2):
        assert account.assertion("one")
    assert metadata.asked == 1
    assert jwt.decode(account.assertion("other"), options={"verify_signature": False})["aud"] == "other"
    assert metadata.asked == 2
    metadata.lasts = 60  # less than it takes to use it
    for _ in range(2):
        assert account.assertion("third")
    assert metadata.asked == 4


async def test_the_same_account_has_tokens_of_its_own_cloud(account: ServiceIdentity, metadata: Metadata) -> None:
    assert [await account.token("one") for _ in range(2)] == ["for one"] * 2
    assert metadata.seen.count(f"{OWN}token") == 1


HTML = Answer(body=b"<html>s3cret</html>", content_type="text/html")
UNSURE = {
    "500": (Answer(status=500, body=b"s3cret"), "platform_unavailable"),
    "503": (Answer(status=503, headers={"Retry-After": "7"}), "throttled"),
    "429": (Answer(status=429), "throttled"),
    "html": (HTML, "unreadable_answer"),
    "empty": (Answer(body=b""), "unreadable_answer"),
    "no_end": (Answer(body=jwt.encode({}, KEY, algorithm="RS256")), "unreadable_answer"),
}
DECIDED = {"none": Answer(status=404, body=b"s3cret"), "forbidden": Answer(status=403, body=b"s3cret")}


@pytest.mark.hazard(1)
@pytest.mark.parametrize("path", ["/", OWN, f"{OWN}identity"])
@pytest.mark.parametrize(("answer", "code"), UNSURE.values(), ids=UNSURE)
def test_no_answer_is_no_missing_account(
    account: ServiceIdentity, metadata: Metadata, path: str, answer: Answer, code: str
) -> None:
    metadata.instead[path] = answer
    with pytest.raises(Temporary) as raised:
        account.assertion(EXCHANGE_AUDIENCE)
    assert raised.value.code == code
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None
    if answer.headers:
        assert raised.value.after == timedelta(seconds=7)
    metadata.instead.clear()
    assert account.assertion(EXCHANGE_AUDIENCE)


@pytest.mark.hazard(1)
def test_silence_is_no_missing_account(
    account: ServiceIdentity, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
    with pytest.raises(Temporary, match="platform_unreachable"):
        account.assertion(EXCHANGE_AUDIENCE)


@pytest.mark.parametrize("path", ["/", OWN, f"{OWN}identity"])
@pytest.mark.parametrize("answer", DECIDED.values(), ids=DECIDED)
def test_a_machine_without_an_account_is_a_matter_for_a_person(
    account: ServiceIdentity, metadata: Metadata, path: str, answer: Answer
) -> None:
    metadata.instead[path] = answer
    with pytest.raises(Permanent, match="our_credential") as raised:
        account.assertion(EXCHANGE_AUDIENCE)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_key_file_that_is_none_is_a_matter_for_a_person(
    account: ServiceIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"type": "service_account", "private_key": "s3cret"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(FootprintError, match="our_credential") as raised:
        account.assertion(EXCHANGE_AUDIENCE)
    assert "s3cret" not in str(raised.value)
