"""A container of Azure and a bucket of Google under a retention lock: what was written once cannot be replaced."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from infra.local.simulators.small_server import serving
from infra.local.simulators.vaults import Vaults
from infra.local.simulators.wire import Answer, Request
from shared.deployment.anchor_stores import AZURE, GOOGLE


@dataclass
class Buckets:
    """What lies in both, by path; their tokens are those that `vaults` gave."""

    vaults: Vaults
    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def start(cls, vaults: Vaults) -> Iterator["Buckets"]:
        """Both, until the end of the block."""
        made = cls(vaults)
        with serving(made.answer) as made.address:
            yield made

    @property
    def container(self) -> str:
        return f"{self.address}/container/anchors"

    @property
    def bucket(self) -> str:
        return f"{self.address}/bucket"

    def answer(self, request: Request) -> Answer:
        """Answer one request, as the one or the other refuses."""
        azure = request.path.startswith("/container/")
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if {AZURE if azure else GOOGLE} - self.vaults.tokens.get(token, set()):
            return Answer(status=403 if azure else 401, body={"code": "AuthorizationFailure"})
        if azure:
            if request.header("x-ms-version") != "2023-11-03":
                return Answer(status=400, body={"code": "MissingRequiredHeader"})
            parsedate_to_datetime(str(request.header("x-ms-date")))
        known = self.objects.get(request.path)
        if request.method == "GET":
            return Answer(status=404, body={"code": "BlobNotFound"}) if known is None else _content(known)
        if request.method != "PUT" or (azure and request.header("x-ms-blob-type") != "BlockBlob"):
            return Answer(status=400, body={"code": "InvalidHeaderValue"})
        if known is not None:
            return Answer(status=409 if azure else 412, body={"code": "BlobAlreadyExists"})
        once = request.header("if-none-match") == "*" or request.header("x-goog-if-generation-match") == "0"
        assert once, "without the condition an anchor could be replaced once its lock has ended"
        self.objects[request.path] = request.body
        return Answer(status=201 if azure else 200, body={})


def _content(content: bytes) -> Answer:
    return Answer(body=content.decode(), content_type="application/json")
