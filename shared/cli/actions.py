"""Commands that ask for something to be done. The service does it in a while, and notes who asked."""

from dataclasses import replace
from typing import Any

from shared.cli import follow as waiting
from shared.cli.api import Answer, Usage, of
from shared.cli.call import Call
from shared.cli.queries import LOOKING, PLAN


def connect(call: Call) -> int:
    """Make a connection, and print what the administrator is sent."""
    args = call.args
    wanted: dict[str, Any] = {
        "platform": args.platform, "site": args.site, "name": args.name, "tenant": args.tenant, "modes": args.mode,
        "customer": args.customer, "repair_drift": args.repair_drift or None,
    }  # fmt: skip
    made = call.api.post("/connections", {name: value for name, value in wanted.items() if value is not None})
    _show_link(call, made)
    if not args.wait:
        return 0
    return waiting.follow(call, made["id"], lambda now: _runs(now) and now["status"] == "ok")


def _runs(now: Answer) -> bool:
    return now["stage"] == "run" and now["synced_at"] is not None


def grant(call: Call) -> int:
    """Connect again, or have a new link for a connection that waits for consent."""
    _show_link(call, call.api.post(of(call.connection()["id"], "grant"), {}))
    return 0


def _show_link(call: Call, made: Answer) -> None:
    if call.as_json:
        call.print_json(made)
    else:
        call.terminal.facts({"id": made["id"]})
        # Never folded: it is copied.
        call.terminal.show(made["consent_url"])
    call.terminal.say("Send the link to the tenant's administrator. It is good for a week.")


def revoke(call: Call) -> int:
    """Take it all away again, once somebody has seen what that is, or has said beforehand that it is meant."""
    connection, args = call.connection(), call.args
    if not args.yes:
        if not call.terminal.keys.isatty():
            raise Usage(
                "not_confirmed", "There is no terminal to ask on: say --yes to revoke access without a question."
            )
        call.terminal.say(LOOKING)
        steps = call.api.get(of(connection["id"], "plan"), **{"for": "revoke"})["steps"]
        replace(call.terminal, out=call.terminal.told).table(PLAN, steps, none="Nothing has been made in the tenant.")
        if not call.terminal.ask(f"Revoke access of {connection['name']}?"):
            call.terminal.say("Nothing was done.")
            return 1
    return _asked(
        call, connection, ("revoke",), {"acknowledge_quarantine": args.acknowledge_quarantine},
        f"Access of {connection['name']} is being revoked.", lambda now: bool(now["stage"] == "closed"),
    )  # fmt: skip


def sync(call: Call) -> int:
    """Bring our copy of the directory up to date."""
    connection = call.connection()
    before = connection["synced_at"]
    return _asked(
        call, connection, ("sync",), {"accept_loss": call.args.accept_loss},
        f"{connection['name']} is being synchronised.", lambda now: bool(now["synced_at"] != before),
    )  # fmt: skip


def reconcile(call: Call) -> int:
    """Look at the tenant, and do what is to be done."""
    connection = call.connection()
    return _asked(
        call, connection, ("reconcile",), {"repair": call.args.repair}, f"{connection['name']} is being looked at.",
        lambda now: bool(now["status"] == "ok" and now["stage"] != "new"),
    )  # fmt: skip


def done(call: Call) -> int:
    """Say that an administrator's step is done, or take an offer."""
    return _asked(
        call, call.connection(), ("steps", call.args.step), {}, "Noted, with your name. The tenant is looked at."
    )


def release(call: Call) -> int:
    """Put a quarantined message back."""
    path = ("quarantine", call.args.item, "release")
    return _asked(call, call.connection(), path, {}, "The message is being put back where it was.")


def _asked(
    call: Call, connection: Answer, path: tuple[str, ...], body: dict[str, Any], told: str,
    reached: waiting.Reached | None = None,
) -> int:  # fmt: skip
    """Ask for something of a connection; follow it if that was asked for as well and has an end."""
    answer = call.api.post(of(connection["id"], *path), body)
    if call.as_json:
        call.print_json(answer)
    call.terminal.say(told)
    return waiting.follow(call, connection["id"], reached) if reached and call.args.wait else 0
