"""Puts one function that answers requests on a loopback port, in threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from infra.local.simulators.wire import Answer, Request


@contextmanager
def serving(answer: Callable[[Request], Answer], port: int = 0) -> Iterator[str]:
    """Answer on `port`, or with 0 on any free one, until the end of the block; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(answer: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            url = urlsplit(self.path)
            said = answer(
                Request(
                    method=self.command,
                    path=url.path,
                    query=tuple(parse_qsl(url.query, keep_blank_values=True)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=self.rfile.read(int(self.headers.get("content-length") or 0)),
                )
            )
            payload = said.payload()
            self.send_response(said.status)
            for name, value in {"Content-Type": said.content_type, **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the library's own names

        def log_message(self, *_args: object) -> None:
            """Nothing is logged of what comes: there are tokens in it."""

    return Handler
