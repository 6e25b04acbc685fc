"""What the person who runs this sees: log lines as JSON with the ids of what they are about; traces and metrics by
OpenTelemetry where a collector is set.

Nothing secret is in any of it. What we write ourselves never holds a secret; what others raise may, so of an
exception that is not ours only its kind and the places that it went through are told.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.foundation.errors import FootprintError

if TYPE_CHECKING:
    from shared.foundation.settings import Telemetry

SERVICE = "footprint"
Labels = tuple[tuple[str, str], ...]
_counts: ContextVar[Counts | None] = ContextVar("counts", default=None)
_about: ContextVar[Mapping[str, str]] = ContextVar("about")
# Of a record's attributes, those that everybody's have.
PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# What a cold machine may take to reach its collector before its answer goes out, in milliseconds.
FLUSH = 2000


@contextmanager
def about(**ids: str | None) -> Iterator[None]:
    """Everything that is logged or traced inside bears these ids: `connection`, `platform`, `job`, `request`."""
    known = _about.get({})
    token = _about.set({**known, **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _about.reset(token)


@dataclass(kw_only=True)
class Counts:
    """What this process has counted and not yet added to the deployment's totals, and when it last did."""

    here: defaultdict[tuple[str, Labels], float] = field(default_factory=lambda: defaultdict(float))
    kept_at: datetime | None = None


@contextmanager
def counting(counts: Counts) -> Iterator[None]:
    """What is counted inside, in whichever task or thread of the work, is added to `counts`."""
    token = _counts.set(counts)
    try:
        yield
    finally:
        _counts.reset(token)


def count(what: str, by: float = 1, **labels: str) -> None:
    """Count something by its labels, of few values each, and by the platform that it is about."""
    if (counts := _counts.get()) is not None:
        platform = _about.get({}).get("platform", "")
        counts.here[what, (("platform", platform), *labels.items())] += by


def ids() -> Mapping[str, str]:
    """The ids that what is logged here bears."""
    return _about.get({})


class Line(logging.Formatter):
    """A record as one line of JSON, by names that log stores understand."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **_about.get({}),
            **{name: value for name, value in vars(record).items() if name not in PLAIN},
        }
        if record.exc_info and record.exc_info[1] is not None:
            content["error"] = told(record.exc_info[1])
        return json.dumps(content, default=str, ensure_ascii=False)


def told(error: BaseException) -> dict[str, Any]:
    """An exception without what it says, unless it is ours: its kind, where it was raised, and what it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    content: dict[str, Any] = {
        "kind": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, FootprintError):
        content["code"], content["sentence"] = error.code, error.sentence
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return content | ({"from": told(cause)} if cause is not None else {})


class _Otel:
    """The tracer and the instruments of this process, once a collector is set."""

    def __init__(self, url: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        resource = Resource.create({"service.name": SERVICE})
        # Not as a request's `traceparent` says, by which anybody could keep theirs out of the traces.
        self.traces = TracerProvider(sampler=ALWAYS_ON, resource=resource)
        self.traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{url}/v1/metrics"))
        self.metrics = MeterProvider(resource=resource, metric_readers=[reader])
        self.tracer = self.traces.get_tracer(SERVICE)
        meter = self.metrics.get_meter(SERVICE)
        self.gauge = cache(lambda name, about: meter.create_gauge(name, description=about))
        self.seconds = meter.create_histogram("footprint.duration", unit="s", description="of jobs, requests and calls")


_otel: list[_Otel] = []


def start(settings: Telemetry) -> None:
    """Once in a process, before anything else: shape its log lines, and reach its collector if one is set."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        handler.setFormatter(Line())
    logging.getLogger("shared").setLevel(settings.level)
    if settings.otlp_url is not None and not _otel:
        _otel.append(_Otel(settings.otlp_url))


def stop() -> None:
    """Send what is left, and forget the collector."""
    while _otel:
        otel = _otel.pop()
        otel.traces.shutdown()
        otel.metrics.shutdown()


def flush() -> None:
    """Send what there is before the machine may be frozen: a function's background gets no time of its own."""
    for otel in _otel:
        otel.traces.force_flush(FLUSH)
        otel.metrics.force_flush(FLUSH)


def gauge(name: str, about: str, labels: Mapping[str, str], value: float) -> None:
    """Tell the collector a number as it is now. Without a collector this costs nothing."""
    for otel in _otel:
        otel.gauge(name, about).set(value, dict(labels))


def collects() -> bool:
    """Whether there is a collector."""
    return bool(_otel)


class Span:
    """What comes of something that is measured."""

    def __init__(self) -> None:
        self.found: dict[str, str | int] = {}

    def note(self, **found: str | int) -> None:
        """Add what is known only later, such as a status or an outcome; few values each, for they are counted by."""
        self.found |= found


@contextmanager
def span(kind: str, name: str, headers: Mapping[str, str] | None = None, **known: str | int) -> Iterator[Span]:
    """Measure something: a `job`, a `request` or a `call`, by its name, with few-valued attributes.

    `headers` are a request's, whose `traceparent` it goes on from. A collector is told it as a span and in a histogram;
    inside `counting` it is counted by how it ended, with its seconds.
    """
    measured, begin = Span(), time.perf_counter()
    try:
        with _traced(kind, name, headers, known, measured):
            yield measured
    except BaseException as error:
        measured.found.setdefault("error", type(error).__name__)
        raise
    finally:
        found = measured.found
        ended = str(found.get("outcome") or found.get("status") or found.get("error", ""))
        with about(platform=str(found.get("platform", ""))):
            count(f"{kind}s", name=name, outcome=ended)
            count(f"{kind}_seconds", time.perf_counter() - begin, name=name)


@contextmanager
def _traced(
    kind: str, name: str, headers: Mapping[str, str] | None, known: Mapping[str, str | int], measured: Span
) -> Iterator[None]:
    """What a collector is told of it. Without one this costs nothing."""
    if not _otel:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    otel, begin = _otel[0], time.perf_counter()
    parent = TraceContextTextMapPropagator().extract(dict(headers)) if headers is not None else None
    # What an exception says may hold a secret, so it is not recorded.
    with otel.tracer.start_as_current_span(
        f"{kind} {name}", parent, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            measured.note(error=type(error).__name__)
            raise
        finally:
            told_of = {"kind": kind, "name": name, **known, **measured.found}
            current.set_attributes({**told_of, **_about.get({})})
            otel.seconds.record(time.perf_counter() - begin, told_of)
