"""Microsoft Graph: reads that are whole or raise, and writes whose every outcome is known."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from shared.foundation.clock import Clock
from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.http_client import MAX_WAIT_SECONDS, NOT_NOW, TRIES, Http, Reply, retry_after, unreadable
from shared.platforms.directory_reading import Page, bounded
from shared.platforms.microsoft365.entra import TokenRefused

Token = Callable[[], Awaitable[str]]
Record = dict[str, Any]
MAX_REQUESTS_A_BATCH = 20
# A delta token is too old or unknown: the collection must be read afresh.
RESYNC = frozenset(
    {
        "syncStateNotFound",
        "resyncRequired",
        "resyncApplyDifferences",
        "resyncUploadDifferences",
        # Of a page of a listing that took too long (msgraph-sdk-dotnet #2254).
        "Directory_ExpiredPageToken",
    }
)
# The application lacks a permission; a 403 can also be a quota or a policy.
DENIED = frozenset({"Authorization_RequestDenied"})
NOT_FOUND = frozenset({"Request_ResourceNotFound", "ResourceNotFound"})
# Of one request in a batch that was turned away.
TURNED_AWAY = frozenset({429, 503}) | NOT_NOW


class GraphRefused(FootprintError):
    """A 4xx whose meaning depends on what was asked; `code` and `sentence` are Graph's own."""

    def __init__(self, status: int, code: str, sentence: str, suggested: Mapping[str, str] | None = None) -> None:
        """`suggested`: what Graph would take, in words, by the property that it refuses."""
        super().__init__(code, sentence)
        self.status, self.suggested = status, suggested or {}


class Resync(Temporary):
    """The stored delta link is not valid any more. `location` is where Graph says to start again, if it says."""

    def __init__(self, location: str | None) -> None:
        super().__init__("resync", "Graph asks for the whole listing again.")
        self.location = location


@dataclass(frozen=True, kw_only=True)
class GraphAnswer:
    """What came of a write."""

    body: Record
    request_id: str


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """One request of a batch; `url` is below the API's version."""

    method: str
    url: str
    body: Record | None = None


@dataclass(frozen=True, kw_only=True)
class BatchOutcome:
    """What came of one request of a batch."""

    status: int
    code: str
    message: str
    request_id: str


class Graph:
    """Graph, as one tenant's application."""

    def __init__(self, http: Http, token: Token, clock: Clock) -> None:
        self._http, self._token, self._clock = http, token, clock

    async def get(self, path: str, **params: str) -> Record:
        """One object or one page."""
        return _object(await self._send("GET", path, params=params), self._http.service)

    async def post(self, path: str, body: Record) -> GraphAnswer:
        """Create something."""
        return _answer(await self._send("POST", path, body=body), self._http.service)

    async def patch(self, path: str, body: Record) -> GraphAnswer:
        """Change the named properties."""
        return _answer(await self._send("PATCH", path, body=body), self._http.service)

    async def delete(self, path: str) -> GraphAnswer:
        """Delete one object. Raises Missing if it is not there."""
        return _answer(await self._send("DELETE", path), self._http.service)

    async def pages(self, path: str, **params: str) -> AsyncIterator[list[Record]]:
        """Every page of a listing that one run reads, empty ones too; ends only where Graph gives no further link.

        Raises Temporary when there is no end.
        """
        async with aclosing(self.listing(path, **params)) as found:
            async for page in bounded(found, self._http.service):
                yield page.rows

    async def delta(self, path_or_link: str, **params: str) -> AsyncGenerator[Page]:
        """Every page of changes since a link. Raises Resync when the link is too old."""
        async with aclosing(self.listing(path_or_link, **params)) as pages:
            async for page in pages:
                yield self._ending(page)

    async def changes(self, link: str) -> Page:
        """The first page of changes since a link. Raises Resync when the link is too old."""
        return self._ending(await self._page(link, {}))

    def _ending(self, page: Page) -> Page:
        if not page.link and not page.final:
            raise unreadable(self._http.service, 200)  # changes without an end are not all of them
        return page

    async def listing(self, path_or_link: str, **params: str) -> AsyncGenerator[Page]:
        """Every page of a listing from its beginning or from a link on, each with the link of the next."""
        link: str | None = path_or_link
        while link:
            page = await self._page(link, params)
            params, link = {}, page.link  # the platform's links carry them
            yield page

    async def _page(self, link: str, params: Mapping[str, str]) -> Page:
        page = await self.get(link, **params)
        following, last = page.get("@odata.nextLink"), page.get("@odata.deltaLink")
        if following == link:
            raise unreadable(self._http.service, 200)  # round and round
        # They are stored and followed another time, so their host is checked now.
        following, final = (self._http.pinned(one) if one else None for one in (following, last))
        return Page(rows=_rows(page, self._http.service), link=following, final=final)

    async def batch(self, requests: Sequence[BatchRequest]) -> list[BatchOutcome]:
        """Send any number of requests, 20 a call, and return what came of each, in order.

        Those that Graph turned away are sent again for a few seconds, and they alone.
        """
        outcomes: dict[int, BatchOutcome] = {}
        for start in range(0, len(requests), MAX_REQUESTS_A_BATCH):
            waiting = dict(enumerate(requests[start : start + MAX_REQUESTS_A_BATCH], start))
            for attempt in range(1, TRIES + 1):
                replies = await self._batch(waiting)
                again = {n: wait for n, (outcome, wait) in replies.items() if outcome.status in TURNED_AWAY}
                outcomes |= {n: outcome for n, (outcome, _) in replies.items()}
                waiting = {n: waiting[n] for n in again}
                longest = max((wait or 2.0**attempt for wait in again.values()), default=0.0)
                if not waiting or longest > MAX_WAIT_SECONDS or attempt == TRIES:
                    break
                await self._clock.sleep(longest)
        return [outcomes[number] for number in range(len(requests))]

    async def _batch(self, requests: Mapping[int, BatchRequest]) -> dict[int, tuple[BatchOutcome, float | None]]:
        inner = [
            {"id": str(number), "method": request.method, "url": request.url}
            | (
                {"headers": {"Content-Type": "application/json"}, "body": request.body}
                if request.body is not None
                else {}
            )
            for number, request in requests.items()
        ]
        answer = await self.post("/v1.0/$batch", {"requests": inner})
        asked = {one["id"] for one in inner}
        found: dict[int, tuple[BatchOutcome, float | None]] = {}
        responses = answer.body.get("responses")
        for response in responses if isinstance(responses, list) else []:
            status = response.get("status") if isinstance(response, dict) else None
            if not isinstance(status, int):
                continue
            given = response.get("headers")
            headers = {name.lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
            code, message = _error(response.get("body"))
            outcome = BatchOutcome(
                status=status,
                code=code,
                message=message,
                request_id=headers.get("request-id", answer.request_id),
            )
            if response.get("id") in asked:  # what nobody asked is nobody's answer
                found[int(response["id"])] = outcome, retry_after(headers, self._clock.now())
        for number in requests.keys() - found.keys():  # nothing is known of it, and the others' outcomes are
            unknown = BatchOutcome(status=504, code="no_answer", message="", request_id=answer.request_id)
            found[number] = unknown, None
        return found

    async def _send(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Record | None = None
    ) -> Reply:
        headers = {
            "Authorization": f"Bearer {await self._token()}",
            "client-request-id": str(uuid4()),
            "return-client-request-id": "true",
        }
        reply = await self._http.send(method, path, headers=headers, params=params or None, json=body)
        if reply.status < 300:
            return reply
        raise _refused(reply, self._http)


def _error(body: object) -> tuple[str, str]:
    """Graph's code and message in an error body; empty where there are none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or ""), str(error.get("message") or "")


def _refused(reply: Reply, http: Http) -> FootprintError:
    """What a 3xx or 4xx of Graph means. Only its own "resource not found" means that something is absent."""
    if reply.status == 401:
        return TokenRefused("token_refused", "Graph refused our token. We ask for a new one.")
    if reply.status == 410:
        location = reply.headers.get("location")
        return Resync(http.pinned(location) if location else None)
    code, message = _error(reply.json())
    if code in RESYNC:
        return Resync(None)
    if reply.status == 404 and code in NOT_FOUND:
        return Missing("not_found", message)
    if reply.status == 403 and code in DENIED:
        return Permanent(
            "permission_missing",
            "Graph says that a permission is missing. An administrator must open the invitation again. " + message,
        )
    if not code or reply.status in (404, 408) or reply.status < 400:
        return unreadable(http.service, reply.status)
    return GraphRefused(reply.status, code, message, _suggested(reply.json()))


def _suggested(body: Any) -> dict[str, str]:
    details = body["error"].get("details")
    listed = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    found = {str(one.get("target")): _would_do(one) for one in listed}
    return {name: value for name, value in found.items() if value}


def _would_do(detail: Record) -> str:
    """What Graph says of a name that would do (learn.microsoft.com/graph/api/group-validateproperties)."""
    if value := detail.get("suggestedPropertyValue"):
        return f"“{value}”"
    if word := detail.get("blockedWord"):
        return f"one without “{word}”"
    if detail.get("code") == "ContainsBlockedWord":
        return "one without a blocked word"
    if detail.get("code") == "MissingPrefixSuffix":
        return f"one like “{detail.get('prefix') or ''}…{detail.get('suffix') or ''}”"
    return ""


def _object(reply: Reply, service: str) -> Record:
    body = reply.json()
    # No object and no page has a property of this name: with it, a 200 is a failure all the same.
    if not isinstance(body, dict) or "error" in body:
        raise unreadable(service, reply.status)
    return body


def _answer(reply: Reply, service: str) -> GraphAnswer:
    return GraphAnswer(body=_object(reply, service) if reply.body else {}, request_id=reply.request_id)


def _rows(page: Record, service: str) -> list[Record]:
    rows = page.get("value")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable(service, 200)
    return rows
