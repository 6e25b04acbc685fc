"""host.json is valid, and says what the code relies on.

`host.schema.json` is SchemaStore's published schema of the file (Apache-2.0), its edition of October 2022: the later
ones know two kinds of version 2 that exclude each other, and so refuse every file that is both.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema

from shared.deployment.queues import database as embedded
from tests.hosts.azure_host import queue as azure_queue
from tests.hosts.azure_host.queue import Options, span

HERE = Path(__file__).parent
HOST: dict[str, Any] = json.loads((HERE.parents[1] / "host.json").read_text())
SCHEMA = json.loads((HERE / "host.schema.json").read_text())
QUEUES = HOST["extensions"]["queues"]


def _problems(host: dict[str, Any]) -> list[str]:
    # The published schema does not know this setting yet; the host takes one other value, and that by default.
    known = {name: value for name, value in host.items() if name != "telemetryMode"}
    return [error.message for error in jsonschema.Draft4Validator(SCHEMA).iter_errors(known)]


def test_fits_the_published_schema() -> None:
    assert not _problems(HOST)
    assert HOST["telemetryMode"] == "OpenTelemetry"


def test_the_schema_would_notice() -> None:
    assert _problems({**HOST, "function_timeout": "00:10:00"})
    wrong = {"batchSize": 64}, {"visibilityTimeout": 60}, {"messageEncoding": "utf-8"}, {"maxDeliveries": 5}
    for change in wrong:
        assert _problems({**HOST, "extensions": {"queues": {**QUEUES, **change}}}), change


def test_the_extensions_know_how_messages_are_encoded() -> None:
    bounds = re.fullmatch(r"\[(\d+)\.\d+\.\d+, (\d+)\.0\.0\)", HOST["extensionBundle"]["version"])
    assert bounds, "one major version, from a release on"
    lowest, beyond = map(int, bounds.groups())
    # Base64 can be chosen from version 4 on; nobody has tried the app with the one after.
    assert (lowest, beyond) == (4, 5)
    assert QUEUES["messageEncoding"] == "base64"


def test_no_function_runs_longer_than_its_message_is_hidden() -> None:
    timeout = span(HOST["functionTimeout"])
    assert timedelta(0) < timeout <= azure_queue.HIDDEN
    assert timeout <= embedded.HIDDEN


def test_what_fails_is_tried_again_and_not_at_once_and_not_for_ever() -> None:
    # The host's own default is at once.
    assert span(QUEUES["visibilityTimeout"]) > timedelta(0)
    options = Options.read(QUEUES)
    assert 1 < options.most_deliveries <= 10
    # All tries together outlast a database that moves to its standby.
    assert options.retry_after * (options.most_deliveries - 1) >= timedelta(minutes=3)


def test_an_instance_takes_no_more_than_it_can_work_on() -> None:
    options = Options.read(QUEUES)
    assert options.batch + options.threshold <= 16
    assert 0.1 <= options.slowest_poll <= 10
    # It would override both.
    assert HOST["concurrency"]["dynamicConcurrencyEnabled"] is False


def test_invocations_are_logged_and_the_libraries_chatter_is_not() -> None:
    levels = HOST["logging"]["logLevel"]
    assert levels["default"] == "Warning"
    assert levels["Function"] == levels["Host.Results"] == "Information"


def test_addresses_are_the_routes_own() -> None:
    assert HOST["extensions"]["http"]["routePrefix"] == ""
