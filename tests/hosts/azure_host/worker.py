"""Microsoft's own Python runtime with one app in it: indexed, loaded and invoked as the Functions host does."""

import json
import os
import re
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.hosts.azure_host import messages
from tests.hosts.azure_host.messages import ParameterBinding, StatusResult, TypedData

TRIGGERS = ("httpTrigger", "queueTrigger", "timerTrigger")
# What is bound beside the trigger: an HTTP function's answer, and nothing else here.
BESIDE = ("http",)
NAME = re.compile(r"[A-Za-z][\w-]{0,127}", re.ASCII)
QUEUE_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


class NotStarted(Exception):
    """The host would not start this app, or not this function of it."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function as the worker declares it, with its settings' names resolved."""

    name: str
    id: str
    bindings: list[dict[str, Any]]

    @property
    def trigger(self) -> dict[str, Any]:
        """The binding that starts it."""
        return next(binding for binding in self.bindings if binding["type"] in TRIGGERS)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an invocation ended: with a value, with nothing, or with an error."""

    value: TypedData | None = None
    error: str = ""


def _request(kind: str, **fields: Any) -> SimpleNamespace:
    properties = {"host": "127.0.0.1", "protos": messages}
    return SimpleNamespace(properties=properties, request=SimpleNamespace(**{kind: SimpleNamespace(**fields)}))


def _checked(answer: Any) -> Any:
    if answer.result.status != StatusResult.Success:
        raise NotStarted(answer.result.exception.message)
    return answer


async def start(app: Path) -> list[Function]:
    """Index and load every function of the app in this folder; one app a process.

    Raises NotStarted with the worker's reason, or with ours for what the host refuses or what is not simulated.
    """
    import azure_functions_runtime as runtime

    os.chdir(app)
    sys.path.insert(0, str(app))
    runtime.start_threadpool_executor()
    _checked(
        await runtime.worker_init_request(
            _request("worker_init_request", capabilities={}, function_app_directory=str(app))
        )
    )
    indexed = _checked(await runtime.functions_metadata_request(_request("functions_metadata_request")))
    functions = [_function(one) for one in indexed.function_metadata_results or []]
    if not functions:
        raise NotStarted("No job functions found.")
    for function in functions:
        _checked(await runtime.function_load_request(_request("function_load_request", function_id=function.id)))
    return functions


def _function(indexed: Any) -> Function:
    bindings = [
        {key: _resolved(value) if isinstance(value, str) else value for key, value in json.loads(text).items()}
        for text in indexed.raw_bindings
    ]
    function = Function(name=indexed.name, id=indexed.function_id, bindings=bindings)
    if not NAME.fullmatch(function.name):
        raise NotStarted(f"{function.name}: no name for a function")
    triggers = [binding for binding in bindings if binding["type"] in TRIGGERS]
    others = [binding["type"] for binding in bindings if binding["type"] not in TRIGGERS + BESIDE]
    if len(triggers) != 1 or others:
        raise NotStarted(f"{function.name}: {others or 'its triggers'} are not simulated")
    if triggers[0]["type"] == "httpTrigger" and triggers[0].get("authLevel", "FUNCTION").upper() != "ANONYMOUS":
        raise NotStarted(f"{function.name}: function keys are not simulated; only ANONYMOUS is")
    if triggers[0]["type"] == "queueTrigger" and not QUEUE_NAME.fullmatch(triggers[0]["queueName"]):
        raise NotStarted(f"{function.name}: {triggers[0]['queueName']!r} is no name for a queue")
    return function


def _resolved(text: str) -> str:
    def setting(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise NotStarted(f"'%{match[1]}%' does not resolve to a value.")
        return os.environ[match[1]]

    return re.sub(r"%(\w+)%", setting, text)


async def invoke(
    function: Function, data: TypedData, metadata: dict[str, TypedData] | None = None, traceparent: str = ""
) -> Outcome:
    """Invoke a function with what its trigger brought."""
    import azure_functions_runtime as runtime

    parent = traceparent or f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    answer = await runtime.invocation_request(
        _request(
            "invocation_request",
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            input_data=[ParameterBinding(name=function.trigger["name"], data=data)],
            trigger_metadata=metadata or {},
            trace_context=SimpleNamespace(trace_parent=parent, trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
    )
    if answer.result.status != StatusResult.Success:
        return Outcome(error=f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
    return Outcome(value=answer.return_value)
