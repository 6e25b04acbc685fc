"""`python -m tests.harness.fleet_machine [UNSCANNED]`: a machine with five hundred connections; a few need somebody.

UNSCANNED: how many of them have mail that bypasses the scanner, by default three.
"""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from infra.local.machine import machine
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.engine.effects import Effect
from shared.flows import grant
from shared.flows.app import App
from shared.foundation.schedule import TIMERS, Site
from shared.protection.quarantine import QuarantineState
from shared.storage import tables as db
from shared.web.accounts import sign_in_link

CONNECTIONS = 500
# Of a customer who leaves.
LEAVING = range(100, 140)
# Of those, the ones in whose tenants there is something of ours.
CONSENTED = range(100, 102)
# Of those, the one with a message in quarantine: it refuses.
HOLDING_MAIL = 110
UNSCANNED = ("Adventure Works", "Blue Yonder", "City Power")
TOLD = "Inbound mail to all protected people bypasses the scanner: the rule was disabled"


async def fill(app: App, unscanned: int) -> None:
    """Five hundred connections: a few whose mail is unscanned, some that wait, and the rest healthy."""
    new = grant.NewConnection(platform="microsoft365", site=Site.UK, name="First", tenant="first.example")
    first = (await grant.create(app, new, "olga@msp.example")).connection_id
    # Each has keys of its own, so that its revoke goes as far as one without a tenant can.
    leaving = {one: (await grant.create(app, new, "olga@msp.example")).connection_id for one in LEAVING}
    now = app.clock.now()
    async with app.database.write() as write:
        row = (await write.execute(sa.select(db.connections).where(db.connections.c.id == first))).one()._mapping
        rows = [
            {**row, **_one(number, now, unscanned), "id": leaving.get(number, f"{number:032x}")}
            for number in range(CONNECTIONS)
        ]
        await write.execute(sa.insert(db.connections), [one for at, one in enumerate(rows) if at not in leaving])
        for number, id_ in leaving.items():
            mine = db.connections.c.id == id_
            await write.execute(sa.update(db.connections).where(mine).values(_one(number, now, unscanned)))
        # There are no tenants behind these, so no timer sends a job to them.
        await write.execute(sa.delete(db.timers))
        fired = [{"name": timer.name, "fired_at": now + timedelta(days=30)} for timer in TIMERS]
        await write.execute(sa.insert(db.timers), fired)
        drift = {"effect": [str(Effect.UNSCANNED)], "told": TOLD}
        held = {"key": "rule", "state": "ours", "since": now, "drift": drift, "incarnation": 1, "attempts": 0}
        await write.execute(
            sa.insert(db.holdings), [{"connection": rows[one]["id"], **held} for one in range(unscanned)]
        )
        ours = [
            {"connection": rows[one]["id"], **held, "key": key, "identity": key, "drift": None}
            for one in CONSENTED
            for key in ("rule-incoming-user", "group-incoming", "inbound-incoming")
        ]
        await write.execute(sa.insert(db.holdings), ours)
        message = {"user": "u", "address": "ada@litware.example", "message": "m", "policy": "p", "labels": []}
        kept = {"sealed": b"", "at": now, "until": now + timedelta(days=30), "state": str(QuarantineState.WAITING)}
        await write.execute(sa.insert(db.quarantine).values(connection=rows[HOLDING_MAIL]["id"], **message, **kept))


def _one(number: int, now: Any, unscanned: int) -> dict[str, Any]:
    names = dict(enumerate(UNSCANNED[:unscanned]))
    mine: dict[str, Any] = {
        "label": str(number),
        "name": names.get(number, f"Customer {number:03}"),
        "customer": "litware" if number in LEAVING else ("fabrikam", "northwind", "contoso")[number % 3],
        "platform": ("microsoft365", "google")[number % 2],
        "stage": int(Stage.RUN),
        "stage_since": now - timedelta(days=number % 50),
        "synced_at": now - timedelta(minutes=number),
        "not_before": now + timedelta(days=30),  # no job of this machine touches them
        "status": str(Status.OK),
    }
    if number in CONSENTED:
        mine |= {"platform": "microsoft365", "tenant": f"tenant-{number}"}
    if number in names:
        mine |= {"status": str(Status.ATTENTION), "reason": "drift", "sentence": f"{TOLD}.", "reason_since": now}
    elif number < 15:
        expires = now + timedelta(days=number - 5)
        mine |= {
            "stage": int(Stage.NEW),
            "stage_since": now,
            "synced_at": None,
            "invited_at": now,
            "invitation_expires_at": expires,
        }
    elif number > CONNECTIONS - 20:
        mine |= {"stage": int(Stage.CLOSED)}
    return mine


async def _run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with machine(Path(folder)) as running:
            await fill(running.app, int(sys.argv[1]) if sys.argv[1:] else len(UNSCANNED))
            sys.stdout.write(f"Console: {await sign_in_link(running.app)}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run())
