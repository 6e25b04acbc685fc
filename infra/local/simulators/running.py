"""Starts the simulated hosts on loopback sockets, in a thread of their own, and stops them again."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
import uvicorn

from infra.local.simulators import issuer as operators
from infra.local.simulators.clock import Clock
from infra.local.simulators.cloud import Addresses, Cloud
from infra.local.simulators.control import Control
from infra.local.simulators.dns import NameServer
from infra.local.simulators.google import hosts as google
from infra.local.simulators.google.push import Pusher
from infra.local.simulators.google.seeds import customers
from infra.local.simulators.microsoft import applications, sign_in
from infra.local.simulators.microsoft.exchange.host import Exchange
from infra.local.simulators.microsoft.graph.host import Graph
from infra.local.simulators.microsoft.seeds import tenants
from infra.local.simulators.server import Application, Connections, Host, protocol_for

START_LIMIT = 30  # seconds
HOSTS = ("login", "graph", "exchange")


class Simulators:
    """The running simulators. Made by `start`, ended by leaving the `with` block or by `stop`."""

    def __init__(self, port: int, clock_file: Path | None, cleanup: ExitStack) -> None:
        self._cleanup = cleanup
        self._connections: list[Connections] = []
        sockets = {name: self._socket(port + place if port else 0) for place, name in enumerate(HOSTS)}
        self._dns = self._socket(port + len(HOSTS) if port else 0, socket.SOCK_DGRAM)
        first = port + len(HOSTS) + 1
        sockets |= {name: self._socket(first + place if port else 0) for place, name in enumerate(google.NAMES)}
        ports = {name: one.getsockname()[1] for name, one in sockets.items()}
        addresses = Addresses(
            login=f"https://localhost:{ports['login']}",
            graph=f"http://127.0.0.1:{ports['graph']}",
            exchange=f"http://127.0.0.1:{ports['exchange']}",
            google={name: f"http://127.0.0.1:{ports[name]}" for name in google.NAMES},
        )
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="simulators-")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        self._certificate = folder / "login.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self._certificate))

        clock = Clock(clock_file)
        self.cloud = Cloud(addresses, clock, tenants(clock.now()), customers(clock.now()))
        graph, exchange = Graph(self.cloud), Exchange(self.cloud)
        self._google = google.Hosts(self.cloud)
        self._control = Control(self.cloud, graph, exchange, self._google)
        hosts: dict[str, Host] = {"login": sign_in.SignIn(self.cloud), "graph": graph, "exchange": exchange}
        hosts |= self._google.by_name
        self._servers = [(self._server(name, host), sockets[name]) for name, host in hosts.items()]
        google_settings, self.runtime_key = google.settings(self.cloud, folder)
        self.control = addresses.graph
        self.settings = {
            "FOOTPRINT_MICROSOFT__LOGIN_URL": addresses.login,
            "FOOTPRINT_MICROSOFT__GRAPH_URL": addresses.graph,
            "FOOTPRINT_MICROSOFT__EXCHANGE_URL": addresses.exchange,
            "FOOTPRINT_CA_FILE": str(folder / "ca.pem"),
            "FOOTPRINT_DNS__NAMESERVERS": json.dumps([f"127.0.0.1:{self._dns.getsockname()[1]}"]),
            "FOOTPRINT_MICROSOFT__CLIENT_ID": applications.CLIENT_ID,
            "FOOTPRINT_MICROSOFT__CLIENT_SECRET": applications.CLIENT_SECRET,
            "FOOTPRINT_OPERATORS__ISSUER": operators.address(self.cloud),
            "FOOTPRINT_OPERATORS__AUDIENCE": operators.AUDIENCE,
            "FOOTPRINT_OPERATORS__CLIENT_ID": operators.CLIENT_ID,
            "FOOTPRINT_OPERATORS__CLIENT_SECRET": operators.CLIENT_SECRET,
            "FOOTPRINT_OPERATORS__CUSTOMER_CLAIM": operators.CUSTOMER_CLAIM,
            **google_settings,
        }
        self._started = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulators", daemon=True)

    @classmethod
    def start(cls, port: int = 0, clock_file: Path | None = None) -> Self:
        """Start on `port` and the ones after it, or with 0 on any free ones; return when all hosts listen."""
        with ExitStack() as cleanup:
            simulators = cls(port, clock_file, cleanup)
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

    def operator_token(
        self, name: str = "operator@msp.example", role: str = "operator", customer: str | None = operators.EVERYONE
    ) -> str:
        """Return a token with which somebody may use the service for one customer; by default, for all of them."""
        return operators.token(self.cloud, name, role, customer)

    def tenants(self) -> list[dict[str, str]]:
        """Return the tenants there are, of both platforms: id, name, domain and platform."""
        return self._control.tenants()

    def _socket(self, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        # With the protocol named, asyncio turns off the delay that small answers would otherwise wait for.
        protocol = socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP
        made = self._cleanup.enter_context(socket.socket(socket.AF_INET, kind, protocol))
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        return made

    def _server(self, name: str, host: Host) -> uvicorn.Server:
        connections: Connections = {}
        self._connections.append(connections)
        whose = self._google.whose if name in google.NAMES else None
        application = Application(self.cloud, name, host, self._control.answer, connections, whose)
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
            ssl_certfile=self._certificate if name == "login" else None,
            ssl_keyfile=self._certificate if name == "login" else None,
        )
        return uvicorn.Server(config)

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
        transport, _ = await self._loop.create_datagram_endpoint(lambda: NameServer(self.cloud), sock=self._dns)
        pushing = asyncio.create_task(Pusher(self.cloud).run())
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
        pushing.cancel()
        with suppress(asyncio.CancelledError):
            await pushing
        await asyncio.gather(*running)
        transport.close()
