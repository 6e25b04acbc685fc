"""The host's stand-in starts no app that the real host would not."""

from pathlib import Path

import pytest

from tests.hosts.hosting import NotHosted, hosted
from tests.hosts.sample import SAMPLE

GOOD = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route(route="good", methods=["GET"])
def good(req: func.HttpRequest) -> str:
    return "good"
"""
QUEUE = (
    '@app.queue_trigger(arg_name="m", queue_name="{queue}", connection="{setting}")\ndef bad(m: {type}) -> None: ...'
)
TIMER = '@app.timer_trigger(arg_name="due", schedule="{schedule}")\ndef bad(due: func.TimerRequest) -> None: ...'
ROUTE = '@app.route(route="{route}", auth_level=func.AuthLevel.{level})\ndef bad({parameters}) -> {type}: ...'


def queue(name: str = "work", setting: str = "AzureWebJobsStorage", kind: str = "func.QueueMessage") -> str:
    """A function on a queue."""
    return QUEUE.format(queue=name, setting=setting, type=kind)


def route(
    where: str = "bad", level: str = "ANONYMOUS", parameters: str = "req: func.HttpRequest", kind: str = "str"
) -> str:
    """A function on a route."""
    return ROUTE.format(route=where, level=level, parameters=parameters, type=kind)


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        # What the worker itself refuses, and with it the whole app.
        (queue(kind="func.QueueMessage | None"), "cannot load the bad function"),
        (route(kind="dict"), "cannot load the bad function"),
        (route(parameters="request: func.HttpRequest"), "cannot load the bad function"),
        (route(parameters="req: func.HttpRequest, service: object = None"), "cannot load the bad function"),
        ("other = func.FunctionApp()", "More than one"),
        ("import no_such_module", "no_such_module"),
        # What only the host refuses.
        (TIMER.format(schedule="*/5 * * * *"), "no schedule of six fields"),
        (TIMER.format(schedule="%NOT_SET%"), "%NOT_SET%"),
        (queue(name="Work"), "no name for a queue"),
        (queue(setting="NotSet"), "NotSet holds no connection string"),
        (route(level="FUNCTION"), "function keys are not simulated"),
        (route(where="admin/things"), "built in routes"),
    ],
)
def test_what_the_real_host_would_not_start_is_refused(tmp_path: Path, more: str, reason: str) -> None:
    (tmp_path / "function_app.py").write_text(GOOD + more)
    (tmp_path / "host.json").write_text((SAMPLE / "host.json").read_text())
    with pytest.raises(NotHosted, match=reason), hosted(tmp_path, tmp_path / "clock", {"AzureWebJobsStorage": "x"}):
        pass
