"""The API over the wire: where it is, who asks, what is asked once more, and what a refusal becomes."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote
from uuid import uuid4

from shared.cli import tokens
from shared.cli.place import Place, Usage
from shared.foundation.errors import Permanent, Refused, Temporary

if TYPE_CHECKING:
    import httpx

# How often one request is sent again, and the longest pause before that, in seconds.
RETRIES = 2
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 30.0
# To plan, the service reads the whole tenant.
ANSWER_SECONDS = 120.0
# The largest pages that the API gives.
MAX_PER_PAGE, MAX_PER_FILE_PAGE = "200", "10000"
IDENTIFIER = re.compile(r"[0-9a-f]{32}")
# What Python puts before the system's own words.
ERRNO = re.compile(r"^\[Errno -?\d+\] ")

Answer = dict[str, Any]


def of(connection: str, *more: str) -> str:
    """The path of a connection, or of something below it."""
    return "/".join(["/connections", *(quote(part, safe="") for part in (connection, *more))])


class Api:
    """One deployment's API, asked as the owner of the token. Opens nothing before the first request.

    Every method raises Refused with what the API said, and another FootprintError if it did not answer.
    """

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self._place, self._say = place, say
        self.now: datetime | None = None
        """The service's time when it last answered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def runbook(self, code: str) -> str:
        """Where the service says what a code means and what to do."""
        return f"{self._address}/runbook/{code}"

    def get(self, path: str, **query: str | None) -> Answer:
        """The answer to a GET. A part of the query that is None is left out."""
        return self._content(self._send("GET", path, query))

    def post(self, path: str, body: Mapping[str, Any], *, tag: str | None = None) -> Answer:
        """Ask for something to be done: once, however often it must be sent; `tag` is of the plan that is meant."""
        return self._content(self._send("POST", path, {}, body, {"If-Match": tag} if tag else None))

    def planned(self, path: str, body: Mapping[str, Any]) -> tuple[Answer, str]:
        """The plan of what a body asks for, and its ETag."""
        answer = self._send("POST", path, {}, body)
        return self._content(answer), answer.headers.get("etag", "")

    def patch(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Change some fields of something."""
        return self._content(self._send("PATCH", path, {}, body))

    def seen(self, path: str, **query: str | None) -> tuple[Answer, str]:
        """The answer to a GET, and its ETag."""
        answer = self._send("GET", path, query)
        return self._content(answer), answer.headers.get("etag", "")

    def raw(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        """Whatever the API answers to any request, as JSON or else as text; None if there is nothing in it."""
        answer = self._send(method, path, {}, body, headers)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            return answer.text

    def post_message(self, path: str, message: bytes) -> Answer:
        """The answer to a message that is sent as it is."""
        return self._content(self._send("POST", path, {}, message))

    def change(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a PUT or DELETE, which may come twice; empty if there is none."""
        answer = self._send(method, path, {}, body, more)
        return self._content(answer) if answer.content else {}

    def every(self, path: str, key: str, **query: str | None) -> Answer:
        """All pages of a list as if they were one."""
        whole: Answer = {key: []}
        query["limit"] = MAX_PER_PAGE
        while True:
            page = self.get(path, **query)
            if not isinstance(page.get(key), list):
                raise self._another()
            for name, value in page.items():
                before = whole.get(name)
                if isinstance(before, list):
                    before += value
                else:
                    whole[name] = {**before, **value} if isinstance(before, dict) else value
            if whole.get("next") in (None, query.get("cursor")):
                return whole
            query["cursor"] = whole["next"]

    def files(self, path: str, **query: str | None) -> Iterator[str]:
        """The text of each page of something that comes as a file."""
        import httpx

        query["limit"] = MAX_PER_FILE_PAGE
        while True:
            answer = self._send("GET", path, query)
            yield answer.text
            # Only the cursor is taken from the link: a token goes to one host, whatever an answer says.
            following = answer.links.get("next", {}).get("url")
            cursor = httpx.URL(following).params.get("cursor") if following else None
            if cursor in (None, query.get("cursor")):
                return
            query["cursor"] = cursor

    def find(self, word: str) -> Answer:
        """The connection that an id, a name or a tenant means; of several, the one that is not closed."""
        if IDENTIFIER.fullmatch(word):
            return self.get(of(word))
        found = self.every("/connections", "connections", q=word)["connections"]
        meant = [one for one in found if word.casefold() in _names(one)]
        open_still = [one for one in meant if one["stage"] != "closed"]
        if len(open_still or meant) > 1:
            several = "; ".join(f"{one['id']} ({one['name']}, {one['stage_title']})" for one in open_still or meant)
            raise Usage("ambiguous", f"“{word}” matches several connections: {several}. Name one by its id.")
        if not meant:
            near = ", ".join(f"“{one['name']}”" for one in found[:5])
            raise Refused(
                404,
                "no_such_connection",
                f"No connection has the id, name or tenant “{word}”." + (f" Similar: {near}." if near else ""),
            )
        return self.get(of((open_still or meant)[0]["id"]))

    @cached_property
    def _address(self) -> str:
        return self._place.address

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx

        return httpx.Client(
            base_url=f"{self._address}/api",
            headers={"Authorization": f"Bearer {tokens.token(self._place)}"},
            verify=self._place.trust(),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=10.0),
        )

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | None],
        body: Mapping[str, Any] | bytes | None = None,
        more: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        import httpx

        headers = {**({"Idempotency-Key": str(uuid4())} if method == "POST" else {}), **(more or {})}
        message = body if isinstance(body, bytes) else None
        if message is not None:
            headers = {"Content-Type": "message/rfc822"}  # it changes nothing, however often it is sent
        request = self._client.build_request(
            method,
            path,
            params={name: value for name, value in query.items() if value is not None} or None,
            json=None if message is not None else body,
            content=message,
            headers=headers,
        )
        lost = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadTimeout)
        left = RETRIES
        while True:
            try:
                answer = self._client.send(request)
            except lost:
                if not left:
                    raise Temporary(
                        "connection_lost",
                        f"The connection to {self._address} was lost. Check whether the request was carried out.",
                    ) from None
                why, pause = "Connection lost", FIRST_PAUSE_SECONDS
            except httpx.TransportError as error:
                raise Permanent(
                    "unreachable",
                    f"Cannot connect to {self._address}: {ERRNO.sub('', str(error))}. Check FOOTPRINT_URL and, for a "
                    "certificate that is not trusted, FOOTPRINT_CA_FILE.",
                ) from None
            else:
                self.now = _moment(answer.headers.get("date", ""))
                why, pause = "The service is busy", self._pause(answer)
                soon = answer.is_error and (answer.status_code in (429, 503) or "retry-after" in answer.headers)
                if not soon or not left or pause > MAX_PAUSE_SECONDS:
                    return self._checked(answer)
            self._say(f"{why}; retrying in {pause:.1f} s.")
            time.sleep(pause)
            left -= 1

    def _pause(self, answer: "httpx.Response") -> float:
        """How long to wait before asking again, in seconds."""
        asked = answer.headers.get("retry-after", "1")
        if asked.isascii() and asked.isdigit():
            return float(asked)
        until = _moment(asked)
        return max(1.0, (until - (self.now or datetime.now(UTC))).total_seconds()) if until else 1.0

    def _checked(self, answer: "httpx.Response") -> "httpx.Response":
        if answer.is_success:
            return answer
        if answer.is_redirect:
            raise self._another()
        if answer.status_code == 401:
            self._say("The token is invalid or expired (401): “footprint auth login”, or set FOOTPRINT_TOKEN again.")
        try:
            told = answer.json()
            fields = [(str(one["field"]), str(one["detail"])) for one in told.get("errors", ())]
            raise Refused(answer.status_code, str(told["code"]), str(told["detail"]), fields=fields)
        except (ValueError, KeyError, TypeError):
            raise Refused(
                answer.status_code,
                f"http_{answer.status_code}",
                f"{self._address} returned {answer.status_code} {answer.reason_phrase} without a reason.",
            ) from None

    def _content(self, answer: "httpx.Response") -> Answer:
        try:
            content = answer.json()
        except ValueError:
            raise self._another() from None
        if not isinstance(content, dict):
            raise self._another()
        return content

    def _another(self) -> Permanent:
        return Permanent("not_the_api", f"What answers at {self._address} is not Footprint's API. Check FOOTPRINT_URL.")


def _names(connection: Mapping[str, Any]) -> set[str]:
    """What a connection is called, in lower case."""
    return {str(connection[key]).casefold() for key in ("name", "tenant", "expected_tenant") if connection.get(key)}


def _moment(text: str) -> datetime | None:
    """A header's time, or None."""
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
