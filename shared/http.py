"""The one HTTP client: pinned to a host, quick to give up, and never talkative about secrets.

Retries here take seconds. What needs longer becomes a Temporary, and the queue waits instead of the function.
"""

import json as jsonlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.clock import Clock
from shared.errors import Permanent, Temporary

TRIES = 3
# The longest single wait at the wire, in seconds; anything longer goes on the queue.
LONGEST_WAIT = 5.0
REQUEST_IDS = ("request-id", "x-ms-request-id", "client-request-id")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Any answer below 500 that is not "too many requests". What it means is for the caller to say."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    host: str

    @property
    def request_id(self) -> str:
        """The platform's own name for this request, for its support; empty if it gave none."""
        return next((self.headers[name] for name in REQUEST_IDS if name in self.headers), "")

    def json(self) -> Any:
        """The body. Raises Temporary if it is not JSON: a page of a proxy, NUL bytes, half an answer."""
        try:
            return jsonlib.loads(self.body)
        except ValueError:
            raise unreadable(self.host, self.status) from None


def unreadable(host: str, status: int) -> Temporary:
    """An answer that says nothing either way."""
    return Temporary("unreadable_answer", f"{host} answered {status} with something that cannot be read.")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that the platform asks us to wait: whole, fractional or as a date; None if it does not say."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


class Wire:
    """What all clients of a process share: one TLS context, which is costly to make, and the clock."""

    def __init__(self, *, clock: Clock, ca_file: Path | None, timeout: float = 100.0) -> None:
        self.clock, self.timeout = clock, timeout
        self.ssl_context = ssl.create_default_context()
        if ca_file is not None:
            self.ssl_context.load_verify_locations(ca_file)

    @asynccontextmanager
    async def client(self, base_url: str) -> AsyncIterator["Http"]:
        """A small client for one tenant and one run: a shared one gets slower with every concurrent request."""
        async with httpx.AsyncClient(
            verify=self.ssl_context, trust_env=False, follow_redirects=False, timeout=self.timeout
        ) as client:
            yield Http(client, base_url, self.clock)


class Http:
    """A client of one host."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, clock: Clock) -> None:
        self._client, self._base, self._clock = client, base_url, clock
        self.host = urlsplit(base_url).hostname or base_url

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Send one request to a path, or to a link that the platform gave us, and return its answer.

        Repeated a few times if nothing was sent or processed, and after a lost answer only if `repeatable` (a read,
        unless said otherwise). Raises Temporary when tries are used up, Permanent for a link to another host.
        """
        target = self._pinned(url)
        again = method in ("GET", "HEAD") if repeatable is None else repeatable
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._client.request(method, target, headers=headers, params=params, json=json)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem: Temporary = self._unreachable(error)
                wait: float | None = _backoff(attempt)
            except httpx.TransportError as error:
                problem, wait = self._unreachable(error), _backoff(attempt) if again else None
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    return Reply(status=answer.status_code, headers=answer.headers, body=answer.content, host=self.host)
                problem, wait = self._busy(answer, attempt, again=again)
            if wait is None or wait > LONGEST_WAIT or attempt == TRIES:
                raise problem from None
            await self._clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _pinned(self, url: str) -> str:
        target = url if "://" in url else self._base + url
        if _origin(target) != _origin(self._base):
            raise Permanent(
                "foreign_link",
                f"{self.host} sent a link to another host. It was not followed, for our token would have gone there.",
            )
        return target

    def _unreachable(self, error: httpx.TransportError) -> Temporary:
        return Temporary("platform_unreachable", f"{self.host} did not answer ({type(error).__name__}).")

    def _busy(self, answer: httpx.Response, attempt: int, *, again: bool) -> tuple[Temporary, float | None]:
        """What a 429 or 5xx means, and how long to wait here; None if it must not be repeated here."""
        asked = retry_after(answer.headers, self._clock.now())
        throttled = answer.status_code == 429 or (answer.status_code == 503 and asked is not None)
        after = timedelta(seconds=asked if asked is not None else 60)
        if throttled:  # turned away before it was processed, so any request may be sent again
            problem = Temporary("throttled", f"{self.host} asked us to slow down.", after=after)
            return problem, asked if asked is not None else _backoff(attempt)
        problem = Temporary("platform_unavailable", f"{self.host} answered {answer.status_code}.", after=after)
        return problem, _backoff(attempt) if again else None


def _backoff(attempt: int) -> float:
    # Full jitter, so that a thousand tenants do not come back in step. Not a secret, hence not `secrets`.
    return random.uniform(0.5, 1.0) * float(2 ** (attempt - 1))  # noqa: S311
