"""Starts the simulated hosts on loopback sockets, in a thread of their own, and stops them again."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import trustme
import uvicorn

from infra.local.simulators.clock import Clock
from infra.local.simulators.cloud import Cloud
from infra.local.simulators.control import Control
from infra.local.simulators.dns import NameServer
from infra.local.simulators.server import Application, Connections, protocol_for
from infra.local.simulators.state import Zone
from infra.local.simulators.vendor import Vendor
from shared.foundation.brand import PUBLISHED, Brand

START_LIMIT = 30  # seconds
# Which of the ports from the first one on is the name server's; the hosts have the others, in their order.
NAME_SERVER_PLACE = 3


class Running:
    """The hosts of some vendors, running. Made by `start`, ended by leaving the `with` block or by `stop`."""

    vendors: ClassVar[Sequence[Callable[[Cloud], Vendor]]] = ()

    def __init__(self, port: int, clock_file: Path | None, cleanup: ExitStack, brand: Brand) -> None:
        self._cleanup = cleanup
        self._connections: list[Connections] = []
        self.folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="simulators-")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        self._certificate = self.folder / "tls.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self._certificate))

        self.cloud = Cloud(Clock(clock_file), brand)
        self._vendors = [make(self.cloud) for make in self.vendors]
        self.cloud.states = {one.name: one.state for one in self._vendors}
        self._control = Control(self.cloud, self._vendors)
        places = (place for place in itertools.count() if place != NAME_SERVER_PLACE)
        ports = (port + place if port else 0 for place in places)
        self._servers = [self._server(vendor, name, next(ports)) for vendor in self._vendors for name in vendor.hosts]
        self._dns = self._socket(port + NAME_SERVER_PLACE if port else 0, socket.SOCK_DGRAM)
        self.control = next(one for one in self.cloud.addresses.values() if one.startswith("http:"))
        self.settings = {
            "FOOTPRINT_CA_FILE": str(self.folder / "ca.pem"),
            "FOOTPRINT_DNS__NAMESERVERS": json.dumps([f"127.0.0.1:{self._dns.getsockname()[1]}"]),
        }
        for vendor in self._vendors:
            self.settings |= vendor.settings(self.folder)
        self._started = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulators", daemon=True)

    @classmethod
    def start(cls, port: int = 0, clock_file: Path | None = None, brand: Brand = PUBLISHED) -> Self:
        """Start on `port` and the ones after it, or with 0 on any free ones; return when all hosts listen.

        The service's application, and what customers have by chance of its names, are called as in `brand`.
        """
        with ExitStack() as cleanup:
            simulators = cls(port, clock_file, cleanup, brand)
            simulators._thread.start()
            started = simulators._started.wait(START_LIMIT)
            if simulators._failure is not None:
                raise RuntimeError("The simulators did not start.") from simulators._failure
            if not started:
                raise TimeoutError(f"The simulators did not start within {START_LIMIT} seconds.")
            simulators._cleanup = cleanup.pop_all()
            return simulators

    def stop(self) -> None:
        """Stop all hosts and remove the certificate files."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_LIMIT)
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def tenants(self) -> list[dict[str, str]]:
        """Return the customers there are: id, name, domain and platform."""
        return self._control.tenants()

    def _socket(self, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        # With the protocol named, asyncio turns off the delay that small answers would otherwise wait for.
        protocol = socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP
        made = self._cleanup.enter_context(socket.socket(socket.AF_INET, kind, protocol))
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        return made

    def _zone(self, domain: str) -> Zone | None:
        with self.cloud.lock:
            return next((zone for one in self._vendors if (zone := one.zone(domain))), None)

    def _server(self, vendor: Vendor, name: str, port: int) -> tuple[uvicorn.Server, socket.socket]:
        """Open a host's port, note its address, and return what will answer there."""
        listener = self._socket(port)
        secure, number = name in vendor.secure, listener.getsockname()[1]
        self.cloud.addresses[name] = f"https://localhost:{number}" if secure else f"http://127.0.0.1:{number}"
        connections: Connections = {}
        self._connections.append(connections)
        guests = {
            beginning: host for one in self._vendors for (place, beginning), host in one.guests.items() if place == name
        }
        application = Application(self.cloud, vendor, name, guests, self._control.answer, connections)
        config = uvicorn.Config(
            application,
            http=protocol_for(connections),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,
            ssl_certfile=self._certificate if secure else None,
            ssl_keyfile=self._certificate if secure else None,
        )
        return uvicorn.Server(config), listener

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._started.set()
            raise

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        transport, _ = await self._loop.create_datagram_endpoint(lambda: NameServer(self._zone), sock=self._dns)
        busy = [asyncio.create_task(one.run()) for one in self._vendors]
        running = [asyncio.create_task(server.serve(sockets=[one])) for server, one in self._servers]
        while not all(server.started for server, _ in self._servers):
            await asyncio.sleep(0.005)
            if failed := next((task for task in running if task.done()), None):
                await failed
        self._started.set()
        logging.getLogger(__name__).debug("The simulators answer at %s.", self.control)
        await self._stopping.wait()
        for server, _ in self._servers:
            server.should_exit = True
        # Clients keep their connections open for the next request; nothing is waited for on them.
        for open_connection in [one for connections in self._connections for one in connections.values()]:
            open_connection.abort()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await asyncio.gather(*running)
        transport.close()
