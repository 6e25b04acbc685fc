"""What an open customer answers about its mail flow; in the mode without routing there is none to answer about."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.engine.concerns import Concern
from shared.engine.effects import Drift

MODELLED = frozenset({"group", "group-members", "rule", "route", "gateway"})


class Watch(Protocol):
    """What looks at a customer's mail flow."""

    async def drifts(self) -> Sequence[Drift]:
        """Everything of others' doing that harms mail."""
        ...

    async def concerns(self) -> Sequence[Concern]:
        """What would harm mail once we are in it."""
        ...

    async def keep(self) -> None:
        """Remember the present mail flow as the one that should be, but for what harms mail in it."""
        ...


class WatchedMail:
    """The part of an open customer that is about its mail flow; nothing watches it where no mail is routed."""

    watch: Watch | None

    @property
    def paused(self) -> bool:
        """No rule of ours routes mail here, so that a pause is refused."""
        return False

    @property
    def modelled(self) -> frozenset[str]:
        """Keys of the rows whose objects the model of the mail flow sees."""
        return MODELLED if self.watch else frozenset()

    async def mail_drift(self) -> Sequence[Drift] | None:
        """What others changed that harms mail; None where no mail is routed."""
        return await self.watch.drifts() if self.watch else None

    async def repair_harms(self, _keys: Sequence[str]) -> Mapping[str, str]:
        """The group is all that we repair, and it harms no mail that it is as it should be."""
        return {}

    async def concerns(self) -> Sequence[Concern] | None:
        """What in the customer would harm mail once we are in it; None where no mail is routed."""
        return await self.watch.concerns() if self.watch else None

    async def keep_mail_flow(self) -> None:
        """Remember the present mail flow as the one that should be, but for what harms mail in it."""
        if self.watch:
            await self.watch.keep()

    async def note_mail_flow(self, _why: str) -> None:
        """No snapshots: most of the mail flow is nothing that an API shows."""
