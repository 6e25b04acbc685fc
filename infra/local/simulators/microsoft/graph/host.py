"""The Graph host: who may call, which handler answers, and what every answer carries."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from infra.local.simulators.faults import Subject
from infra.local.simulators.microsoft.applications import GRAPH_AUDIENCE
from infra.local.simulators.microsoft.graph import audits, batch, delta, directory, groups
from infra.local.simulators.microsoft.graph.call import GraphCall, Handler
from infra.local.simulators.microsoft.graph.errors import bad_request, denied, graph_refusal, not_simulated
from infra.local.simulators.microsoft.quirks import spoiled
from infra.local.simulators.microsoft.state import Microsoft
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Refusal, Request

HANDLERS: dict[tuple[str, str], Handler] = {
    **directory.HANDLERS,
    **groups.HANDLERS,
    **delta.HANDLERS,
    **audits.HANDLERS,
}
VERSION = "/v1.0"
# Other spellings of the same segment.
ALIASES = {
    "delta": "delta()",
    "microsoft.graph.delta": "delta()",
    "microsoft.graph.delta()": "delta()",
    "microsoft.graph.user": "graph.user",
    "microsoft.graph.group": "graph.group",
    "microsoft.graph.servicePrincipal": "graph.servicePrincipal",
    "microsoft.graph.restore": "restore",
}


class Graph:
    """Answers the calls that are in the table of operations; everything else is refused or not simulated."""

    def __init__(self, microsoft: Microsoft, instead: Callable[[Subject], Answer | None]) -> None:
        self._microsoft = microsoft
        self._instead = instead
        text = Path(__file__).with_name("graph_operations.json").read_text(encoding="utf-8")
        table = json.loads(text)
        self._operations: dict[str, dict[str, Any]] = table["operations"]
        self._properties = {kind: frozenset(names) for kind, names in table["properties"].items()}
        self._templates = [(_pattern(template), template) for template in self._operations]

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request of an application that has to prove who it is."""
        try:
            answer = self._authorised(request, quirk)
        except Refusal as refusal:
            answer = refusal.answer
        return spoiled(quirk, self._signed(request, answer), request, self._microsoft.graph_url)

    def as_administrator(self, tenant: Tenant, request: Request) -> Answer:
        """Answer the customer's own administrator, who needs no token and no permission."""
        try:
            return self._call(tenant, request, administrator=True)
        except Refusal as refusal:
            return refusal.answer

    def _authorised(self, request: Request, quirk: str | None) -> Answer:
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        try:
            claims = self._microsoft.signer.claims(token, GRAPH_AUDIENCE, self._microsoft.clock.now())
        except jwt.InvalidTokenError as error:
            raise graph_refusal(401, "InvalidAuthenticationToken", str(error)) from error
        tenant = self._microsoft.tenants.get(claims["tid"])
        if tenant is None or not tenant.honours(claims["oid"]):
            text = "The identity of the calling application could not be established."
            raise graph_refusal(401, "InvalidAuthenticationToken", text)
        if not request.path.startswith(VERSION + "/"):
            raise not_simulated(request.path)
        if request.path == f"{VERSION}/$batch":
            if request.method != "POST":
                return Answer(status=405)
            return batch.answer(
                request, tenant, lambda inner: self._inner(tenant, inner, claims), throttling=quirk == "batch_inner_429"
            )
        return self._call(tenant, request, claims=claims, quirk=quirk)

    def _inner(self, tenant: Tenant, request: Request, claims: dict[str, Any]) -> Answer:
        subject = Subject(host="graph", method=request.method, path=request.path, cmdlet=None, tenant=tenant.id)
        # Inside a batch there is no connection to drop; only faults that replace an answer can hit.
        if (answer := self._instead(subject)) is not None:
            return answer
        try:
            answer = self._call(tenant, request, claims=claims)
        except Refusal as refusal:
            answer = refusal.answer
        return self._signed(request, answer)

    def _call(
        self,
        tenant: Tenant,
        request: Request,
        *,
        claims: dict[str, Any] | None = None,
        administrator: bool = False,
        quirk: str | None = None,
    ) -> Answer:
        path = request.path.removeprefix(VERSION)
        template, ids = self._route(path)
        operation = self._operations[template].get(request.method)
        if operation is None:
            raise graph_refusal(405, "Request_BadRequest", f"The method {request.method} is not allowed here.")
        if claims is not None and not set(claims.get("roles", ())) & set(operation["permissions"]):
            raise denied()
        handler = HANDLERS.get((request.method, template))
        if handler is None:
            raise not_simulated(f"{request.method} {template}")
        call = GraphCall(
            microsoft=self._microsoft,
            tenant=tenant,
            request=request,
            template=template,
            ids=ids,
            options=_options(request, operation["query"]),
            properties=self._properties,
            administrator=administrator,
            principal=None if claims is None else claims["oid"],
            quirk=quirk,
        )
        answer = handler(call)
        audits.note(call, answer)
        return answer

    def _route(self, path: str) -> tuple[str, tuple[str, ...]]:
        segments = [ALIASES.get(one, one) for one in path.split("/")]
        joined = "/".join(segments)
        for pattern, template in self._templates:
            if found := pattern.fullmatch(joined):
                return template, found.groups()
        raise bad_request(f"Resource not found for the segment '{segments[-1]}'.")

    def _signed(self, request: Request, answer: Answer) -> Answer:
        """Put the identities on an answer that a support call would ask for."""
        asked = request.header("client-request-id")
        known = {"request-id": str(uuid.uuid4()), "client-request-id": asked or str(uuid.uuid4())}
        answer.headers = {**known, "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Simulated"}}', **answer.headers}
        if isinstance(answer.body, dict) and "innerError" in answer.body.get("error", {}):
            answer.body["error"]["innerError"].update(known)
        return answer


def _pattern(template: str) -> re.Pattern[str]:
    """Turn `/groups/{group-id}/members/$ref` into what matches it, fixed segments first."""
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile("".join(r"([^/()]+|[^/]+@[^/]+)" if one.startswith("{") else re.escape(one) for one in parts))


def _options(request: Request, allowed: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in request.query:
        paged = name == "$skiptoken" and "$top" in allowed
        if name not in allowed and not paged:
            raise bad_request(f"The query specified in the URI is not valid. '{name}' is not allowed here.")
        if name in options:
            raise bad_request(f"Query option '{name}' was specified more than once.")
        options[name] = value
    return options
