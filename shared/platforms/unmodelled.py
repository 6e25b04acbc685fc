"""What an open tenant answers about its mail flow where no model of that can tell."""

from collections.abc import Mapping, Sequence

from shared.engine.concerns import Concern
from shared.engine.effects import Drift


class Unmodelled:
    """An open tenant of a platform without a model of the mail flow: everything about it is unknown."""

    @property
    def paused(self) -> bool:
        """No rule of ours routes mail here, so that a pause is refused."""
        return False

    @property
    def modelled(self) -> frozenset[str]:
        """No model of the mail flow sees any row here."""
        return frozenset()

    async def mail_drift(self) -> Sequence[Drift] | None:
        """Nothing can be told without a model."""
        return None

    async def repair_harms(self, _keys: Sequence[str]) -> Mapping[str, str]:
        """No model can tell."""
        return {}

    async def concerns(self) -> Sequence[Concern] | None:
        """Nothing can be told without a model."""
        return None

    async def keep_mail_flow(self) -> None:
        """Nothing to remember without a model."""

    async def note_mail_flow(self, _why: str) -> None:
        """No snapshot without a model."""
