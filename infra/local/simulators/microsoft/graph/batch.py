"""JSON batching: up to 20 calls in one, answered in no particular order."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.simulators.microsoft.graph.errors import bad_request, throttled
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Answer, Request

MAX_REQUESTS = 20
FIELDS = frozenset({"id", "method", "url", "headers", "body", "dependsOn"})
# The status of the whole batch says nothing of a throttled call; the wait is in that call's own headers.
RETRY_AFTER = "2.128"


def answer(request: Request, tenant: Tenant, call: Callable[[Request], Answer], *, throttling: bool) -> Answer:
    """Answer a batch. One that is malformed is refused whole; otherwise every call stands for itself."""
    inner = _requests(request)
    statuses: dict[str, int] = {}
    responses = []
    for place, one in enumerate(inner):
        if throttling and place % 2 == 0:
            response = _response(one["id"], throttled(RETRY_AFTER))
        elif any(statuses.get(other, 0) not in range(200, 300) for other in one.get("dependsOn", ())):
            error = {"code": "FailedDependency", "message": "A request this one depends on has failed."}
            response = _response(one["id"], Answer(status=424, body={"error": error}))
        else:
            response = _response(one["id"], call(_inner(request, one)))
        statuses[one["id"]] = response["status"]
        responses.append(response)
    turn = tenant.sequence % len(responses) if responses else 0
    return Answer(body={"responses": [*responses[turn:][::-1], *responses[:turn][::-1]]})


def _requests(request: Request) -> list[dict[str, Any]]:
    try:
        body = request.json()
    except ValueError as error:
        raise bad_request("Unable to read JSON request payload.") from error
    inner = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(inner, list) or not inner or set(body) != {"requests"}:
        raise bad_request("Invalid batch payload format.")
    if len(inner) > MAX_REQUESTS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MAX_REQUESTS}.")
    seen: set[str] = set()
    for one in inner:
        if not isinstance(one, dict) or set(one) - FIELDS or not {"id", "method", "url"} <= set(one):
            raise bad_request("Invalid batch payload format.")
        if not isinstance(one["id"], str) or one["id"] in seen:
            raise bad_request("Request Ids must be unique strings.")
        if not str(one["url"]).startswith("/"):
            raise bad_request(f"Invalid URL in batch request {one['id']}: it must be relative.")
        headers = {name.lower() for name in one.get("headers", {})}
        if "body" in one and "content-type" not in headers:
            raise bad_request("Write request id : {} does not contain Content-Type header.".format(one["id"]))
        if set(one.get("dependsOn", ())) - seen:
            raise bad_request(f"Batch request {one['id']} depends on a request that does not come before it.")
        seen.add(one["id"])
    return inner


def _inner(outer: Request, one: dict[str, Any]) -> Request:
    path, _, query = one["url"].partition("?")
    headers = {name.lower(): str(value) for name, value in one.get("headers", {}).items()}
    return Request(
        method=one["method"].upper(),
        path=f"/v1.0{unquote(path)}",
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers={"client-request-id": outer.header("client-request-id") or "", **headers},
        body=json.dumps(one["body"]).encode() if "body" in one else b"",
    )


def _response(identity: str, answered: Answer) -> dict[str, Any]:
    """One outcome. What is no JSON stands in it as base64 (Graph, "Combine requests using JSON batching")."""
    headers, body = dict(answered.headers), answered.body
    if isinstance(body, bytes | str):
        headers["Content-Type"], body = answered.content_type, b64encode(answered.payload()).decode()
    elif body is not None:
        headers["Content-Type"] = "application/json"
    return {"id": identity, "status": answered.status, "headers": headers, "body": body}
