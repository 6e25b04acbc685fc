"""A service that does as it is told, for what the real one does seldom."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Scripted(BaseHTTPRequestHandler):
    """Answers each request with the next line of a script; an empty one breaks the connection off."""

    script: list[tuple[int, dict[str, str], str] | None]
    seen: list[tuple[str, str | None]]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append((f"{self.command} {self.path}", self.headers.get("idempotency-key")))
        answer = self.script.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@contextmanager
def scripted(
    *script: tuple[int, dict[str, str], str] | None, trusted: ssl.SSLContext | None = None
) -> Iterator[tuple[str, type[Scripted]]]:
    """A service that does as it is told, at an address."""

    class Handler(Scripted):
        pass

    Handler.script, Handler.seen = list(script), []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if trusted:
            server.socket = trusted.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if trusted else ''}://127.0.0.1:{server.server_port}", Handler
        finally:
            server.shutdown()
            thread.join()


MADE = (201, {}, json.dumps({"id": "0" * 32, "consent_url": "http://127.0.0.1/connect#x"}))
BUSY = (429, {"retry-after": "0"}, json.dumps({"code": "too_many_requests", "detail": "Slower, please."}))
CONNECT = ("connections", "create", "--platform", "p", "--site", "in", "--name", "n")


# Sent once more while the first is still being carried out.
UNDER_WAY = (409, {"retry-after": "0"}, json.dumps({"code": "still_being_answered", "detail": "Ask again soon."}))
