"""A stand-in for the Azure Functions host around Microsoft's own Python runtime, with one app.

    python tests/hosts/azure_host/host.py --app DIR --port P --clock FILE [--ready-file F] [--leashed]

The app's settings are the environment. FILE holds the seconds that the time is moved by; beside it, with `.timers` to
its name, the timers' status is kept, which the real host keeps in the storage account. With port 0 a free one is found.
Prints one line of JSON when it is ready, or ends with status 1 and the reason why it is not. On SIGTERM it finishes
what it has begun. On SIGKILL it is gone, and whatever it had in hand comes back when the queue says so. Leashed, it is
gone as well when its standard input is closed, as happens when the process that started it dies.

Needs Microsoft's runtime, which `make runtime` installs.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # In the place of this file's own folder.
    sys.path[0] = str(Path(__file__).parents[3])

from tests.hosts.azure_host import http as azure_http
from tests.hosts.azure_host import queue as azure_queue
from tests.hosts.azure_host import timer as azure_timer
from tests.hosts.azure_host.clock import Clock
from tests.hosts.azure_host.messages import TypedData
from tests.hosts.azure_host.worker import Function, NotStarted, Outcome, invoke, start

log = logging.getLogger("host")


async def host(app: Path, port: int, clock: Clock, statuses: azure_timer.Statuses, ready: Any) -> None:
    """Be the host of the app in this folder until told to stop; calls `ready` with what it hosts.

    Raises NotStarted with the reason when the app cannot be hosted.
    """
    import uvicorn

    began = time.monotonic()
    options = json.loads((app / "host.json").read_text())
    extensions = options.get("extensions", {})
    functions = await start(app)
    table = azure_http.routes(functions, extensions.get("http", {}).get("routePrefix", "api"))
    queues = azure_queue.Options.read(extensions.get("queues", {}))
    limit = azure_queue.span(options.get("functionTimeout", "00:30:00")).total_seconds()

    async def run(function: Function, data: TypedData, metadata: Any = None, traceparent: str = "") -> Outcome:
        try:
            async with asyncio.timeout(limit):
                outcome = await invoke(function, data, metadata, traceparent)
        except TimeoutError:
            outcome = Outcome(error=f"Timeout value of {limit:g} seconds was exceeded by function: {function.name}")
        if outcome.error:
            log.error("function %s failed: %s", function.name, outcome.error)
        return outcome

    works = [
        *(
            azure_queue.listen(one, *azure_queue.clients(one), queues, clock, run)
            for one in _triggered(functions, "queueTrigger")
        ),
        *(
            azure_timer.fire(one, azure_timer.schedule(one), clock, statuses, run)
            for one in _triggered(functions, "timerTrigger")
        ),
    ]
    homepage = os.environ.get("AzureWebJobsDisableHomepage", "").lower() != "true"  # noqa: SIM112 - the host's name
    site = azure_http.site(table, run, homepage=homepage)
    server = uvicorn.Server(uvicorn.Config(site, lifespan="off", access_log=False, log_config=None, ws="none"))

    def stop() -> None:
        clock.stopping = server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with _listener(port) as listener:
        # A listener that dies takes the host with it.
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
            # Each has begun before anybody hears of it: a timer's first turn is counted from here.
            await asyncio.sleep(0)
            ready(
                {
                    "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
                    "functions": {function.name: function.trigger for function in functions},
                    "seconds": round(time.monotonic() - began, 3),
                }
            )
            await server.serve(sockets=[listener])
            stop()


def _triggered(functions: list[Function], kind: str) -> list[Function]:
    # https://learn.microsoft.com/azure/azure-functions/disable-function
    return [
        one
        for one in functions
        if one.trigger["type"] == kind and os.environ.get(f"AzureWebJobs.{one.name}.Disabled", "").lower() != "true"
    ]


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # The port of a host that was killed is free again at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Host the app that the command line names."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--app", type=Path, required=True)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--clock", type=Path, required=True)
    arguments.add_argument("--ready-file", type=Path)
    arguments.add_argument("--leashed", action="store_true")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # Each invocation, and each request to the storage account, would be a line.
    for noisy in ("azure", "azure_functions_runtime", "azure.functions.AsgiMiddleware"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if given.leashed:
        threading.Thread(target=_end_with_input, daemon=True).start()
    clock_file, ready_file = given.clock.resolve(), given.ready_file and given.ready_file.resolve()

    def ready(told: dict[str, Any]) -> None:
        line = json.dumps(told)
        if ready_file:
            new = ready_file.with_suffix(".new")
            new.write_text(line)
            new.replace(ready_file)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    statuses = azure_timer.Statuses(clock_file.with_name(clock_file.name + ".timers"))
    try:
        asyncio.run(host(given.app.resolve(), given.port, Clock(clock_file), statuses, ready))
    except NotStarted as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
