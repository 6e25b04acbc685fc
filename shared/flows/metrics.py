"""What customers would feel, in numbers: the same for who asks for them and for the collector they are sent to.

They are read from the database, so that every process of a deployment tells the same, also what jobs have counted
(`flows/counts.py`); jobs, requests and calls are measured where they happen (`foundation/telemetry.py`).
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.connections import census, choices, due, events, halts
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.engine.concerns import covers
from shared.engine.drifted import drifted
from shared.flows import counts, health, ticks
from shared.flows.app import App
from shared.flows.webhooks import store
from shared.foundation import telemetry
from shared.foundation.schedule import TIMERS
from shared.foundation.telemetry import Labels
from shared.protection import mailboxes
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

# How long a certificate is counted.
CERTIFIED_WITHIN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One number by name, with its meaning and a value for each set of labels; times are in seconds.

    What was counted since the deployment began has a name that ends with `_total`.
    """

    name: str
    about: str
    values: Mapping[Labels, float]


async def gauges(app: App) -> list[Gauge]:
    """Every number as it is now."""
    now, sites = app.clock.now(), app.settings.sites
    checked = await health.checks(app)
    ready = {_labels(check=name): float(not one.wrong) for name, one in checked.items()}
    found = [
        Gauge(name="footprint_check_passes", about="1 if a check of the health page passes", values=ready),
        _one("footprint_database_locked", "1 if the database takes no writes", 1 - ready[_labels(check="database")]),
    ]
    if "timers" not in checked:
        return found  # no database, or none of this code's tables
    last, counted = await ticks.last(app.database), await census.count(app.database)
    attention = await census.reasons(app.database, Status.ATTENTION)
    waiting = await census.reasons(app.database, Status.WAITING)
    ends = await events.since(app.database, events.EventKind.CERTIFICATE, now - CERTIFIED_WITHIN)
    results = Counter(str(one["result"]) for one in ends)
    harmed = await _harmed(app)
    used = await app.database.connections_used()
    synced = await census.oldest_sync(app.database)
    lapsed, lapses = await mailboxes.watches(app.database, now)
    late = await due.syncs_late(app.database, sites, now, health.SYNC_LATE)
    async with app.database.read() as read:
        webhooks = await store.every(read)
    return [
        *found,
        *(
            Gauge(name=f"footprint_{name}_total", about=counts.TOTALS[name], values=values)
            for name, values in (await counts.totals(app.database)).items()
        ),
        Gauge(
            name="footprint_connections",
            about="connections by platform, stage and status",
            values={
                _labels(platform=platform, stage=Stage(stage).name.lower(), status=status): number
                for (platform, stage, status), number in counted.items()
            },
        ),
        Gauge(
            name="footprint_attention",
            about="connections in which action is required, by reason",
            values={_labels(reason=reason): number for reason, number in attention.items()},
        ),
        Gauge(
            name="footprint_waiting",
            about="connections that wait, by reason",
            values={_labels(reason=reason): number for reason, number in waiting.items()},
        ),
        Gauge(
            name="footprint_certificates",
            about="connections closed within the last seven days, by the result of their certificate",
            values={_labels(result=result): number for result, number in results.items()},
        ),
        Gauge(
            name="footprint_mail_harmed",
            about="running connections whose mail is harmed by drift that is not accepted, by effect",
            values={_labels(effect=effect): number for effect, number in harmed.items()},
        ),
        Gauge(
            name="footprint_database_connections_percent",
            about="percentage of the database server's connections in use",
            values={} if used is None else {(): 100 * used},
        ),
        Gauge(
            name="footprint_oldest_sync_seconds",
            about="age of the oldest last synchronisation of a running connection, by site",
            values={_labels(site=site): _age(at, now) for site, at in synced.items()},
        ),
        Gauge(
            name="footprint_syncs_overdue",
            about="connections whose daily synchronisation is overdue, by site",
            values={_labels(site=str(site)): late.get(str(site), 0) for site in sites},
        ),
        Gauge(
            name="footprint_timer_age_seconds",
            about="time since a timer last came to its end",
            values={_labels(timer=one.name): _age(last[one.name], now) for one in TIMERS if one.name in last},
        ),
        _one(
            "footprint_queue_age_seconds",
            "how long the oldest job has been due that no process has taken from its queue",
            _age(await health.oldest_job(app), now),
        ),
        _one(
            "footprint_wait_overrun_seconds",
            "how long a connection's next run has been due",
            _age(await due.longest_wait(app.database, now), now),
        ),
        _one(
            "footprint_jobs_failing",
            "connections whose jobs end in an internal error",
            await census.failing(app.database),
        ),
        _one("footprint_watches_lapsed", "mailbox subscriptions that lapsed", lapsed),
        Gauge(
            name="footprint_watch_left_seconds",
            about="time until the next mailbox subscription lapses, unless it is renewed",
            values={} if lapses is None else {(): _age(now, lapses)},
        ),
        _one("footprint_halts", "uses of the kill switch that stand", len(await halts.standing(app.database))),
        _one("footprint_webhooks_failing", "webhooks that take nothing", len([w for w in webhooks if w.failing_since])),
    ]


async def tell(app: App) -> None:
    """Send every number to the collector, if there is one, and to the log, where the settings say so."""
    logs = app.settings.telemetry.numbers
    if not (logs or telemetry.collects()):
        return
    for one in await gauges(app):
        for labels, value in one.values.items():
            telemetry.gauge(one.name.replace("_", ".", 1), one.about, dict(labels), value)
            if logs:
                log.info("number", extra={"metric": one.name, "labels": dict(labels), "value": value})


async def _harmed(app: App) -> Counter[str]:
    """How many running connections have findings of an effect that are not accepted, by effect."""
    running = set(await due.running(app.database, app.settings.sites))
    accepted = await choices.accepted(app.database, app.clock.now())
    found: set[tuple[ConnectionId, str]] = set()
    for connection, key, effects in await drifted(app.database):
        if connection in running and not covers(accepted.get((connection, key)), effects):
            found |= {(connection, effect) for effect in effects}
    return Counter(effect for _, effect in found)


def prometheus(found: Iterable[Gauge]) -> bytes:
    """The numbers as Prometheus reads them (text format 0.0.4)."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    class _Found:
        def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
            for one in found:
                names = [name for name, _ in next(iter(one.values), ())]
                kind = CounterMetricFamily if one.name.endswith("_total") else GaugeMetricFamily
                family = kind(one.name, one.about, labels=names)
                for labels, value in one.values.items():
                    family.add_metric([text for _, text in labels], value)
                yield family

    registry = CollectorRegistry()
    registry.register(_Found())
    return generate_latest(registry)


def _one(name: str, about: str, value: float) -> Gauge:
    return Gauge(name=name, about=about, values={(): float(value)})


def _labels(**labels: str) -> Labels:
    return tuple(labels.items())


def _age(at: datetime | None, now: datetime) -> float:
    return max((now - at).total_seconds(), 0.0) if at else 0.0
