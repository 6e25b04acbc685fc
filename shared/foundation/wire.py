"""What all HTTP clients of a process share: whom they trust, the clock, and the threads of those that block."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from shared.foundation.clock import Clock
from shared.foundation.http_client import Http, origin

if TYPE_CHECKING:
    import ssl

    import httpx

Answered = TypeVar("Answered")


@cache
def _trusting(ca_file: Path | None) -> "ssl.SSLContext":
    """Every authority of the machine and one more: read once in a process, for that takes longer than a call."""
    import ssl

    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Wire:
    """What all clients of a process share: one TLS context, which is costly to make, the clock, and who is where.

    `services` names what is at a base address, for errors: "The mail scanner returned 503". `threads`: how many calls
    of synchronous clients wait side by side at most.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ca_file: Path | None,
        services: Mapping[str, str] = {},
        timeout: float = 100.0,
        threads: int = 8,
    ) -> None:
        self.clock, self.timeout, self.threads = clock, timeout, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="wire")
        # It is read when it is first needed; that it is missing is told at once.
        if ca_file is not None:
            ca_file.stat()
        self._ca_file = ca_file
        self._services = {origin(url): name for url, name in services.items()}
        # They log whole URLs, and page and delta tokens are in their queries.
        for talkative in ("httpx", "httpcore"):
            logging.getLogger(talkative).setLevel(logging.WARNING)

    @property
    def ssl_context(self) -> "ssl.SSLContext":
        """Whom every client of this process trusts."""
        return _trusting(self._ca_file)

    def service(self, url: str) -> str:
        """Who is at an address, as people call them; its host, if it is nobody we know."""
        return self._services.get(origin(url)) or str(urlsplit(url).hostname)

    async def aside(self, function: Callable[..., Answered], *given: Any) -> Answered:
        """Run a function that blocks on its calls, as the clouds' token clients do, in a thread of a pool of theirs.

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
    async def client(self, base_url: str) -> AsyncIterator[Http]:
        """A small client for one tenant and one run: a shared one gets slower with every concurrent request."""
        import httpx

        async with httpx.AsyncClient(
            verify=self.ssl_context, trust_env=False, follow_redirects=False, timeout=self.timeout
        ) as client:
            yield Http(client, base_url, self.clock, self.service(base_url))
