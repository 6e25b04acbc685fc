"""One call of Graph: who calls, on whose directory, with which options, and how a listing is paged."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from infra.local.simulators.microsoft.graph.errors import bad_request, not_simulated, unsupported_query
from infra.local.simulators.microsoft.graph.filter import Filter
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Record, Request

MAX_PER_PAGE = 999
# What comes without being asked for. Everything else has to be named in $select.
DEFAULT_SELECT = {
    "user": [
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ],
}
# Relations are other resources; they are not among an object's own properties.
NAVIGATION = frozenset({"members", "owners", "memberOf", "transitiveMembers", "transitiveMemberOf"})


@dataclass(kw_only=True)
class GraphCall:
    """A request to Graph with everything its handler needs."""

    microsoft: Microsoft
    tenant: Tenant
    request: Request
    template: str
    ids: tuple[str, ...]
    options: dict[str, str]
    properties: dict[str, frozenset[str]]
    administrator: bool  # the customer's own, who may do anything
    principal: str | None  # the calling application's object
    quirk: str | None = None

    @property
    def url(self) -> str:
        """Where this call's resource is, without its query."""
        return f"{self.microsoft.graph_url}{quote(self.request.path, safe='/()=$.@')}"

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the request."""
        try:
            body = self.request.json()
        except ValueError as error:
            raise bad_request("Unable to read JSON request payload.") from error
        if not isinstance(body, dict):
            raise bad_request("Unable to read JSON request payload.")
        return body

    def context(self, what: str) -> str:
        """Return an answer's context annotation."""
        return f"{self.microsoft.graph_url}/v1.0/$metadata#{what}"

    def selected(self, kind: str) -> list[str] | None:
        """Return the properties asked for; one that does not exist is refused."""
        text = self.options.get("$select")
        if text is None:
            return DEFAULT_SELECT.get(kind)
        names = [one.strip() for one in text.split(",") if one.strip()]
        for name in names:
            if name not in self.properties[kind]:
                raise bad_request(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")
        return names

    def readable_members(self, key: str) -> frozenset[str]:
        """Return a group's members: of one that hides them, applications see none without Member.Read.Hidden.

        No error says so (https://learn.microsoft.com/graph/api/group-list-members).
        """
        hidden = self.tenant.groups.get(key, {}).get("visibility") == "HiddenMembership"
        return frozenset() if hidden and not self.administrator else self.tenant.members.get(key, frozenset())

    def one(self, record: Record, kind: str, what: str) -> Answer:
        """Answer a single object."""
        return Answer(body={"@odata.context": self.context(what), **shaped(record, self.selected(kind))})

    def listing(self, rows: Iterable[Record], kind: str, what: str, *, typed: bool = False) -> Answer:
        """Answer a page of a collection, sorted by identity, with an absolute and opaque link to the next."""
        for name in ("$search", "$expand", "$orderby"):
            if name in self.options:
                raise not_simulated(f"{name} on {self.template}")
        if "$skip" in self.options:
            raise unsupported_query("'$skip' is not supported by the service.")
        select = self.selected(kind)
        found = self.filtered(rows, kind)
        total = len(found)
        if (after := self.skip_token().get("after")) is not None:
            found = [row for row in found if row["id"] > after]
        found.sort(key=_identity)
        page = found[: self.size()]
        body: dict[str, Any] = {"@odata.context": self.context(what)}
        if self.options.get("$count") == "true" and self.eventual:
            body["@odata.count"] = total
        if self.quirk == "half_listing":
            page = page[: len(page) // 2]
        elif len(found) > len(page):
            body["@odata.nextLink"] = self.link({"after": page[-1]["id"]})
        body["value"] = [shaped(row, select, typed=typed) for row in page]
        return Answer(body=body)

    @property
    def eventual(self) -> bool:
        """Whether the caller accepts an index that lags, which advanced queries demand."""
        return (self.request.header("consistencylevel") or "").lower() == "eventual"

    def filtered(self, rows: Iterable[Record], kind: str) -> list[Record]:
        """Return the rows a `$filter` leaves."""
        text = self.options.get("$filter")
        if text is None:
            return list(rows)
        wanted = Filter(text, self.properties[kind] - NAVIGATION)
        counted = self.options.get("$count") == "true" or self.template.endswith("/$count")
        if wanted.advanced and not (self.eventual and counted):
            text = "needs the header ConsistencyLevel: eventual and the query parameter $count=true."
            raise unsupported_query(f"Unsupported Query. This filter {text}")
        return [row for row in rows if wanted.matches(row)]

    def size(self) -> int:
        """Return how many rows a page holds."""
        top = self.options.get("$top")
        if top is None:
            return self.tenant.behaviour.graph_page_size
        if not re.fullmatch(r"[0-9]+", top) or not 1 <= int(top) <= MAX_PER_PAGE:
            raise bad_request(f"Invalid page size specified: '{top}'. Must be between 1 and {MAX_PER_PAGE} inclusive.")
        return int(top)

    def skip_token(self) -> dict[str, Any]:
        """Return what a link to a further page carries."""
        return decoded(self.options["$skiptoken"]) if "$skiptoken" in self.options else {}

    def link(self, state: dict[str, Any]) -> str:
        """Return the address of the next page: the same options, and the place to go on from."""
        kept = {name: value for name, value in self.options.items() if name != "$skiptoken"}
        return f"{self.url}?{urlencode({**kept, '$skiptoken': encoded(state)}, safe='$,')}"


Handler = Callable[[GraphCall], Answer]


def encoded(state: dict[str, Any]) -> str:
    """Return an opaque token."""
    return base64.urlsafe_b64encode(json.dumps(state, separators=(",", ":")).encode()).decode().rstrip("=")


def decoded(token: str) -> dict[str, Any]:
    """Read an opaque token back, or refuse it."""
    try:
        state = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise bad_request("The skip token or delta token is malformed.") from error
    if not isinstance(state, dict):
        raise bad_request("The skip token or delta token is malformed.")
    return state


def shaped(record: Record, select: list[str] | None, *, typed: bool = False) -> dict[str, Any]:
    """Return the part of a record that goes out."""
    names = select if select is not None else [name for name in record if not name.startswith("@")]
    kind = {"@odata.type": record["@odata.type"]} if typed and "@odata.type" in record else {}
    return kind | {name: record.get(name) for name in names}


def _identity(row: Record) -> str:
    return str(row["id"])
