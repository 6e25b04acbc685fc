"""Runs an app's functions in Microsoft's own runtime, with no host and no storage account.

    python -m tests.hosts.azure_host.probe APP FILE < calls.json

Invokes what it is told to, once each, and writes into FILE what the worker declares and how each invocation ended; what
is printed is the app's own. Ends with status 1 and the reason when the worker does not take the app.
"""

import asyncio
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from tests.hosts.azure_host import http as azure_http
from tests.hosts.azure_host import queue as azure_queue
from tests.hosts.azure_host import timer as azure_timer
from tests.hosts.azure_host.worker import NotStarted, invoke, start


async def probe(app: Path, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Index the app in this folder and invoke its functions."""
    functions = {function.name: function for function in await start(app)}
    answers = {}
    for call in calls:
        function = functions[call["function"]]
        match function.trigger["type"]:
            case "httpTrigger":
                outcome = await invoke(function, azure_http.typed(**call["with"]))
            case "queueTrigger":
                outcome = await invoke(function, *azure_queue.typed(function.trigger["queueName"], **call["with"]))
            case _:
                outcome = await invoke(function, azure_timer.typed(None, **call["with"]))
        status = int(outcome.value.http.status_code) if outcome.value else None
        answers[function.name] = {"error": outcome.error, "status": status}
    return {
        "python": sys.version.split()[0],
        "library": importlib.metadata.version("azure-functions"),
        "functions": {function.name: function.bindings for function in functions.values()},
        "answers": answers,
    }


if __name__ == "__main__":
    # Before the worker goes into the app's folder.
    app, file = (Path(argument).resolve() for argument in sys.argv[1:])
    try:
        told = asyncio.run(probe(app, json.load(sys.stdin)))
    except NotStarted as refusal:
        sys.exit(str(refusal))
    file.write_text(json.dumps(told))
