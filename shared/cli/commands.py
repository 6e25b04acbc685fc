"""The commands and what they are called; the line that was typed is read by Typer, from each command's signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.main import get_command

from shared import __version__
from shared.cli import (
    actions,
    applying,
    batches,
    certificates,
    editing,
    erasing,
    findings,
    halts,
    ledger,
    listings,
    marked_messages,
    mcp_server,
    passthrough,
    pausing,
    people,
    policies,
    queries,
    signing_in,
    snapshots,
    steps,
    witnesses,
)
from shared.cli.api import Api
from shared.cli.call import Call
from shared.cli.place import Place, Usage
from shared.cli.printing import printing
from shared.cli.terminal import Terminal
from shared.foundation.errors import FootprintError, Refused

NAME = "footprint"
DESCRIPTION = (
    "Connect tenants, look after their connections and offboard them, through the service's API.\n\n"
    "FOOTPRINT_URL says where the service is, FOOTPRINT_CA_FILE may name one more certificate authority to trust, and "
    "FOOTPRINT_TOKEN may hold a token of its issuer, instead of “auth login”. A CONNECTION is an id, or a name or "
    "tenant that only one has."
)
CODES = (
    "Exit codes: 0 success, 1 error, 2 usage error, 3 timed out or action required, 4 changes planned, 130 interrupted."
)
INTERRUPTED = 130
# By the code of an error: what to type about it.
HINTS = {
    "quarantine_not_empty": "Pass --acknowledge-quarantine to revoke nevertheless: the messages are exported first."
}

NOUNS = {
    "auth": "Sign in, and out.",
    "connections": "A customer's connection: create, show, plan, check, repair, pause, revoke.",
    "steps": "What only the tenant's administrator can do.",
    "findings": "What is in the way of a tenant's mail.",
    "messages": "Marked messages that show that mail goes the whole way.",
    "snapshots": "How a tenant's mail flow was, and a script that restores it.",
    "policies": "Whose mail is protected, and what happens to it.",
    "users": "The users in our copy of a directory.",
    "groups": "The groups in our copy of a directory.",
    "quarantine": "Messages that were taken out of mailboxes.",
    "batches": "One operation on many connections.",
    "ledger": "What was done in a tenant, by whom, in order.",
    "certificates": "The signed exit record of a connection.",
    "witnesses": "Who cosigns the checkpoints of the ledgers.",
    "people": "Persons whom we keep something of.",
    "halts": "The kill switch: nothing is sent to a platform while a halt stands.",
}


@dataclass(frozen=True)
class Command:
    """A command, and an example of what is typed behind it. One that `prints` prints an answer of the API."""

    run: Callable[..., int]
    example: str = ""
    prints: bool = True


JWKS = "https://footprint.example.com/.well-known/jwks.json"
# Each command by noun and verb, in the order in which they are listed; `api` and `mcp` have no noun.
COMMANDS: Mapping[str, Command] = {
    "auth login": Command(signing_in.login, prints=False),
    "auth status": Command(signing_in.status),
    "auth logout": Command(signing_in.logout, prints=False),
    "connections list": Command(queries.every, "--status action_required --site uk"),
    "connections show": Command(queries.show, "contoso.com"),
    "connections create": Command(
        actions.create, "--platform PLATFORM --site uk --name Contoso --tenant contoso.com --wait"
    ),
    "connections edit": Command(editing.edit, "contoso.com --customer contoso --drift repair"),
    "connections invite": Command(actions.invite, "contoso.com"),
    "connections plan": Command(queries.plan, "contoso.com --for revoke --out plan.json"),
    "connections apply": Command(applying.apply, "plan.json --wait"),
    "connections sync": Command(actions.sync, "contoso.com --wait"),
    "connections check": Command(actions.check, "contoso.com --wait"),
    "connections repair": Command(actions.repair, "contoso.com --wait"),
    "connections pause": Command(
        pausing.pause, "contoso.com --until 2026-12-31T06:00:00Z --reason 'Their mail moves tonight.' --wait"
    ),
    "connections resume": Command(pausing.resume, "contoso.com --wait"),
    "connections revoke": Command(actions.revoke, "contoso.com --acknowledge-quarantine --yes --wait"),
    "connections reconnect": Command(actions.reconnect, "contoso.com"),
    "connections erase": Command(erasing.connection, "contoso.com --ledger ledger.ndjson", prints=False),
    "connections changes": Command(queries.changes, "contoso.com"),
    "steps list": Command(steps.every, "contoso.com"),
    "steps complete": Command(steps.complete, "contoso.com application"),
    "findings list": Command(findings.every, "contoso.com"),
    "findings accept": Command(
        findings.accept, "contoso.com mail-flow/rule/8c1f2a --reason 'Agreed with the customer.'"
    ),
    "messages send": Command(marked_messages.send, "contoso.com maria@contoso.com"),
    "messages list": Command(marked_messages.every, "contoso.com"),
    "snapshots list": Command(snapshots.every, "contoso.com"),
    "snapshots show": Command(snapshots.show, "contoso.com 2"),
    "snapshots undo": Command(snapshots.undo, "contoso.com 1 > undo.ps1", prints=False),
    "policies list": Command(policies.every, "contoso.com"),
    "policies show": Command(policies.show, "contoso.com payments --output json > payments.json"),
    "policies put": Command(policies.put, "contoso.com payments.json"),
    "policies try": Command(policies.try_message, "contoso.com payments message.eml"),
    "policies report-only": Command(
        policies.report_only, "contoso.com payments --until 2026-12-31T06:00:00Z --then act"
    ),
    "policies act": Command(policies.act, "contoso.com payments"),
    "policies delete": Command(policies.delete, "contoso.com payments"),
    "users list": Command(listings.users, "contoso.com -q maria"),
    "groups list": Command(listings.groups, "contoso.com -q sales"),
    "quarantine list": Command(listings.quarantine, "contoso.com"),
    "quarantine release": Command(listings.release, "contoso.com 17"),
    "batches create": Command(batches.create, "revoke --where customer=fabrikam --wait"),
    "batches list": Command(batches.every),
    "batches show": Command(batches.show, "BATCH"),
    "batches stop": Command(batches.stop, "BATCH"),
    "ledger list": Command(ledger.every, "contoso.com"),
    "ledger export": Command(ledger.export, "contoso.com --format csv > ledger.csv", prints=False),
    "certificates show": Command(certificates.show, "contoso.com --output json > certificate.json"),
    "certificates verify": Command(certificates.verify, f"certificate.json --keys {JWKS}", prints=False),
    "witnesses list": Command(witnesses.every),
    "witnesses add": Command(witnesses.add, "https://witness.example.com/w1 --key NAME+ID+KEY --customer contoso"),
    "witnesses remove": Command(witnesses.remove, "WITNESS", prints=False),
    "people erase": Command(people.erase, "maria@contoso.com --yes"),
    "halts list": Command(halts.every),
    "halts create": Command(halts.create, 'everything --why "a stolen laptop"'),
    "halts lift": Command(halts.lift, "everything", prints=False),
    "api": Command(passthrough.request, "GET /connections?site=uk --query connections[].name"),
    "mcp": Command(mcp_server.serve, prints=False),
}


def _ended(code: int, **_: object) -> None:
    raise typer.Exit(code)


app = typer.Typer(name=NAME, help=DESCRIPTION, epilog=CODES, result_callback=_ended)
_groups = {noun: typer.Typer(help=about) for noun, about in NOUNS.items()}
for _noun, _group in _groups.items():
    app.add_typer(_group, name=_noun)
for _name, _command in COMMANDS.items():
    _noun, _, _verb = _name.rpartition(" ")
    _epilog = f"Example: {NAME} {_name} {_command.example}".rstrip()
    _run = printing(_command.run) if _command.prints else _command.run
    _groups.get(_noun, app).command(_verb, epilog=_epilog)(_run)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with what was typed
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What may be typed before a command."""


def main(typed: list[str], environ: Mapping[str, str]) -> None:
    """Do what was typed. Raises SystemExit with the exit code."""
    terminal = Terminal.open(environ)
    place = Place(environ)
    api = Api(place, terminal.say)
    try:
        with api:
            get_command(app).main(typed, prog_name=NAME, obj=Call(place=place, api=api, terminal=terminal))
    except FootprintError as error:
        terminal.say(f"{error.sentence} ({error.code})")
        if isinstance(error, Refused):
            terminal.say(f"What it means: {api.runbook(error.code)}")
        if hint := HINTS.get(error.code):
            terminal.say(hint)
        raise SystemExit(2 if isinstance(error, Usage) else 1) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            terminal.say("Interrupted. What was requested continues in the service.")
        raise
