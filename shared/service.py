"""Builds everything from settings. The only place that wires, and where a platform is registered with one line."""

from shared import google_workspace, microsoft365
from shared.clock import Clock, FileClock, SystemClock
from shared.database import Database
from shared.http import Wire
from shared.keys import Keys
from shared.platform import App
from shared.queues.embedded import EmbeddedQueue
from shared.seal import Seal
from shared.settings import Settings

PLATFORMS = (microsoft365.platform, google_workspace.platform)


def build(settings: Settings, clock: Clock | None = None) -> App:
    """The app for one process. Opens nothing yet: connections are made when they are first needed."""
    clock = clock or (FileClock(settings.clock_file) if settings.clock_file else SystemClock())
    wire = Wire(clock=clock, ca_file=settings.ca_file)
    database = Database(settings.database_url)
    keys = Keys(wire, clock)
    offered = [make(settings, wire, keys, clock) for make in PLATFORMS]
    return App(
        settings=settings,
        clock=clock,
        database=database,
        queue=EmbeddedQueue(database),
        seal=Seal(settings.master_key.get_secret_value()),
        wire=wire,
        keys=keys,
        platforms={platform.name: platform for platform in offered},
    )
