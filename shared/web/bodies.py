"""A request whose body is still on its way: limited before it is read, before anybody is asked who sends it.

First by what the headers announce, then by what arrives, then by the time it takes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace

from shared.foundation.errors import Refused
from shared.web.http import Request, received

# A quarter of a MiB takes a second on a slow line; a caller who takes longer holds a place that others need.
SECONDS = 10.0
# No length that has more digits is one that we would read.
MAX_NUMBER_DIGITS = 18
# Bytes of a body that is too large which are read and thrown away, so that its sender sees the refusal.
MAX_DISCARDED = 1024 * 1024


async def incoming(
    method: str, path: str, query: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes], most: int
) -> Request:
    """A request as `received` makes it, of a body of at most `most` bytes. What is too much is left unread."""
    request = received(method, path, query, headers, b"")
    try:
        return replace(request, body=await read(headers, chunks, most))
    except Refused as refused:
        return replace(request, refused=refused)


async def read(
    headers: Mapping[str, str], chunks: AsyncIterator[bytes], most: int, *, seconds: float = SECONDS
) -> bytes:
    """The whole body. Raises Refused 413 `body_too_large` or 408 `body_too_slow` as soon as it is known to be so."""
    announced = headers.get("content-length", "").strip()
    if announced.isdecimal() and (len(announced) > MAX_NUMBER_DIGITS or int(announced) > most):
        if len(announced) <= MAX_NUMBER_DIGITS and int(announced) <= MAX_DISCARDED:
            await _discard(chunks, seconds)
        raise too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks:
                if len(body) + len(chunk) > most:
                    raise too_large(most)
                body += chunk
    except TimeoutError:
        raise Refused(408, "body_too_slow", f"body: did not arrive within {seconds:g} seconds.") from None
    return bytes(body)


async def _discard(chunks: AsyncIterator[bytes], seconds: float) -> None:
    """Let a body go by. A caller who is cut off while sending would see a broken connection and no answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for _ in chunks:
                pass


def too_large(most: int) -> Refused:
    """A body is longer than its route takes."""
    return Refused(413, "body_too_large", f"body: longer than {most // 1024} KiB." if most else "body: send none.")
