"""The one HTTP client: pinned to a host, quick to give up, and never talkative about secrets.

Retries here take seconds. What needs longer becomes a Temporary, and the queue waits instead of the function.
"""

import asyncio
import json as jsonlib
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent, Temporary, TurnedAway
from shared.foundation.telemetry import span

if TYPE_CHECKING:
    import ssl

    import httpx

TRIES = 3
# The longest single wait at the wire, in seconds; anything longer goes on the queue.
LONGEST_WAIT = 5.0
# Nobody may send us away for more than a day, in seconds.
LONGEST_ASKED = 86400.0
REQUEST_IDS = ("request-id", "x-ms-request-id", "client-request-id")

Answered = TypeVar("Answered")
Permit = Callable[[], Awaitable[None]]
_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Any answer that is not "too many requests" or an outage. What it means is for the caller to say."""

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
        except (ValueError, RecursionError):
            raise unreadable(self.host, self.status) from None


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt to send a request, for the log of calls. `status` is None if there was no answer."""

    attempt: int
    status: int | None
    seconds: float
    reply: Reply | None = field(repr=False)


def unreadable(host: str, status: int) -> Temporary:
    """An answer that says nothing either way."""
    return Temporary("unreadable_answer", f"{host} answered {status} with something that cannot be read.")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that the platform asks us to wait: whole, fractional or as a date; None if it does not say."""
    value = str(headers.get("retry-after", "")).strip()
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime

        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(0.0, seconds), LONGEST_ASKED) if math.isfinite(seconds) else None


def busy(host: str, status: int, asked: float | None) -> Temporary:
    """What a 429 or 5xx means; `asked` is its Retry-After in seconds."""
    after = timedelta(seconds=asked if asked is not None else 60)
    if turned_away(status, asked):
        return TurnedAway("throttled", f"{host} asked us to slow down.", after=after)
    return Temporary("platform_unavailable", f"{host} answered {status}.", after=after)


def turned_away(status: int, asked: float | None) -> bool:
    """Whether a request was refused before it was processed, so that any request may be sent again."""
    return status == 429 or (status == 503 and asked is not None)


def unreachable(host: str, error: Exception) -> Temporary:
    """No answer, or half of one. Names the kind of failure only: the error's own text may hold more."""
    return Temporary("platform_unreachable", f"{host} did not answer ({type(error).__name__}).")


def same_origin(url: str, base_url: str) -> bool:
    """Whether a URL has the scheme, host and port of a base URL, and no name or password of its own."""
    import httpx

    try:
        target, base = httpx.URL(url), httpx.URL(base_url)  # the parser that will send it decides
    except httpx.InvalidURL:
        return False
    ours = (base.scheme, base.host, base.port)
    return (target.scheme, target.host, target.port) == ours and not target.userinfo


def foreign_link(host: str) -> Permanent:
    """A platform's answer points elsewhere."""
    return Permanent(
        "foreign_link",
        f"{host} sent a link to another host. It was not followed, for our token would have gone there.",
    )


@cache
def _trusting(ca_file: Path | None) -> "ssl.SSLContext":
    """Every authority of the machine and one more: read once in a process, for that takes longer than a call."""
    import ssl

    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Wire:
    """What all clients of a process share: one TLS context, which is costly to make, and the clock."""

    def __init__(self, *, clock: Clock, ca_file: Path | None, timeout: float = 100.0, threads: int = 8) -> None:
        """`threads`: how many calls of synchronous clients wait side by side at most."""
        self.clock, self.timeout, self.threads = clock, timeout, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="wire")
        # It is read when it is first needed; that it is missing is told at once.
        if ca_file is not None:
            ca_file.stat()
        self._ca_file = ca_file
        # They log whole URLs, and page and delta tokens are in their queries.
        for talkative in ("httpx", "httpcore"):
            logging.getLogger(talkative).setLevel(logging.WARNING)

    @property
    def ssl_context(self) -> "ssl.SSLContext":
        """Whom every client of this process trusts."""
        return _trusting(self._ca_file)

    async def aside(self, function: Callable[..., Answered], *given: Any) -> Answered:
        """Run what waits for its own calls, as the clouds' token clients do, in a thread of a pool for them alone.

        The event loop's own pool has a few threads for everything: fifty tokens at once would wait for each other.
        """
        work = partial(copy_context().run, function, *given)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def blocking(self, **options: Any) -> "httpx.Client":
        """A client for those threads, which share its connections. Who asks for one closes it."""
        import httpx

        # By default it keeps 20, and the handshake of each further thread's call would come anew.
        kept = httpx.Limits(max_connections=self.threads, max_keepalive_connections=self.threads)
        return httpx.Client(verify=self.ssl_context, trust_env=False, limits=kept, **options)

    @asynccontextmanager
    async def client(self, base_url: str) -> AsyncIterator["Http"]:
        """A small client for one tenant and one run: a shared one gets slower with every concurrent request."""
        import httpx

        async with httpx.AsyncClient(
            verify=self.ssl_context, trust_env=False, follow_redirects=False, timeout=self.timeout
        ) as client:
            yield Http(client, base_url, self.clock)


class Http:
    """A client of one host."""

    def __init__(self, client: "httpx.AsyncClient", base_url: str, clock: Clock) -> None:
        self._client, self._base, self._clock = client, base_url, clock
        self.host = str(urlsplit(base_url).hostname)

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
        repeatable: bool | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of each try, in seconds
        answered: Callable[[Reply], bool] | None = None,
        slowed: Callable[[Reply], float | None] | None = None,
        tried: Callable[[Try], None] | None = None,
    ) -> Reply:
        """Send one request to a path, or to a link that the platform gave us, and return its answer.

        Repeated a few times if nothing was sent or processed, and after a lost answer only if `repeatable` (a read,
        unless said otherwise). `answered` tells the 5xx that are answers, on platforms that have such, from outages;
        `slowed` tells the 4xx that mean "slow down" (in so many seconds; 0: not said), on platforms that say it so.
        `tried` hears of every attempt. Inside `permitted` each attempt of what may act is asked for first.
        Raises Temporary when tries are used up, Permanent for a link to another host.
        """
        import httpx

        target = self.pinned(url)
        again = method in ("GET", "HEAD") if repeatable is None else repeatable
        limit = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        for attempt in range(1, TRIES + 1):
            if method not in ("GET", "HEAD") and (permit := _permit.get()):
                await permit()
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
                reply, problem = None, unreachable(self.host, error)
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                wait = _backoff(attempt) if unsent or again else None
            else:
                reply = Reply(status=answer.status_code, headers=answer.headers, body=answer.content, host=self.host)
            if tried is not None:
                status, seconds = reply.status if reply else None, time.perf_counter() - begin
                tried(Try(attempt=attempt, status=status, seconds=seconds, reply=reply))
            if reply is not None:
                slow = slowed(reply) if slowed is not None else None
                status = 429 if slow is not None else reply.status
                if status < 500 and status != 429:
                    return reply
                asked = slow or retry_after(reply.headers, self._clock.now())
                if not turned_away(status, asked) and answered is not None and answered(reply):
                    return reply
                problem, wait = busy(self.host, status, asked), self._pause(status, asked, attempt, again=again)
            if wait is None or wait > LONGEST_WAIT or attempt == TRIES:
                raise problem from None
            # A little late, each by another bit: those who are sent away together must not come back together.
            await self._clock.sleep(wait * random.uniform(1.0, 1.1))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    def pinned(self, url: str) -> str:
        """A path or link as an absolute URL of this host. Raises Permanent `foreign_link` for any other."""
        target = self._base + url if url.startswith("/") else url
        if not same_origin(target, self._base):
            raise foreign_link(self.host)
        return target

    def _pause(self, status: int, asked: float | None, attempt: int, *, again: bool) -> float | None:
        """How many seconds to wait before the next try; None if there must be none here."""
        if not (again or turned_away(status, asked)):
            return None
        return asked if asked is not None else _backoff(attempt)


@contextmanager
def permitted(ask: Permit) -> Iterator[None]:
    """Inside the block, and in every task begun there, nothing but reads is sent before `ask` was asked.

    It is asked last of all, behind every wait for a token or for the next try, and raises if the time for it is over.
    """
    before = _permit.set(ask)
    try:
        yield
    finally:
        _permit.reset(before)


def _backoff(attempt: int) -> float:
    # Not a secret, hence not `secrets`.
    return random.uniform(0.5, 1.0) * float(2 ** (attempt - 1))  # noqa: S311
