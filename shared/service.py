"""Builds everything from settings. The only place that wires, and where a platform is registered with one line."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING

from shared.deployment.context import Context
from shared.deployment.issuers import Issuers
from shared.deployment.keyring import keyring
from shared.deployment.links import Links
from shared.deployment.own_database import own_database
from shared.deployment.queues import message_key
from shared.flows.app import App, Platforms
from shared.foundation import telemetry
from shared.foundation.clock import Clock, FileClock, SystemClock
from shared.foundation.memory import Memory
from shared.foundation.rate_limit import Rates, Strangers
from shared.foundation.wire import Wire
from shared.platforms import google_workspace, microsoft365

if TYPE_CHECKING:
    from shared.deployment.anchor_stores import AnchorStore
    from shared.deployment.queues import Queue
    from shared.deployment.sealing import Seal
    from shared.foundation.settings import Settings
    from shared.storage.database import Database

MIB = 1024 * 1024
PLATFORMS = (microsoft365, google_workspace)


def start() -> App:
    """The app of a host's process, from its environment. It hears when the process is told to end.

    To be called inside the host's loop, with garbage collection off until now: what was imported lives as long as the
    process, so it is never looked through.
    """
    from shared.foundation.settings import Settings

    settings = Settings()
    telemetry.start(settings.telemetry)
    app = build(settings)
    app.stopping.at_sigterm()
    gc.freeze()
    gc.enable()
    return app


def build(settings: Settings, clock: Clock | None = None) -> App:
    """The app for one process. Opens nothing yet: connections are made when they are first needed."""
    clock = clock or (FileClock(settings.clock_file) if settings.clock_file else SystemClock())
    wire = Wire(clock=clock, ca_file=settings.ca_file, services=settings.services, threads=settings.token_threads)
    database = own_database(settings, clock)
    seal = keyring(settings, wire, database)
    context = Context(
        settings=settings,
        clock=clock,
        database=database,
        queue=_queue(settings, database, wire, clock, seal),
        seal=seal,
        wire=wire,
        issuers=Issuers(wire, clock),
        memory=Memory(settings.inspection_memory * MIB),
    )
    each, together = settings.api.requests_a_minute_of_an_address, settings.api.requests_a_minute_of_all_addresses
    by_name = {module.NAME: module for module in PLATFORMS}
    return App(
        **vars(context),
        links=Links(context.seal, database, clock),
        rates=Rates(settings.api.requests_a_minute, clock),
        strangers=Strangers(each, together, clock),
        unproven=Strangers(each, together, clock),
        platforms=Platforms(
            {name: module.TITLE for name, module in by_name.items()}, lambda name: by_name[name].make(context)
        ),
        anchors=_anchors(settings, wire, clock),
    )


def _anchors(settings: Settings, wire: Wire, clock: Clock) -> AnchorStore | None:
    if (settings.anchors, settings.anchors_container, settings.anchors_bucket) == (None, None, None):
        return None
    from shared.deployment import anchor_stores

    return anchor_stores.chosen(settings, wire, clock)


def _queue(settings: Settings, database: Database, wire: Wire, clock: Clock, seal: Seal) -> Queue:
    key = partial(message_key, seal)
    match settings.queue:
        case "azure-storage":
            from shared.deployment.identity import ManagedIdentity
            from shared.deployment.queues.azure_storage import AzureStorageQueue

            identity = ManagedIdentity(wire, clock, settings.azure_identity)
            return AzureStorageQueue(settings.azure_storage, identity, clock, key)
        case "cloud-tasks":
            from shared.deployment.identity import ServiceIdentity
            from shared.deployment.queues.cloud_tasks import CloudTasksQueue

            return CloudTasksQueue(settings.cloud_tasks, ServiceIdentity(wire, clock), wire, clock, key)
        case "embedded":
            from shared.deployment.queues.database import EmbeddedQueue

            return EmbeddedQueue(database)
