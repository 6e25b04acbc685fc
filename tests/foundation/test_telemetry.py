"""What the person who runs this sees: lines and traces that name what they are about, and nothing secret, ever."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.foundation import telemetry
from shared.foundation.errors import Permanent
from shared.foundation.settings import Telemetry
from shared.storage import tables
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.orders import signed
from tests.harness.world import MASTER_KEY, World

# Sent wherever somebody may send something: it must come out nowhere but in the answer to its sender.
MARK = "Kq7-marked-9Zw"


class Collector:
    """An OpenTelemetry collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def spans(self) -> list[dict[str, Any]]:
        """Every span, by its name and attributes."""
        found = []
        for path, body in self.bodies:
            if path == "/v1/traces":
                sent = ExportTraceServiceRequest.FromString(body)
                spans = [span for r in sent.resource_spans for scope in r.scope_spans for span in scope.spans]
                found += [
                    {"title": s.name, "trace": s.trace_id.hex(), "events": len(s.events), **_plain(s.attributes)}
                    for s in spans
                ]
        return found

    def gauges(self, name: str) -> list[dict[str, Any]]:
        """The attributes of every data point of one gauge as it was last sent."""
        telemetry.flush()
        for path, body in reversed(self.bodies):
            if path == "/v1/metrics":
                sent = ExportMetricsServiceRequest.FromString(body)
                metrics = [m for r in sent.resource_metrics for scope in r.scope_metrics for m in scope.metrics]
                points = [point for m in metrics if m.name == name for point in m.gauge.data_points]
                if points:
                    return [_plain(point.attributes) for point in points]
        return []

    def measured(self) -> list[dict[str, Any]]:
        """The attributes of every data point of the one histogram."""
        found = []
        for path, body in self.bodies:
            if path == "/v1/metrics":
                sent = ExportMetricsServiceRequest.FromString(body)
                metrics = [m for r in sent.resource_metrics for scope in r.scope_metrics for m in scope.metrics]
                found += [_plain(point.attributes) for m in metrics for point in m.histogram.data_points]
        return found


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that everything is told."""
    # The exporter speaks through a library that follows the machine's proxies.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    formatters = {handler: handler.formatter for handler in logging.getLogger().handlers}
    with closing(Collector()) as made:
        telemetry.start(Telemetry(level="DEBUG", otlp_url=made.url))
        yield made
        telemetry.stop()
    for handler, formatter in formatters.items():
        handler.setFormatter(formatter)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that anybody logs, at every level, as it would be written."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    handler.setFormatter(telemetry.Line())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def parsed(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


async def test_a_line_and_a_trace_name_what_they_are_about(
    world: World, lines: io.StringIO, collector: Collector
) -> None:
    connection = await world.connect()
    await run(world.app, Job(name="advance", connection_id=connection.id))
    world.fault({"host": "graph"}, {"kind": "html"}, times=50)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    trace = "0af7651916cd43dd8448eb211c80319c"
    answered = await ask(world, "GET", "/api/health", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    refused = await ask(world, "GET", "/api/connections")
    await ask(world, "GET", "/runbook", traceparent="00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00")
    telemetry.flush()

    about = {"connection": connection.id, "platform": "microsoft365", "job": "sync-now"}
    told = [line for line in parsed(lines) if line.get("reason") == "unreadable_answer"]
    assert len(told) == 1  # loud once
    assert about.items() <= told[0].items()
    (rejected,) = [line for line in parsed(lines) if line["message"] == "request rejected"]
    assert rejected["request"] == refused.headers["X-Request-Id"] != answered.headers["X-Request-Id"]

    spans = {span["title"]: span for span in collector.spans()}
    assert {**about, "outcome": "waiting", "kind": "job"}.items() <= spans["job sync-now"].items()
    assert spans["request health"]["trace"] == trace
    assert spans["request list_connections"]["status"] == 401
    assert "request page_runbook" in spans  # although its sender asked for no trace
    assert any(span["title"].startswith("call ") and span.get("connection") for span in collector.spans())
    about_jobs = [{**point} for point in collector.measured() if point["kind"] == "job"]
    assert {"kind": "job", "name": "sync-now", "outcome": "waiting", "platform": "microsoft365"} in about_jobs
    assert {point["name"] for point in about_jobs} >= {"advance", "sync-now"}
    # An id in a metric would make a series of its own for each connection.
    assert not [point for point in collector.measured() if "connection" in point or "request" in point]


async def test_an_exception_is_told_without_what_it_says() -> None:
    def failing() -> None:
        try:
            int(f"invalid token {MARK}")
        except ValueError as error:
            raise Permanent("our_credential", "Check the key.") from error

    with pytest.raises(Permanent) as raised:
        failing()
    told = telemetry.told(raised.value)
    assert (told["kind"], told["code"], told["sentence"]) == ("Permanent", "our_credential", "Check the key.")
    assert told["from"]["kind"] == "ValueError"
    assert "failing" in told["from"]["at"][0]
    assert MARK not in json.dumps(told)


async def test_without_a_collector_nothing_is_measured(world: World) -> None:
    with telemetry.span("job", "sync") as measured:
        measured.note(outcome="done")
    telemetry.flush()
    await run(world.app, Job(name="sync", connection_id="nobody's"))


# What may go wrong on the way, as the simulators know it.
FAULTS: list[dict[str, Any]] = [
    {"kind": "html"},
    {"kind": "truncated_json"},
    {"kind": "drop_after"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 401},
    {"kind": "empty403"},
    {"kind": "throttle", "retry_after": "120"},
]


async def _knock(world: World, connection: str) -> None:
    """Everything that a stranger may send, with the mark in it."""
    for path in (
        f"/api/consent/microsoft365?tenant={MARK}&state={MARK}&admin_consent=True",
        f"/api/consent/google?code={MARK}&state={MARK}",
        f"/sign-in/once/{MARK}",
        f"/{MARK}",
        f"/api/connections/{MARK}",
        f"/api/connections?{MARK}={MARK}",
    ):
        for headers in ({}, {"authorization": f"Bearer {MARK}"}, {"cookie": f"footprint={MARK}"}):
            assert (await ask(world, "GET", path, **headers)).status in (302, 303, 400, 401, 403, 404, 410)
    token = world.sims.operator_token()
    for more in ({"content": f"code={MARK}".encode()}, {"cookie": f"footprint-connect={MARK}"}):
        origin = world.app.settings.public_url
        assert (await ask(world, "POST", "/connect", origin=origin, **more)).status == 410
    for body in ({MARK: MARK}, {"platform": MARK, "site": "eu", "name": MARK}, MARK, [MARK]):
        assert (await ask(world, "POST", "/api/connections", token=token, body=body)).status == 400
    await ask(world, "POST", f"/api/connections/{connection}/steps/{MARK}", token=token, body={})
    policy = {"name": MARK, "users": 1}
    await ask(world, "PUT", f"/api/connections/{connection}/policies/{MARK}", token=token, body=policy)
    push = {"message": {"data": MARK, "messageId": "1"}, "subscription": MARK}
    assert (
        await ask(world, "POST", "/api/notifications/gmail", body=push, authorization=f"Bearer {MARK}")
    ).status == 401


async def test_nothing_secret_comes_out_anywhere(world: World, lines: io.StringIO, collector: Collector) -> None:
    microsoft, workspace = await world.connect(), await google.connect(world)
    secrets = {MARK, MASTER_KEY, "PRIVATE KEY", "eyJ"}
    secrets |= {value for name, value in world.sims.settings.items() if name.endswith("__CLIENT_SECRET")}
    for connection, host in ((microsoft, "graph"), (workspace, "admin")):
        secrets |= set(await header_secrets(world.app.seal, connection))
        await _knock(world, connection.id)
        for fault in FAULTS:
            world.fault({"host": host}, fault, times=4)
            await run(world.app, Job(name="sync-now", connection_id=connection.id))
            world.control("DELETE", "/faults")
        await run(world.app, Job(name="refresh", connection_id=connection.id))
    # A token for the link in which it came is in nobody's line, nor is a signed-in operator's.
    told = await ask(
        world,
        "POST",
        f"/api/connections/{microsoft.id}/grant",
        body={},
        authorization=f"Bearer {world.sims.operator_token()}",
    )
    secrets.add(json.loads(told.body)["consent_url"].rpartition("#")[2])
    secrets |= set(world.sims.google.tokens) | set(world.sims.google.codes)
    await world.until(microsoft, Stage.RUN)
    await world.leave(microsoft)
    telemetry.flush()

    kept = []
    async with world.app.database.read() as read:
        for table in tables.metadata.sorted_tables:
            # What is sealed is bytes, and a policy's or a connection's name is the operator's own.
            rows = [[v for v in row if not isinstance(v, bytes)] for row in await read.execute(sa.select(table))]
            if table.name == "certificates":
                # A signed certificate is a token by its form, so what it says is looked through.
                rows = [
                    [jwt.decode(row[-1], options={"verify_signature": False}, algorithms=["EdDSA"])] for row in rows
                ]
                assert rows
            kept += map(repr, rows)
    sent = await signed(world, Job(name="sync", connection_id=microsoft.id), world.clock.now())
    spans = json.dumps(collector.spans())
    for name, output in {
        "lines": lines.getvalue(),
        "spans": spans,
        "measures": json.dumps(collector.measured()),
        "collector": repr(collector.bodies),
        "database": "\n".join(kept),
        "message": sent,
    }.items():
        assert output, name
        found = {secret for secret in secrets if secret in output}
        assert found == set(), name
    assert len(lines.getvalue()) > 10_000
    assert '"events": 0' in spans
    assert '"events": 1' not in spans  # an exception's own words would be one
