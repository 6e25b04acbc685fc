"""Commands that ask for something to be done. The service does it in a while, and notes who asked."""

import sys
from typing import Annotated, Any

from typer import Context, Option, confirm

from shared.cli.api import Answer, of
from shared.cli.call import TIMEOUT_SECONDS, Call, Connection, Site, Timeout, Wait
from shared.cli.follow import Reached, follow
from shared.cli.place import Usage
from shared.cli.queries import CHECKING, PLAN
from shared.cli.terminal import plain


def create(
    context: Context,
    *,
    platform: Annotated[str, Option(help="The platform that the tenant is on.", show_default=False)],
    site: Annotated[Site, Option(help="The region in which its data is kept.", show_default=False)],
    name: Annotated[str, Option(help="What the connection is called.", show_default=False)],
    tenant: Annotated[
        str | None, Option(help="The tenant's id or one of its domains: consent for another tenant is rejected.")
    ] = None,
    mode: Annotated[
        list[str] | None,
        Option(metavar="MODE", help="What the connection is for, if the platform offers a choice; may be repeated."),
    ] = None,
    customer: Annotated[str | None, Option(help="The customer that the tenant belongs to.")] = None,
    leave_out: Annotated[
        list[str] | None,
        Option(metavar="KEY", help="An object that the platform can do without, as ip-allow; may be repeated."),
    ] = None,
    repair_drift: Annotated[bool, Option("--repair-drift", help="Repair drift automatically.")] = False,
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Create a connection, and print the invitation for the tenant's administrator."""
    call = Call.of(context)
    wanted: dict[str, Any] = {
        "platform": platform,
        "site": site,
        "name": name,
        "tenant": tenant,
        "modes": mode or None,
        "customer": customer,
        "leave_out": leave_out or None,
        "repair_drift": repair_drift or None,
    }
    created = call.api.post("/connections", {name: value for name, value in wanted.items() if value is not None})
    _show_invitation(call, created)
    if not wait:
        return 0
    return follow(call, created["id"], lambda now: bool(now["status"] == "healthy"), timeout=timeout)


def reconnect(context: Context, connection: Connection) -> int:
    """Connect again: removals stop. Print a new invitation in case consent is needed."""
    return _invite(context, connection, "grant")


def invite(context: Context, connection: Connection) -> int:
    """Renew the invitation: print a new link. Earlier links stop working."""
    return _invite(context, connection, "invitation")


def _invite(context: Context, connection: str, order: str) -> int:
    call = Call.of(context)
    _show_invitation(call, call.api.post(of(call.api.find(connection)["id"], order), {}))
    return 0


def _show_invitation(call: Call, created: Answer) -> None:
    if call.for_people:
        call.terminal.facts({"id": created["id"]})
        # Never folded: it is copied.
        call.terminal.show(created["consent_url"])
    else:
        call.print(created)
    call.terminal.say("Send the link to the tenant's administrator. The link expires in a week.")


def revoke(
    context: Context,
    connection: Connection,
    *,
    acknowledge_quarantine: Annotated[
        bool,
        Option("--acknowledge-quarantine", help="Revoke although messages are in quarantine: export them first."),
    ] = False,
    yes: Annotated[bool, Option("--yes", help="Neither show the plan nor ask.")] = False,
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Offboard a tenant: revoke access, and remove everything that was created for it."""
    call = Call.of(context)
    found, terminal = call.api.find(connection), call.terminal
    if not yes:
        if not sys.stdin.isatty():
            raise Usage(
                "not_confirmed", "There is no terminal to ask on: pass --yes to revoke access without a question."
            )
        terminal.say(CHECKING)
        planned = call.api.get(of(found["id"], "plan"), **{"for": "revoke"})
        terminal.say(f"Plan: {planned['total'] or 'no changes'}.")
        terminal.table(PLAN, planned["steps"], none="Nothing has been created in the tenant.", on=terminal.told)
        if not confirm(f"Revoke access of {plain(found['name'])}?", err=True):
            terminal.say("Nothing was changed.")
            return 1
    told = f"Access of {found['name']} is being revoked."
    body = {"acknowledge_quarantine": acknowledge_quarantine}
    _ask(call, found, ("revoke",), body, told)
    return _followed(call, found, lambda now: bool(now["stage"] == "closed"), timeout if wait else None)


def sync(
    context: Context,
    connection: Connection,
    *,
    accept_loss: Annotated[
        bool, Option("--accept-loss", help="Sync although a large part of the directory is gone.")
    ] = False,
    full: Annotated[
        bool, Option("--full", help="Read the whole directory again, not only what changed: heals our copy.")
    ] = False,
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Bring our copy of the directory up to date."""
    call = Call.of(context)
    found = call.api.find(connection)
    before = found["synced_at"]
    wanted = {name: True for name, value in (("accept_loss", accept_loss), ("full", full)) if value}
    _ask(call, found, ("sync",), wanted, f"Sync of {found['name']} was requested.")
    return _followed(call, found, lambda now: bool(now["synced_at"] != before), timeout if wait else None)


def check(context: Context, connection: Connection, *, wait: Wait = False, timeout: Timeout = TIMEOUT_SECONDS) -> int:
    """Check the tenant now, and do what is due."""
    return _check(Call.of(context), connection, repair=False, timeout=timeout if wait else None)


def repair(context: Context, connection: Connection, *, wait: Wait = False, timeout: Timeout = TIMEOUT_SECONDS) -> int:
    """Check the tenant now, do what is due, and repair drift."""
    return _check(Call.of(context), connection, repair=True, timeout=timeout if wait else None)


def _check(call: Call, connection: str, *, repair: bool, timeout: int | None) -> int:
    found = call.api.find(connection)
    asked = "A repair" if repair else "A check"
    _ask(call, found, ("reconcile",), {"repair": repair}, f"{asked} of {found['name']} was requested.")
    return _followed(call, found, lambda now: bool(now["reason"] is None and now["stage"] != "new"), timeout)


def _ask(call: Call, connection: Answer, path: tuple[str, ...], body: dict[str, Any], told: str) -> None:
    """Ask for something of a connection, and say what was asked."""
    answer = call.api.post(of(connection["id"], *path), body)
    call.told(answer, told)


def _followed(call: Call, connection: Answer, reached: Reached, timeout: int | None) -> int:
    """The exit code, after following the connection if there is a `timeout` in seconds."""
    return 0 if timeout is None else follow(call, connection["id"], reached, timeout=timeout)
