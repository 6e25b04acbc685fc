"""The frame of Google's JSON APIs: finds the method, holds the request against it, and sees who asks."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.simulators.google import activities
from infra.local.simulators.google.api import discovery, schema
from infra.local.simulators.google.api.discovery import Method
from infra.local.simulators.google.api.field_mask import masked
from infra.local.simulators.google.api.refusals import NAMES, explained, refused
from infra.local.simulators.google.application import PROJECT_NUMBER
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.sign_in.grants import live_token
from infra.local.simulators.google.state import Google, Token
from infra.local.simulators.wire import Answer, Record, Refusal, Request

JSON = "application/json; charset=UTF-8"
# Hosts whose refusals have no list of errors; the reason, where there is one, stands in the details.
NEWER = frozenset({"cloudidentity", "iam"})
# Leads to the first page of the same listing: what a page that came back empty goes on with.
FIRST_PAGE = "~first"
# What the token log calls the product behind an API.
BUCKETS = {"gmail": "GMAIL", "directory": "GSUITE_ADMIN", "reports": "GSUITE_ADMIN", "groupsSettings": "GSUITE_ADMIN"}
NOT_FOUND_PAGE = (
    "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
    "<p>The requested URL was not found on this server."
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call with everything its handler needs."""

    google: Google
    customer: Customer
    actor: Record | None  # whom the caller acts for; None: our own service account, for itself
    method: str  # "gmail.users.messages.get"
    args: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    body: Mapping[str, Any]
    scopes: frozenset[str]
    now: datetime
    quirk: str | None
    client_id: str = ""
    account: str | None = None  # the calling service account's address, if it acts for itself

    def one(self, name: str, default: str = "") -> str:
        """Return a query parameter that comes at most once."""
        return self.query.get(name, (default,))[-1]


Handler = Callable[[Asked], Mapping[str, Any] | None]


class Api:
    """One host of JSON APIs."""

    def __init__(self, google: Google, host: str, handlers: Mapping[str, Handler]) -> None:
        self._google = google
        self._host = host
        self._handlers = handlers

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request; refusals come back in the envelope of its API."""
        found = discovery.find(self._host, request.method, request.path)
        if found is None:
            return Answer(status=404, body=NOT_FOUND_PAGE, content_type="text/html; charset=UTF-8")
        method, args = found
        try:
            token = self._token(method, request)
            return self._answer(method, args, request, token, quirk)
        except Refusal as refusal:
            return _worded(refusal.answer, method)

    def as_administrator(self, customer: Customer, request: Request) -> Answer:
        """Answer a call of the customer's own administrator, who needs no token and leaves no trace of a client."""
        found = discovery.find(self._host, request.method, request.path)
        if found is None:
            return Answer(status=404, body=NOT_FOUND_PAGE, content_type="text/html; charset=UTF-8")
        method, args = found
        admin = next((key for key, one in customer.users.items() if one["isAdmin"] and not one["suspended"]), None)
        token = Token(customer_id=customer.id, user_id=admin, client_id="", scopes=method.scopes, expires_at=0)
        try:
            return self._answer(method, args, request, token, None)
        except Refusal as refusal:
            return _worded(refusal.answer, method)

    def _token(self, method: Method, request: Request) -> Token:
        kind, _, text = (request.header("authorization") or "").partition(" ")
        token = live_token(self._google, text.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise refused(401, "authError", "Invalid Credentials")
        if self._host in self._google.disabled_services:
            raise self._disabled()
        if token.scopes.isdisjoint(method.scopes):
            refusal = self._insufficient(method)
            wanted = " ".join(sorted(method.scopes))
            challenge = f'Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="{wanted}"'
            refusal.answer.headers["WWW-Authenticate"] = challenge
            raise refusal
        return token

    def _insufficient(self, method: Method) -> Refusal:
        text = "Request had insufficient authentication scopes."
        if self._host not in NEWER:
            return refused(403, "insufficientPermissions", text)
        about = {"service": f"{self._host}.googleapis.com", "method": method.id}
        return explained(403, text, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "PERMISSION_DENIED", **about)

    def _disabled(self) -> Refusal:
        """Refuse for our own project, which has not switched this API on; no customer can change that."""
        text = (
            f"{self._host} API has not been used in project {PROJECT_NUMBER} before or it is disabled. Enable it by "
            f"visiting https://console.developers.google.com/apis/api/{self._host}.googleapis.com/overview"
            f"?project={PROJECT_NUMBER} then retry."
        )
        if self._host not in NEWER:
            return refused(403, "accessNotConfigured", text, domain="usageLimits")
        about = {"service": f"{self._host}.googleapis.com", "consumer": f"projects/{PROJECT_NUMBER}"}
        return explained(403, text, "SERVICE_DISABLED", "PERMISSION_DENIED", **about)

    def _answer(
        self, method: Method, args: Mapping[str, str], request: Request, token: Token, quirk: str | None
    ) -> Answer:
        schema.check_path(method, args)
        query = schema.checked_query(method, request.query)
        form = query.get("alt", (method.parameters["alt"]["default"],))[0]
        if form not in ("json", "atom"):
            raise refused(501, "notImplemented", f"alt={form} is not simulated.")
        handler = self._handlers.get(method.id)
        asked = Asked(
            google=self._google,
            customer=_customer(self._google, token),
            actor=_customer(self._google, token).users.get(token.user_id or ""),
            method=method.id,
            args=args,
            query={name: value for name, value in query.items() if value != (FIRST_PAGE,)},
            body=_body(method, request),
            scopes=token.scopes,
            now=self._google.clock.now(),
            quirk=quirk,
            client_id=token.client_id,
            account=token.account,
        )
        if handler is None:
            raise refused(501, "notImplemented", f"{method.id} is not simulated.")
        # A mask that names what is not there is refused before anything happens.
        mask = asked.one("fields")
        if mask:
            masked(method, mask, {})
        made = handler(asked)
        self._log(asked)
        if made is None:
            return Answer(status=204)
        if quirk == "empty_page_with_next_token" and method.listed:
            made = {key: one for key, one in made.items() if key != method.listed}
            made["nextPageToken"] = asked.one("pageToken") or FIRST_PAGE
        body = schema.as_sent(method, masked(method, mask, made) if mask else made, method.response or {})
        if form == "atom":
            return Answer(body=_atom(body), content_type="application/atom+xml; charset=UTF-8")
        if quirk == "empty_listing" and method.listed in body:
            body = {**body, method.listed: []}
            body.pop("nextPageToken", None)
        return Answer(body=body, content_type=JSON)

    def _log(self, asked: Asked) -> None:
        """Every call in a person's name stands in the token log of the customer."""
        if asked.actor is None or not asked.client_id:
            return
        api = asked.method.partition(".")[0]
        about = activities.event(
            "auth",
            "activity",
            api_name=api,
            method_name=asked.method,
            client_id=asked.client_id,
            client_type="WEB",
            product_bucket=BUCKETS.get(api, "OTHER"),
        )
        activities.log(asked.customer, "token", about, actor=asked.actor, now=asked.now)


def _customer(google: Google, token: Token) -> Customer:
    if token.customer_id is None:
        # A service account for itself belongs to no customer; handlers that need one see an empty one.
        return Customer(id="", name="", domain="")
    return google.customers[token.customer_id]


def _body(method: Method, request: Request) -> dict[str, Any]:
    if not request.body:
        if method.request is not None:
            schema.check_body(method, {})
        return {}
    if (request.header("content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise schema.bad_request(method, "The request's content type is not application/json.")
    try:
        body = request.json()
    except ValueError as error:
        raise refused(400, "parseError", "Parse Error") from error
    if not isinstance(body, dict):
        raise schema.bad_request(method, "Invalid JSON payload received. An object is expected.")
    schema.check_body(method, body)
    return body


def _atom(body: Mapping[str, Any]) -> str:
    """What the oldest of these APIs answers to those who do not ask for JSON."""
    inside = "".join(f"<apps:{name}>{html.escape(str(value))}</apps:{name}>" for name, value in body.items())
    spaces = 'xmlns="http://www.w3.org/2005/Atom" xmlns:apps="http://schemas.google.com/apps/2006"'
    return f'<?xml version="1.0" encoding="UTF-8"?><entry {spaces}>{inside}</entry>'


def _worded(answer: Answer, method: Method) -> Answer:
    """Give a refusal the newer word where its API has such words."""
    error = answer.body["error"] if isinstance(answer.body, dict) else {}
    if method.worded and "status" not in error:
        answer.body = {"error": {**error, "status": NAMES.get(answer.status, "UNKNOWN")}}
    return answer
