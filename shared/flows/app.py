"""What every handler is given, built once in a process. Imports none of it: a cold start pays for what it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.deployment.issuers import Keys
    from shared.deployment.queues import Queue
    from shared.deployment.sealing import Seal
    from shared.foundation.clock import Clock
    from shared.foundation.http_client import Wire
    from shared.foundation.rate_limit import Rates
    from shared.foundation.settings import Settings
    from shared.platforms.contract import Platform
    from shared.storage.database import Database


class Platforms(Mapping[str, "Platform"]):
    """Every platform by name, made when it is first asked for: most processes serve one, many requests none."""

    def __init__(self, titles: Mapping[str, str], make: Callable[[str], Platform]) -> None:
        self.titles, self._make = titles, make
        self._made: dict[str, Platform] = {}

    def __getitem__(self, name: str) -> Platform:
        if name not in self.titles:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.titles)

    def __len__(self) -> int:
        return len(self.titles)

    def __contains__(self, name: object) -> bool:
        return name in self.titles


@dataclass(frozen=True, kw_only=True)
class App:
    """Everything a handler needs, built once from settings by `service.build`."""

    settings: Settings
    clock: Clock
    database: Database
    queue: Queue
    seal: Seal
    wire: Wire
    keys: Keys
    rates: Rates
    platforms: Platforms
