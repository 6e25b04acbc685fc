"""That the mail flow of a tenant broke, and that it is sound again: told once each, whatever became of the run."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.connections.choices import Choice, Way
from shared.connections.record import Connection
from shared.engine.concerns import UNTOLD, covers
from shared.engine.effects import WORST_FIRST, Effect
from shared.engine.ledger import Ledger

log = logging.getLogger(__name__)


@contextmanager
def told(connection: Connection, ledger: Ledger, choices: Mapping[str, Choice]) -> Iterator[None]:
    """Compare what harms mail before the block with what does after it. The ledger holds a row of each already."""
    before = _harmful(ledger)
    try:
        yield
    finally:
        after = _harmful(ledger)
        for key, drift in after.items():
            one = choices.get(key)
            accepted = one is not None and one.way is Way.ACCEPT and covers(one.effect, drift["effect"])
            if key not in before and not accepted:
                broken(connection, key, drift)
        for key, drift in before.items():
            if key not in after:
                recovered(connection, key, drift)


def broken(connection: Connection, key: str, drift: Mapping[str, Any]) -> None:
    """Others have changed something, and mail is harmed by it."""
    log.warning("mail flow broken", extra=_about(connection, key, drift))


def recovered(connection: Connection, key: str, drift: Mapping[str, Any]) -> None:
    """What harmed mail does so no more."""
    log.info("mail flow recovered", extra=_about(connection, key, drift))


def _harmful(ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """What has drifted but for what is known to do no harm; where no model can tell, the effect is unknown."""
    drifts = {key: one.drift for key, one in ledger.holdings.items() if one.drift}
    return {key: {"effect": [UNTOLD], **one} for key, one in drifts.items() if one.get("effect", [UNTOLD])}


def _about(connection: Connection, key: str, drift: Mapping[str, Any]) -> dict[str, Any]:
    effects = sorted(map(Effect, drift["effect"]), key=WORST_FIRST.index)
    return {"connection": connection.id, "key": key, "effect": list(map(str, effects)), "told": drift.get("told")}
