"""Google's JSON APIs: one host as one account. Every attempt is noted; what a refusal means is told by its reason."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any
from urllib.parse import quote

from shared.foundation.clock import Clock
from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.http_client import Http, Reply, Try, unreadable
from shared.platforms.directory_reading import Page, bounded
from shared.platforms.google_workspace.methods import Method
from shared.protection.listings import BEGINNING

Record = dict[str, Any]
Token = Callable[[], Awaitable[str]]
# Google says "slow down" with a 403 as often as with a 429, and only its reason tells that from a refusal.
SLOW_DOWN = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "concurrentLimitExceeded",
        "servingLimitExceeded",
        "RESOURCE_EXHAUSTED",
        "RATE_LIMIT_EXCEEDED",
        "RESOURCE_QUOTA_EXCEEDED",
    }
)
# The moment until which to wait stands in the sentence and nowhere else.
UNTIL = re.compile(r"Retry after (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)")
MAX_RETRY_AFTER_SECONDS = 3600.0
NOT_FOUND = frozenset({"notFound", "NOT_FOUND"})
# Somebody else is changing the same at the same moment: no word against what was asked.
CONFLICTS = frozenset({409, 412})
BLOCKED = frozenset({"domainPolicy", "domainCannotUseApis"})
SCOPE_MISSING = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
# Of our own project, and never of a customer (google.api.ErrorReason).
NOT_ENABLED = frozenset(
    {
        "accessNotConfigured",
        "SERVICE_DISABLED",
        "BILLING_DISABLED",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "USER_PROJECT_DENIED",
        "SERVICE_NOT_VISIBLE",
    }
)


class GoogleRefused(FootprintError):
    """A 4xx whose meaning depends on what was asked; `code` is Google's reason and `sentence` its message."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.status = status


class Blocked(Permanent):
    """The customer's settings keep us out: of everything, or of what was asked for only."""


Note = Callable[[Method, str | None, Try, str | None], None]
"""(method, target, attempt, reason) to the log."""


class Api:
    """One of Google's hosts, as one account."""

    def __init__(self, http: Http, *, token: Token, renew: Token, clock: Clock, note: Note) -> None:
        """`token` gives a token that should hold; `renew` a new one, when Google has refused the other."""
        self._http, self._token, self._renew, self._clock, self._note = http, token, renew, clock, note

    async def call(
        self,
        method: Method,
        args: Mapping[str, str] | None = None,
        *,
        params: Mapping[str, str | list[str]] | None = None,
        body: Record | None = None,
    ) -> Record:
        """Make one call and return its body, {} if it has none.

        Raises Missing, Permanent or Temporary where the reason says so, and GoogleRefused where it depends.
        """
        names = args or {}
        path = method.path.format(**{name: quote(value, safe="") for name, value in names.items()})
        target = list(names.values())[-1] if names else None

        def tried(one: Try) -> None:
            refused = one.reply is not None and one.status is not None and one.status >= 400
            self._note(method, target, one, _error(one.reply)[0] if refused and one.reply else None)

        for get in (self._token, self._renew):
            reply = await self._http.send(
                method.verb,
                path,
                headers={"Authorization": f"Bearer {await get()}"},
                params=params,
                json=body,
                repeatable=method.repeatable,
                slowed=self._slowed,
                tried=tried,
            )
            if reply.status != 401:
                break
        if reply.status >= 300:
            raise _refused(reply)
        if not reply.body and method.verb != "GET":
            return {}
        content = reply.json()  # nothing at all is no empty page: that would let everybody go
        if not isinstance(content, dict) or "error" in content:
            raise unreadable(reply.service, reply.status)
        return content

    async def pages(
        self, method: Method, args: Mapping[str, str] | None = None, *, params: Mapping[str, str | list[str]], key: str
    ) -> AsyncIterator[list[Record]]:
        """Every page of a listing that one run reads, empty ones too; ends only where Google gives no further token.

        Raises Temporary when there is no end.
        """
        async with aclosing(self.listing(method, args, params=params, key=key)) as found:
            async for page in bounded(found, self._http.service):
                yield page.rows

    async def listing(
        self,
        method: Method,
        args: Mapping[str, str] | None = None,
        *,
        params: Mapping[str, str | list[str]],
        key: str,
        token: str = BEGINNING,
    ) -> AsyncGenerator[Page]:
        """Every page of a listing from a page token on, each with the token of the next.

        The next page is on its way while the last one is dealt with.
        """

        def asked(token: str | None) -> asyncio.Task[Record]:
            more = {**params, "pageToken": token} if token else params
            return asyncio.ensure_future(self.call(method, args, params=more))

        following: str | None = token
        coming = asked(token)
        try:
            while True:
                page = await coming
                rows, last, following = page.get(key, []), following, page.get("nextPageToken")
                records = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
                if not records or (following and following == last):  # not a page, or round and round
                    raise unreadable(self._http.service, 200)
                if following:
                    coming = asked(following)
                yield Page(rows=rows, link=following or None)
                if not following:
                    return
        finally:
            coming.cancel()

    def _slowed(self, reply: Reply) -> float | None:
        if reply.status not in (403, 429):
            return None
        reason, message = _error(reply)
        if reply.status == 403 and reason not in SLOW_DOWN:
            return None
        try:
            until = datetime.fromisoformat(found[1]) if (found := UNTIL.search(message)) else None
        except ValueError:  # a moment that there is not
            until = None
        return min(max((until - self._clock.now()).total_seconds(), 1.0), MAX_RETRY_AFTER_SECONDS) if until else 0.0


def _error(reply: Reply) -> tuple[str, str]:
    """Google's reason and message; empty where the body is none of theirs."""
    try:
        error = reply.json().get("error")
    except (Temporary, AttributeError):
        return "", ""
    if not isinstance(error, dict):
        return "", ""
    # The newer style has no `errors`, and the reason in an ErrorInfo among `details` (google.rpc.ErrorInfo).
    lists = [error[name] for name in ("errors", "details") if isinstance(error.get(name), list)]
    told = [one for some in lists for one in some if isinstance(one, dict)]
    reason = next((one["reason"] for one in told if one.get("reason")), None)
    return str(reason or error.get("status") or ""), str(error.get("message") or "")


def _refused(reply: Reply) -> FootprintError:
    reason, message = _error(reply)
    if reply.status == 401:
        return Temporary("token_refused", "Google refused our token, and a new one as well.")
    if not reason or reply.status in (408,) or reply.status < 400:
        return unreadable(reply.service, reply.status)
    if reply.status == 404 and reason in NOT_FOUND:
        return Missing("not_found", message)
    if reason in SCOPE_MISSING:
        return Permanent(
            "permission_missing",
            "Google says that a permission is missing. An administrator must grant the application's data access in "
            "the Admin console again.",
        )
    if reason in NOT_ENABLED:
        return Permanent("api_not_enabled", f"An API is not enabled in this deployment's Google project. {message}")
    if reason in BLOCKED:
        return Blocked("blocked_by_customer", f"The customer's own settings keep us out: {message}")
    return GoogleRefused(reply.status, reason, message)


def explained(refused: GoogleRefused, administrator: str | None) -> Permanent | Temporary:
    """A refusal that no resource could make sense of, as people can."""
    if refused.status in CONFLICTS:
        words = f"Google found a conflict ({refused.status}, {refused.code}): {refused.sentence}"
        return Temporary("platform_unavailable", words)
    if refused.status == 403:
        return Permanent(
            "administrator_not_allowed",
            f"Google does not allow {administrator} what we asked in that name: {refused.sentence} If the account is "
            "no super administrator any more, another one must open the invitation.",
        )
    return Permanent(
        "refused",
        f"Google refused a call ({refused.status}, {refused.code}): {refused.sentence} Report this to support.",
    )
