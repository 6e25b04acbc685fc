"""The one HTTP client: pinned to a host, quick to give up, and never talkative about secrets.

Retries here take seconds. What needs longer becomes a Temporary, and the queue waits instead of the function.
"""

import json as jsonlib
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.foundation import permits
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent, Temporary, TurnedAway
from shared.foundation.telemetry import count, span

if TYPE_CHECKING:
    import httpx

TRIES = 3
# The longest single wait at the wire, in seconds; anything longer goes on the queue.
MAX_WAIT_SECONDS = 5.0
# Nobody may send us away for more than a day, in seconds.
MAX_RETRY_AFTER_SECONDS = 86400.0
# 4xx that say "not now" of what may well do later, as an outage does: locked, a failed dependency, too early (RFC 4918,
# RFC 8470).
NOT_NOW = frozenset({423, 424, 425})
# Characters that no text has, and that not every database takes: NUL, and half of a pair, such as of an emoji that was
# cut off at the length of a name. And what a body with any of them holds.
NO_CHARACTERS = re.compile("[\x00\ud800-\udfff]")
SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]")
PARTIAL_CONTENT = 206
REQUEST_IDS = ("request-id", "x-ms-request-id", "client-request-id")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Any answer that is not "too many requests" or an outage. What it means is for the caller to say."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    service: str
    """Who answered, as people call them."""

    @property
    def request_id(self) -> str:
        """The platform's own name for this request, for its support; empty if it gave none."""
        return next((self.headers[name] for name in REQUEST_IDS if name in self.headers), "")

    def json(self) -> Any:
        """The body; what is no character in its texts is replaced by U+FFFD.

        Raises Temporary if it is not JSON, or not all of it: a page of a proxy, NUL bytes, half an answer.
        """
        try:
            content = jsonlib.loads(self.body) if self.status != PARTIAL_CONTENT else None
            if content is None:
                raise unreadable(self.service, self.status)
            return _readable(content) if SUSPECT.search(self.body) else content
        except (ValueError, RecursionError):
            raise unreadable(self.service, self.status) from None


def _readable(content: Any) -> Any:
    match content:
        case str():
            return NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", content)
        case list():
            return [_readable(one) for one in content]
        case dict():
            return {name: _readable(value) for name, value in content.items()}
    return content


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt to send a request, for the log of calls. `status` is None if there was no answer."""

    attempt: int
    status: int | None
    seconds: float
    reply: Reply | None = field(repr=False)


def unreadable(service: str, status: int) -> Temporary:
    """An answer that says nothing either way."""
    return Temporary("unreadable_answer", f"{service} returned {status} with a body that cannot be read.")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that the platform asks us to wait: whole, fractional or as a date; None if it does not say."""
    value = str(headers.get("retry-after", "")).strip()
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(0.0, seconds), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None


def busy(service: str, status: int, asked: float | None) -> Temporary:
    """What a 429, a 5xx or a "not now" means; `asked` is its Retry-After in seconds."""
    after = timedelta(seconds=asked if asked is not None else 60)
    if rejected(status, asked):
        return TurnedAway("throttled", f"{service} asked us to slow down.", after=after)
    return Temporary("platform_unavailable", f"{service} returned {status}.", after=after)


def rejected(status: int, asked: float | None) -> bool:
    """Whether a request was refused before it was processed, so that any request may be sent again."""
    return status == 429 or (status == 503 and asked is not None)


def unreachable(service: str, error: Exception) -> Temporary:
    """No answer, or half of one. Names the kind of failure only: the error's own text may hold more."""
    return Temporary("platform_unreachable", f"{service} did not answer ({type(error).__name__}).")


def same_origin(url: str, base_url: str) -> bool:
    """Whether a URL has the scheme, host and port of a base URL, and no name or password of its own."""
    import httpx

    try:
        target, base = httpx.URL(url), httpx.URL(base_url)  # the parser that will send it decides
    except httpx.InvalidURL:
        return False
    ours = (base.scheme, base.host, base.port)
    return (target.scheme, target.host, target.port) == ours and not target.userinfo


def foreign_link(service: str) -> Permanent:
    """A platform's answer points elsewhere."""
    return Permanent(
        "foreign_link",
        f"{service} sent a link to another host. The link was not followed: our token would have gone there.",
    )


def origin(url: str) -> tuple[str, str]:
    """An address's scheme, and its host with the port."""
    found = urlsplit(url)
    return found.scheme, found.netloc


class Http:
    """A client of one host."""

    def __init__(self, client: "httpx.AsyncClient", base_url: str, clock: Clock, service: str) -> None:
        self._client, self._base, self._clock = client, base_url, clock
        self.host, self.service = str(urlsplit(base_url).hostname), service

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | list[str]] | None = None,
        json: Any = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        reads: bool | None = None,
        repeatable: bool | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of each try, in seconds
        answered: Callable[[Reply], bool] | None = None,
        slowed: Callable[[Reply], float | None] | None = None,
        tried: Callable[[Try], None] | None = None,
    ) -> Reply:
        """Send one request to a path, or to a link that the platform gave us, and return its answer.

        `reads`: it changes nothing; by its method, unless said otherwise. Repeated a few times if nothing was sent or
        processed, and after a lost answer only if `repeatable` (if it reads, unless said otherwise). `answered` tells
        the 5xx that are answers, on platforms that have such, from outages;
        `slowed` tells the 4xx that mean "slow down" (in so many seconds; 0: not said), on platforms that say it so.
        `tried` hears of every attempt. Inside `permitted` each attempt is asked for first.
        Raises Temporary when tries are used up, Permanent for a link to another host.
        """
        import httpx

        target = self.pinned(url)
        only_reads = method in ("GET", "HEAD") if reads is None else reads
        again = only_reads if repeatable is None else repeatable
        limit = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        for attempt in range(1, TRIES + 1):
            await permits.ask(reads=only_reads)
            begin = time.perf_counter()
            try:
                with span("call", self.host, method=method) as measured:
                    answer = await self._client.request(
                        method,
                        target,
                        headers=headers,
                        params=params,
                        json=json,
                        content=content,
                        data=form,
                        timeout=limit,
                    )
                    measured.note(status=answer.status_code)
            except httpx.RequestError as error:
                reply, problem = None, unreachable(self.service, error)
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                wait = _backoff(attempt) if unsent or again else None
            else:
                reply = Reply(
                    status=answer.status_code, headers=answer.headers, body=answer.content, service=self.service
                )
            if tried is not None:
                status, seconds = reply.status if reply else None, time.perf_counter() - begin
                tried(Try(attempt=attempt, status=status, seconds=seconds, reply=reply))
            if reply is not None:
                slow = slowed(reply) if slowed is not None else None
                status = 429 if slow is not None else reply.status
                if status < 500 and status != 429 and status not in NOT_NOW:
                    return reply
                asked = slow or retry_after(reply.headers, self._clock.now())
                if rejected(status, asked):
                    count("throttled", name=self.host)
                if not rejected(status, asked) and answered is not None and answered(reply):
                    return reply
                problem, wait = busy(self.service, status, asked), self._pause(status, asked, attempt, again=again)
            if wait is None or wait > MAX_WAIT_SECONDS or attempt == TRIES:
                raise problem from None
            # A little late, each by another bit: those who are sent away together must not come back together.
            await self._clock.sleep(wait * random.uniform(1.0, 1.1))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    def pinned(self, url: str) -> str:
        """A path or link as an absolute URL of this host. Raises Permanent `foreign_link` for any other."""
        target = self._base + url if url.startswith("/") else url
        if not same_origin(target, self._base):
            raise foreign_link(self.service)
        return target

    def _pause(self, status: int, asked: float | None, attempt: int, *, again: bool) -> float | None:
        """How many seconds to wait before the next try; None if there must be none here."""
        if not (again or rejected(status, asked)):
            return None
        return asked if asked is not None else _backoff(attempt)


def _backoff(attempt: int) -> float:
    # Not a secret, hence not `secrets`.
    return random.uniform(0.5, 1.0) * float(2 ** (attempt - 1))  # noqa: S311
