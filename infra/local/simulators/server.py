"""Puts a simulated host on a socket: bytes in, bytes out, and connections that break when a fault says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

import jwt
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.local.simulators import faults
from infra.local.simulators.cloud import Cloud
from infra.local.simulators.wire import Answer, Call, Request

# uvicorn closes a connection without an answer only when the transport is taken from under it.
Connections = dict[tuple[str, int], asyncio.Transport]


class Host(Protocol):
    """What all simulated hosts have in common."""

    def answer(self, request: Request, quirk: str | None = None) -> Answer:
        """Answer one request."""


def protocol_for(connections: Connections) -> type[H11Protocol]:
    """Return an HTTP protocol that keeps its open transports where the host can reach them."""

    class Reachable(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections[transport.get_extra_info("peername")[:2]] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.client or ("", 0), None)
            super().connection_lost(exc)

    return Reachable


class Application:
    """The ASGI application of one host: the control API first, then faults, then the platform itself."""

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        host: Host,
        control: Callable[[Request], Answer],
        connections: Connections,
        whose: Callable[[Request], str | None] | None = None,
    ) -> None:
        self._cloud = cloud
        self._whose = whose
        self._name = name
        self._host = host
        self._control = control
        self._connections = connections
        self._tenants: dict[str, str | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = await _request(scope, receive)
        if request.path.startswith("/_sim/"):
            with self._cloud.lock:
                answer = self._control(request)
            await _send(answer, request, send)
            return
        subject = self._subject(request)
        with self._cloud.lock:
            do = faults.first_hit(self._cloud.faults, subject)
        kind = do["kind"] if do else None
        if do and kind == "delay":
            await asyncio.sleep(float(do["seconds"]))
        if kind == "drop_before":
            self._drop(scope)
            return
        with self._cloud.lock:
            answer = self._answer(request, do)
            self._cloud.record(
                Call(
                    host=subject.host,
                    method=subject.method,
                    path=subject.path,
                    cmdlet=subject.cmdlet,
                    status=answer.status,
                    tenant=subject.tenant,
                    query=urlencode(request.query),
                    body=request.body,
                )
            )
        if kind == "drop_after":
            self._drop(scope)
            return
        await _send(answer, request, send)

    def _answer(self, request: Request, do: dict[str, Any] | None) -> Answer:
        if do is None:
            return self._host.answer(request)
        kind = do["kind"]
        if kind in faults.INSTEAD:
            return faults.instead(do, self._name)
        answer = self._host.answer(request, kind if kind in faults.INSIDE else None)
        if kind in faults.AFTERWARDS:
            base = {"graph": self._cloud.addresses.graph, "exchange": self._cloud.addresses.exchange}
            query = "&".join(f"{quote(name, safe='$')}={quote(value)}" for name, value in request.query)
            url = f"{base.get(self._name, self._cloud.addresses.login)}{quote(request.path)}"
            return faults.afterwards(do, answer, f"{url}?{query}" if query else url)
        return answer

    def _drop(self, scope: Scope) -> None:
        transport = self._connections.get(tuple(scope["client"])[:2])
        if transport is not None:
            transport.abort()

    def _subject(self, request: Request) -> faults.Subject:
        return faults.Subject(
            host=self._name,
            method=request.method,
            path=request.path,
            cmdlet=_cmdlet(request) if self._name == "exchange" else None,
            tenant=self._tenant(request),
        )

    def _tenant(self, request: Request) -> str | None:
        """Say whose request this is: by the path, or by the token where the path does not say."""
        if self._whose is not None:
            with self._cloud.lock:
                return self._whose(request)
        if self._name != "graph":
            place = 1 if self._name == "login" else 3
            segments = request.path.split("/")
            with self._cloud.lock:
                found = self._cloud.tenant(segments[place]) if len(segments) > place else None
            return found.id if found else None
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if token not in self._tenants:
            if len(self._tenants) > 5_000:
                self._tenants.clear()
            self._tenants[token] = _tenant_of(token)
        return self._tenants[token]


def _tenant_of(token: str) -> str | None:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None  # The host will refuse it; here it only means that no tenant can be named.
    return str(claims.get("tid"))


def _cmdlet(request: Request) -> str | None:
    if named := request.header("x-cmdletname"):
        return named
    try:
        name = json.loads(request.body)["CmdletInput"]["CmdletName"]
    except (ValueError, KeyError, TypeError):
        return None  # Not a cmdlet call; the host says what is wrong with it.
    return name if isinstance(name, str) else None


async def _request(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        headers={name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def _send(answer: Answer, request: Request, send: Send) -> None:
    payload = answer.payload()
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(len(payload)).encode()))
    if payload:
        headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else payload})
