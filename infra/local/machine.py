"""One machine that is a whole cloud: simulated platforms, the HTTP host, the queue and the timers, one clock."""

import asyncio
import base64
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn
from functions_framework.aio import create_asgi_app
from starlette.applications import Starlette
from starlette.routing import Mount

from infra.local import controls, post
from infra.local.simulators import Simulators
from infra.local.simulators.google import push
from infra.local.timers import fire_timers
from shared.flows.app import App
from shared.flows.jobs import deliver_due
from shared.foundation.settings import Settings
from shared.service import build
from shared.storage.migrate import migrate

GOOGLE_HOST = Path(__file__).parents[2] / "gcp_functions" / "main.py"
# How often an idle machine looks for something to do, in seconds.
IDLE = 0.1


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is running, and where."""

    app: App
    simulators: Simulators
    address: str

    def move_clock(self, by: timedelta) -> None:
        """Move the time of the service, its timers and the simulators alike."""
        self.simulators.cloud.clock.advance(by.total_seconds())


@asynccontextmanager
async def machine(folder: Path, port: int = 0) -> AsyncIterator[Machine]:
    """Start everything on loopback, with its data in `folder`; stop everything at the end of the block."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock_file = folder / "clock"
    # The host reads its settings from the environment, as it does in a cloud.
    os.environ.update(
        FOOTPRINT_DATABASE_URL=f"sqlite+aiosqlite:///{folder / 'footprint.db'}",
        FOOTPRINT_MASTER_KEY__VALUE=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        FOOTPRINT_PUBLIC_URL=address,
        FOOTPRINT_CLOCK_FILE=str(clock_file),
        FOOTPRINT_SMTP__HOST="127.0.0.1",
        FOOTPRINT_SMTP__PORT=str(_free_port()),
        FOOTPRINT_SMTP__SECURITY="none",
        FOOTPRINT_SMTP__SENDER=post.SENDER,
        FOOTPRINT_SCANNER__SECRET=secrets.token_urlsafe(24),
        # The rest is on the page, or told by the story.
        FOOTPRINT_TELEMETRY__LEVEL="ERROR",
    )
    with Simulators.start(clock_file=clock_file, brand=Settings().brand) as simulators:
        os.environ.update(simulators.settings)
        app = build(Settings())
        await migrate(app.database)
        running = Machine(app=app, simulators=simulators, address=address)
        functions = create_asgi_app("http", str(GOOGLE_HOST))  # type: ignore[no-untyped-call] # published without types
        site = Starlette(routes=[*controls.routes(app, simulators, running.move_clock), Mount("/", functions)])
        config = uvicorn.Config(site, log_level="warning", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined] # the machine stops it
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        pumping = asyncio.create_task(_pump(app))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
                await asyncio.sleep(IDLE / 10)
            # Google's notifications come over HTTP to the address that is their tokens' audience as well.
            push.aim(simulators.google, {"url": f"{address}/api/notifications/gmail"})
            async with post.relay(app, simulators.microsoft, address):
                yield running
        finally:
            pumping.cancel()
            server.should_exit = True
            await asyncio.gather(serving, pumping, return_exceptions=True)
            await app.database.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def _pump(app: App) -> None:
    """Deliver jobs and fire timers for as long as the machine runs."""
    while True:
        try:
            await fire_timers(app)
            busy = await deliver_due(app, most=20)
        except Exception:
            logging.getLogger(__name__).exception("the machine's pump failed; it goes on")
            busy = 0
        if not busy:
            await asyncio.sleep(IDLE)
