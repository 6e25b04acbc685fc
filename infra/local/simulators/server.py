"""Puts a simulated host on a socket: bytes in, bytes out, and connections that break when a fault says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.local.simulators import faults
from infra.local.simulators.cloud import Cloud
from infra.local.simulators.vendor import Host, Vendor
from infra.local.simulators.wire import Answer, Call, Request

# uvicorn closes a connection without an answer only when the transport is taken from under it.
Connections = dict[tuple[str, int], asyncio.Transport]


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
        vendor: Vendor,
        name: str,
        guests: Mapping[str, Host],
        control: Callable[[Request], Answer],
        connections: Connections,
    ) -> None:
        self._cloud = cloud
        self._vendor = vendor
        self._name = name
        self._guests = guests
        self._control = control
        self._connections = connections

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
        with self._cloud.lock:
            subject = self._vendor.subject(self._name, request)
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
        host = self._host(request.path)
        kind = do["kind"] if do else None
        if do is None or kind in faults.ON_THE_WAY:
            answer = host.answer(request)
            return faults.cut(answer) if kind == "truncated_json" else answer
        if kind in faults.INSTEAD:
            return faults.instead(do, partial(self._vendor.worded, self._name))
        return host.answer(request, kind)

    def _host(self, path: str) -> Host:
        found = (guest for beginning, guest in self._guests.items() if path.startswith(beginning))
        return next(found, self._vendor.hosts[self._name])

    def _drop(self, scope: Scope) -> None:
        transport = self._connections.get(tuple(scope["client"])[:2])
        if transport is not None:
            transport.abort()


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
