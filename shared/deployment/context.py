"""What every room above is given: settings, time, database, queue, keys and the way out to the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a cold start pays only for what it uses
    from shared.deployment.issuers import Issuers
    from shared.deployment.queues import Queue
    from shared.deployment.sealing import Seal
    from shared.foundation.clock import Clock
    from shared.foundation.memory import Memory
    from shared.foundation.settings import Settings
    from shared.foundation.wire import Wire
    from shared.storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Context:
    """Built once in a process by `service.build`; platforms, their resources and every flow use these parts."""

    settings: Settings
    clock: Clock
    database: Database
    queue: Queue
    seal: Seal
    wire: Wire
    issuers: Issuers
    memory: Memory
