"""A page of one of Directory's listings, and the token that leads to the next."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import Any

from infra.local.simulators.google.api.host import Asked
from infra.local.simulators.google.api.refusals import invalid
from infra.local.simulators.wire import Record

TOKEN_LIFE = 3 * 86_400  # seconds
# What may differ between the questions for two pages of one listing.
FREE = frozenset({"pageToken", "maxResults", "fields", "prettyPrint", "quotaUser"})
Order = Callable[[Record], str]


def page(
    asked: Asked,
    rows: Iterable[Record],
    order: Order,
    printed: Callable[[Record], Record],
    *,
    kind: str,
    name: str,
    size: int,
) -> dict[str, Any]:
    """Return a page in order; the array is not there at all where nothing would be in it."""
    down = asked.one("sortOrder") == "DESCENDING"
    placed = [((order(row), str(row.get("id"))), row) for row in rows]
    if given := asked.one("pageToken"):
        after = _read(asked, given)
        placed = [one for one in placed if (one[0] < after if down else one[0] > after)]
    most = int(asked.one("maxResults") or size)
    # Whether there are more is all that is asked of the rest: to sort it for each page takes long.
    found = (nlargest if down else nsmallest)(most + 1, placed, key=itemgetter(0))
    chosen = found[:most]
    if asked.quirk in ("half_listing", "page_cut"):
        chosen = chosen[: max(1, len(chosen) // 2)]
    shown = [printed(row) for _, row in chosen]
    body: dict[str, Any] = {"kind": kind, "etag": etag(shown)}
    if shown:
        body[name] = shown
    if len(found) > len(chosen) and asked.quirk != "half_listing":
        body["nextPageToken"] = _token(asked, chosen[-1][0])
    return body


def etag(value: object) -> str:
    """Return a tag that changes with what it stands for."""
    return f'"{hashlib.blake2b(repr(value).encode(), digest_size=12).hexdigest()}"'


def tagged(record: Record, kind: str) -> dict[str, Any]:
    """Return a record as it is printed: with its kind and its tag."""
    return {**record, "kind": kind, "etag": etag(record)}


def _token(asked: Asked, place: tuple[str, str]) -> str:
    text = json.dumps([_question(asked), asked.now.timestamp(), *place], separators=(",", ":"))
    return f"~!!~{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def _read(asked: Asked, given: str) -> tuple[str, str]:
    coded = given.removeprefix("~!!~")
    try:
        question, made, *place = json.loads(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
        first, second = place
    except (ValueError, TypeError) as error:
        raise invalid("pageToken") from error
    if question != _question(asked) or asked.now.timestamp() - made > TOKEN_LIFE:
        raise invalid("pageToken")
    return first, second


def _question(asked: Asked) -> str:
    asks = sorted((name, values) for name, values in asked.query.items() if name not in FREE)
    text = repr((asked.customer.id, asked.method, sorted(asked.args.items()), asks))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
