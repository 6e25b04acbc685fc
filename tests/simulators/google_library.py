"""Lets Google's own client library speak to the simulators through the tests' HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from google.auth import transport

from tests.simulators.google_caller import GoogleCaller


class Transport(transport.Request):
    """Lets Google's own library speak through httpx, and to the simulators where it insists on the real hosts."""

    def __init__(self, caller: GoogleCaller) -> None:
        self._client = caller.client
        self._iam = caller.url("IAM_URL")
        self.urls: list[str] = []

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> transport.Response:
        url = url.replace("https://iamcredentials.googleapis.com", self._iam)
        self.urls.append(url)
        answer = self._client.request(method, url, content=body, headers=headers, timeout=timeout or 10)
        return Answered(answer)


class Answered(transport.Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content
