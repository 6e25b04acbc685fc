"""TLS in front of a local PostgreSQL server, whose build for tests has none."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

# What a client sends before it begins TLS (https://www.postgresql.org/docs/current/protocol-message-formats.html).
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextmanager
def encrypted(server: Path, context: ssl.SSLContext) -> Iterator[int]:
    """Take connections with TLS, and no others, for a server that listens on a socket's file; gives the port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=_accept, args=(listening, server, context), daemon=True).start()
        yield int(listening.getsockname()[1])
        # A thread that waits is not woken up by a close.
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, server: Path, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # it is closed
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, server, context), daemon=True).start()


def _serve(client: socket.socket, server: Path, context: ssl.SSLContext) -> None:
    with suppress(OSError), client, socket.socket(socket.AF_UNIX) as behind:
        if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as inside:
            behind.connect(str(server))
            _relay(inside, behind)


def _relay(inside: ssl.SSLSocket, behind: socket.socket) -> None:
    while True:
        for one in [inside] if inside.pending() else select.select([inside, behind], [], [])[0]:
            if not (part := one.recv(65536)):
                return
            (behind if one is inside else inside).sendall(part)
