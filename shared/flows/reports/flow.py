"""Scheduled reports: each period is told once, then handed to the mail server as often as that takes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.connections import events
from shared.connections.lease import Lease
from shared.connections.record import Connection, Status, tell
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.flows.reports import figures, store
from shared.flows.reports.periods import LOOK_BACK, Frequency, Period, ended
from shared.flows.reports.store import WAITING, Report, Standing, Subscription
from shared.foundation.errors import Refused, Temporary
from shared.platforms.rows import rows_of
from shared.protection import directory
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

# Longer than handing one over takes; who dies meanwhile is followed by another then.
SENDING = timedelta(minutes=10)
SOON, SELDOM = timedelta(minutes=1), timedelta(hours=1)
# A report of days ago that nobody could be sent is looked up instead.
GIVEN_UP = timedelta(days=3)


async def report(app: App, connection: Connection, lease: Lease) -> None:
    """Create every report that is due, and send every report that is not sent yet. Mostly there is none."""
    if connection.stage is not Stage.RUN:
        return
    now = app.clock.now()
    standing = await store.standing(app.database, connection.id, now - LOOK_BACK)
    unsent = [name for name, not_before in standing.unsent.items() if not_before <= now]
    for period in _missing(connection, standing, now):
        content = await _content(app, connection, period, now)
        if await store.add(app.database, connection, period, content, standing.recipients, now) and standing.recipients:
            unsent.append(period.name)
    for name in unsent:
        await _send(app, connection, lease, name)


def _missing(connection: Connection, standing: Standing, now: datetime) -> list[Period]:
    """The periods that ended while the connection ran and their kind was wanted, and have no report."""
    wanted = [
        period
        for kind, since in standing.kinds.items()
        for period in ended(kind, connection.site, max(since or connection.stage_since, connection.stage_since), now)
    ]
    return [period for period in wanted if period.name not in standing.made]


async def _content(app: App, connection: Connection, period: Period, now: datetime) -> dict[str, Any]:
    """All that a report tells, JSON-ready: it is made from nothing else, ever."""
    platform = app.platforms[connection.platform]
    reads = platform.feed.reads if platform.feed else None
    found = await figures.gather(app.database, connection.id, period, reads=reads, now=now)
    titles = {row.key: row.title for row in rows_of(platform, connection)}
    drift = found["drift"]
    drift["standing"] = [titles.get(key.partition("/")[0], key) for key in drift["standing"]]
    return found | {
        "name": period.name,
        "kind": str(period.kind),
        "title": f"{period.kind.capitalize()} report: {period.title}",
        "unit": "hour" if period.kind is Frequency.DAILY else "day",
        "begins": period.begin.isoformat(),
        "ends": period.end.isoformat(),
        "zone": period.zone.key,
        "made_at": now.isoformat(),
        "connection": {"name": connection.name, "platform": platform.title, "site": str(connection.site)},
        "no_mail": "No mailbox is read by this connection, so there is no count of messages.",
        "needs": _needs(connection, found),
    }


def _needs(connection: Connection, found: Mapping[str, Any]) -> list[str]:
    """What a person should look at, in sentences."""
    asked = connection.status is Status.ATTENTION or connection.reason == "waiting_for_administrator"
    needs = [connection.sentence] if asked and connection.sentence else []
    watches = found["watches"]
    if watches and watches["watched"] < watches["mailboxes"]:
        needs.append(f"Mailboxes that are not watched: {watches['mailboxes'] - watches['watched']}.")
    if watches and watches["put_aside"]:
        needs.append(f"Mailboxes that could not be read: {watches['put_aside']}.")
    if found["tokens"]["expired"]:
        needs.append(f"Access tokens that have run out: {found['tokens']['expired']}.")
    return needs


async def _send(app: App, connection: Connection, lease: Lease, name: str) -> None:
    """Hand a report to the mail server; what it does not take is tried again, later and later, and then given up."""
    now = app.clock.now()
    row = await store.take(app.database, lease, name, now, now + SENDING)
    if row is None:
        return
    recipients, waited = row["recipients"], now - row["made_at"]
    again, sentence, code = None, row["sentence"], None
    if waited < GIVEN_UP:
        again = now + min(max(waited / 4, SOON), SELDOM)
        try:
            recipients = recipients | await _handed_over(app, lease.connection_id, row)
            sentence = "The mail server asked to be asked again later, for some recipients."
        except Temporary as error:
            sentence, code = error.sentence, error.code
    if WAITING not in recipients.values():
        again = sentence = None
    await store.note(
        app.database, lease.connection_id, name, recipients=recipients, not_before=again, sentence=sentence
    )
    if again is not None:
        await app.queue.send(Job(name="report", connection_id=lease.connection_id), again)
    if sentence != row["sentence"] and sentence is not None:
        log.warning(sentence, extra={"report": name, "code": code})
    if waited >= GIVEN_UP:
        log.error("report delivery abandoned after 3 d", extra={"report": name, "code": "report_not_taken"})
        sentence = (
            f"The mail server has not taken the report {name} for {GIVEN_UP.days} days. The report is in the console."
        )
        async with app.database.write() as write:
            await tell(write, connection, events.EventKind.ATTENTION, now, reason="report_not_taken", sentence=sentence)


async def _handed_over(app: App, connection_id: ConnectionId, row: Mapping[str, Any]) -> dict[str, str]:
    """What became of each recipient that still waits. Raises Temporary if nobody was sent anything."""
    from shared.flows.reports import delivery, rendering

    smtp, content, recipients = app.settings.smtp, row["content"], row["recipients"]
    if not smtp.host:
        raise Temporary("no_mail_server", "There is no mail server to hand reports to. Set FOOTPRINT_SMTP__HOST.")

    def hand_over() -> dict[str, str]:
        message = delivery.compose(
            smtp,
            list(recipients),
            content,
            text=rendering.text(content),
            html=rendering.html(content),
            figures=rendering.figures(content),
            software=app.settings.brand.software,
            id=f"{row['name']}.{connection_id}",
        )
        waiting = [address for address, state in recipients.items() if state == WAITING]
        return delivery.hand_over(smtp, app.wire.ssl_context, message, waiting)

    return await asyncio.to_thread(hand_over)


async def subscribe(
    app: App, connection: Connection, wanted: Subscription, check: Callable[[Any], None], actor: str
) -> None:
    """Set which reports a connection has and who is sent them. Raises Refused if it has come to its end.

    `check` is given what was set before, JSON-ready, and raises Refused if that is not what was seen.
    """
    if connection.stage > Stage.RUN:
        raise Refused(409, "not_running", "Access has been revoked, so there are no more reports.")
    if wanted.recipients and not app.settings.smtp.host:
        raise Refused(409, "no_mail_server", "recipients: there is no mail server to hand reports to.")
    await _refuse_strangers(app, connection, wanted.recipients)
    await store.subscribe(app.database, connection, wanted, check, actor=actor, now=app.clock.now())


async def _refuse_strangers(app: App, connection: Connection, recipients: Sequence[str]) -> None:
    """Reports say who gets which mail. Raises Refused for an address of anybody but tenant and operator."""
    verified = [row["name"] for row in await directory.domains(app.database, connection.id) if row["verified"]]
    ours = {name.lower() for name in (*verified, *app.settings.smtp.recipient_domains)}
    for address in recipients:
        if address.rpartition("@")[2].lower() not in ours:
            raise Refused(
                400,
                "recipient_elsewhere",
                f"recipients: {address} is in none of the tenant's verified domains, as last synchronised, and in none "
                " of the operator's (FOOTPRINT_SMTP__RECIPIENT_DOMAINS).",
            )


async def one(app: App, connection: Connection, name: str) -> Report:
    """One kept report. Raises Refused 404 if there is none of that name."""
    found = await store.found(app.database, connection.id, name)
    if found is None:
        raise Refused(404, "no_such_report", "There is no such report.")
    return found
