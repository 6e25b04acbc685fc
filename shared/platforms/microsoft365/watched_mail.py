"""What a tenant is answered about its mail flow."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.engine.concerns import Concern
from shared.engine.effects import Drift


class Watch(Protocol):
    """Who looks at the mail flow of a tenant. They know the tenant's resources, and those know the tenant."""

    modelled: frozenset[str]
    """Keys of the rows whose objects the model sees."""

    async def drifts(self) -> Sequence[Drift] | None:
        """What others changed since mail last flowed as it should."""

    async def repair_harms(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Of our objects by key, those whose repair would do harm now, with that in words."""

    async def concerns(self) -> Sequence[Concern]:
        """What in the tenant would harm mail once we are in it."""

    async def keep(self) -> None:
        """Remember the present mail flow as the one that should be."""

    async def note(self, why: str) -> None:
        """Keep a snapshot of the present mail flow."""

    async def look_ahead(self) -> None:
        """Read side by side what a plan reads."""

    def forget(self) -> None:
        """Forget what was seen."""
