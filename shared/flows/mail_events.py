"""That the mail flow of a tenant broke, and that it is sound again: told once each, whatever became of the run."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from shared.connections.choices import Choice, Way
from shared.connections.events import EventKind
from shared.connections.record import Connection, tell
from shared.connections.stages import Stage
from shared.engine.concerns import UNTOLD, covers
from shared.engine.effects import WORST_FIRST, Effect
from shared.engine.ledger import Ledger
from shared.flows.app import App

log = logging.getLogger(__name__)
Drifts = Mapping[str, Mapping[str, Any]]
"""Drifts by the keys of what has drifted."""


@asynccontextmanager
async def told(app: App, connection: Connection, ledger: Ledger, choices: Mapping[str, Choice]) -> AsyncIterator[None]:
    """Compare what harms mail before the block with what does after it. The ledger holds a row of each already."""
    before = _harmful(ledger)
    try:
        yield
    finally:
        after = _harmful(ledger)
        accepted = {key for key, one in choices.items() if one.way is Way.ACCEPT}
        broken = {
            key: drift
            for key, drift in after.items()
            if key not in before and not (key in accepted and covers(choices[key].effect, drift["effect"]))
        }
        await _tell(app, connection, broken, {key: drift for key, drift in before.items() if key not in after})


async def _tell(app: App, connection: Connection, broken: Drifts, recovered: Drifts) -> None:
    """In the log, and to those who subscribed while the connection runs: what goes with it recovers nothing."""
    for key, drift in broken.items():
        log.warning("mail flow broken", extra={"connection": connection.id, **_about(key, drift)})
    for key, drift in recovered.items():
        log.info("mail flow recovered", extra={"connection": connection.id, **_about(key, drift)})
    if connection.stage is not Stage.RUN or not (broken or recovered):
        return
    async with app.database.write() as write:
        for kind, drifts in ((EventKind.MAIL_BROKEN, broken), (EventKind.MAIL_RECOVERED, recovered)):
            for key, drift in drifts.items():
                await tell(write, connection, kind, app.clock.now(), **_about(key, drift))


def _harmful(ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """What has drifted but for what is known to do no harm; where no model can tell, the effect is unknown."""
    drifts = {key: one.drift for key, one in ledger.holdings.items() if one.drift}
    return {key: {"effect": [UNTOLD], **one} for key, one in drifts.items() if one.get("effect", [UNTOLD])}


def _about(key: str, drift: Mapping[str, Any]) -> dict[str, Any]:
    effects = sorted(map(Effect, drift["effect"]), key=WORST_FIRST.index)
    return {"key": key, "effect": list(map(str, effects)), "sentence": drift.get("told")}
