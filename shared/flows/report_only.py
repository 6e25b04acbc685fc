"""When a policy's report only ends: it acts if that was chosen; else it goes on reporting, and a person is asked.

To act without having been told to could take good mail out of mailboxes; to stop reporting would lose the count by
which a person decides. So without a choice nothing changes but that somebody is asked.
"""

import logging

from shared.connections import record
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.flows.app import App
from shared.protection import decisions, report_only
from shared.protection.targets import Targets
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

CODE = "report_only_ended"
MAX_NAMED = 3


async def end_all(app: App) -> list[ConnectionId]:
    """Carry out the ends that have come; returns the connections that are to be looked at again."""
    ended = []
    for identifier in await report_only.connections_due(app.database, app.settings.sites, app.clock.now()):
        connection = await record.find(app.database, identifier)
        for policy in await report_only.end(app.database, connection, app.clock.now()) if connection else ():
            log.info("policy's report only ended", extra={"connection": identifier, "policy": policy.name})
        ended.append(identifier)
    return ended


async def asks(app: App, connection: Connection, targets: Targets) -> bool:
    """Show that a person is to decide about policies whose report only has ended; False if there are none."""
    now = app.clock.now()
    waiting = report_only.asking(await targets.policies(), now) if connection.stage is Stage.RUN else []
    if not waiting:
        return False
    told = []
    for policy in waiting[:MAX_NAMED]:
        number = await decisions.would_have(app.database, connection.id, policy.name)
        ended = policy.report_only_until
        told.append(
            f"Policy “{policy.name}” was to report only until {ended:%Y-%m-%d %H:%M} UTC: it would have acted on "
            f"{number:,} message{'s' * (number != 1)}."
        )
    told += [f"{len(waiting) - MAX_NAMED} more policies wait."] if waiting[MAX_NAMED:] else []
    sentence = " ".join([*told, "Nothing is done until you decide: let it act, set another end, or delete it."])
    if await record.report(app.database, connection, now, Status.ATTENTION, reason=CODE, sentence=sentence):
        log.warning(sentence, extra={"connection": connection.id, "reason": CODE})
    return True
