"""What the console's buttons do: the same as the API, in the name of the signed-in account, and then back."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from shared.connections.choices import Way
from shared.engine import erasure
from shared.flows import findings, grant, invitation, marked_messages, pausing, quarantine, requests, revoke
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.http import Request, Response, redirect
from shared.web.pages import mail, policies, refused, settings, shown
from shared.web.pages.forms import one, posted
from shared.web.saved_plans import as_planned
from shared.web.second_person import agreed

Act = Callable[[App, Request], Awaitable[Response | None]]
"""What a button does; it answers itself, or its page is shown again."""
MAX_REASON_CHARS = 500


async def act(app: App, request: Request) -> Response:
    """A button that was pressed. What is refused is told, with the way back."""
    name = request.args["action"]
    if name not in ACTS:
        raise Refused(404, "no_such_action", "This action does not exist.")
    does, section = ACTS[name]
    back = f"/connections/{request.connection.id}{section}"
    try:
        # The overview tells what was asked for there; a section shows it by itself.
        return await does(app, request) or redirect(back if section else f"{back}?asked={name}")
    except Refused as error:
        return refused(error, app, request, back)


async def _order(job: str, app: App, request: Request) -> None:
    if job == "sync-accepting-loss":
        await agreed(app, request, requests.JOBS[job])
    await requests.start(app, request.connection, job, request.actor.name)


async def _repair(app: App, request: Request) -> None:
    await as_planned(app, request.connection, "repair", _plan(request))
    await _order("repair", app, request)


def _plan(request: Request) -> str | None:
    """The ETag of the plan above the button; None above which stood none of a look."""
    return one(posted(request), "plan") or None


async def _revoke(app: App, request: Request) -> None:
    await as_planned(app, request.connection, "revoke", _plan(request))
    acknowledged = "acknowledge_quarantine" in posted(request)
    await revoke.revoke(app, request.connection, request.actor.name, acknowledged=acknowledged)


async def _grant(app: App, request: Request) -> None:
    await as_planned(app, request.connection, "grant", _plan(request))
    await grant.connect_again(app, request.connection, request.actor.name)


async def _say(app: App, request: Request) -> None:
    form = posted(request)
    reason, until = one(form, "reason"), one(form, "until")
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise Refused(400, "no_reason", f"Say why, in {MAX_REASON_CHARS} characters at most.")
    try:
        ends = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
        way = Way(one(form, "way") or Way.ACCEPT)
    except ValueError:
        raise Refused(400, "not_valid", "Choose a day for its end, or none, and what is to be done.") from None
    await findings.choose(
        app, request.connection, form.get("finding", []), way=way, reason=reason, until=ends, actor=request.actor.name
    )


async def _pause(app: App, request: Request) -> None:
    form = posted(request)
    reason, until = one(form, "reason"), one(form, "until")
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise Refused(400, "no_reason", f"Say why, in {MAX_REASON_CHARS} characters at most.")
    try:
        ends = datetime.fromisoformat(until).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(400, "not_valid", "Choose the day and time at which mail is routed again.") from None
    await pausing.pause(app, request.connection, ends, reason, request.actor.name)


async def _resume(app: App, request: Request) -> None:
    await pausing.resume(app, request.connection, request.actor.name)


async def _send_marked(app: App, request: Request) -> None:
    await marked_messages.ask(app, request.connection, one(posted(request), "recipient"), request.actor.name)


async def _withdraw(app: App, request: Request) -> None:
    await findings.withdraw(app, request.connection, one(posted(request), "choice"), request.actor.name)


async def _renew_invitation(app: App, request: Request) -> None:
    await invitation.renew(app, request.connection, request.actor.name)


async def _attest(app: App, request: Request) -> None:
    await revoke.attest(app, request.connection, one(posted(request), "key"), request.actor.name)


async def _release(app: App, request: Request) -> None:
    await quarantine.release(app, request.connection, one(posted(request), "item"), request.actor.name)


async def _export(app: App, request: Request) -> None:
    await agreed(app, request, "export of the quarantine")
    await quarantine.ask_for_export(app, request.connection, request.actor.name)


async def _erase(app: App, request: Request) -> Response:
    form, connection = posted(request), request.connection
    if one(form, "confirm") != connection.name:
        raise Refused(409, "name_not_typed", "Type the name of the connection exactly. Nothing was erased.")
    await agreed(app, request, "erase the connection")
    await erasure.erase(app.database, connection, one(form, "head"), app.clock.now())
    return shown(app, request, "erased_connection.html", erased=connection)


# Each action with what it does and the section that it leads back to.
ACTS: Mapping[str, tuple[Act, str]] = {
    "sync": (partial(_order, "sync-now"), ""),
    "resync": (partial(_order, "resync"), ""),
    "sync-accepting-loss": (partial(_order, "sync-accepting-loss"), ""),
    "look": (partial(_order, "advance"), ""),
    "repair": (_repair, ""),
    "revoke": (_revoke, ""),
    "grant": (_grant, ""),
    "renew-invitation": (_renew_invitation, ""),
    "attest": (_attest, ""),
    "say": (_say, ""),
    "pause": (_pause, ""),
    "resume": (_resume, ""),
    "erase": (_erase, ""),
    "withdraw": (_withdraw, ""),
    "send-marked": (_send_marked, "/mail-flow"),
    "release": (_release, "/quarantine"),
    "export": (_export, "/quarantine?exporting=1"),
    "put-policy": (policies.put, "/policies"),
    "move-policy": (policies.move, "/policies"),
    "try-policy": (policies.try_message, "/policies"),
    "delete-policy": (policies.delete, "/policies"),
    "put-reports": (mail.put_reports, "/reports"),
    "put-settings": (settings.put, "/settings"),
}
