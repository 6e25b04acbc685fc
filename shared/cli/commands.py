"""The commands and what they are called; the line that was typed is read by Typer, from each command's signature."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from typer.main import get_command

from shared import __version__
from shared.cli import actions, batch, certificate, editing, findings, halts, listings, queries
from shared.cli.api import Api, Usage
from shared.cli.call import Call
from shared.cli.terminal import Terminal
from shared.foundation.errors import FootprintError, Refused

NAME = "footprint"
DESCRIPTION = (
    "Connect tenants, look after their connections and offboard them, through the service's API.\n\n"
    "FOOTPRINT_URL says where the service is, FOOTPRINT_TOKEN holds a token of its issuer, and FOOTPRINT_CA_FILE may "
    "name one more certificate authority to trust. A CONNECTION is an id, or a name or tenant that only one has."
)
CODES = "Exit codes: 0 success, 1 error, 2 usage error, 3 timed out or action required, 130 interrupted."
INTERRUPTED = 130
# By the code of an error: what to type about it.
HINTS = {
    "quarantine_not_empty": "Pass --acknowledge-quarantine to revoke nevertheless: the messages are exported first."
}

# Each command and an example of what is typed behind it, in the order in which they are listed.
COMMANDS: Mapping[str, tuple[Callable[..., int], str]] = {
    "connect": (actions.connect, "--platform PLATFORM --site uk --name Contoso --tenant contoso.com --wait"),
    "status": (queries.status, "--status action_required --site uk"),
    "plan": (queries.plan, "contoso.com --for revoke"),
    "edit": (editing.edit, "contoso.com --customer contoso --drift repair"),
    "grant": (actions.grant, "contoso.com"),
    "revoke": (actions.revoke, "contoso.com --acknowledge-quarantine --yes --wait"),
    "batch": (batch.batch, "revoke --where customer=fabrikam --wait"),
    "sync": (actions.sync, "contoso.com --wait"),
    "reconcile": (actions.reconcile, "contoso.com --repair --wait"),
    "steps": (queries.steps, "contoso.com"),
    "done": (actions.done, "contoso.com application"),
    "findings": (findings.findings, "contoso.com"),
    "accept": (findings.accept, "contoso.com mail-flow/rule/8c1f2a --reason 'Agreed with the customer.'"),
    "changes": (queries.changes, "contoso.com"),
    "ledger": (queries.ledger, "contoso.com --format csv > ledger.csv"),
    "certificate": (certificate.certificate, "contoso.com --json > certificate.json"),
    "verify": (certificate.verify, "certificate.json --keys https://footprint.example.com/.well-known/jwks.json"),
    "users": (listings.users, "contoso.com -q maria"),
    "groups": (listings.groups, "contoso.com -q sales"),
    "policies": (listings.policies, "contoso.com"),
    "try": (actions.try_message, "contoso.com payments message.eml"),
    "quarantine": (listings.quarantine, "contoso.com"),
    "release": (actions.release, "contoso.com 17"),
    "halt": (halts.halt, 'everything --why "a stolen laptop"'),
    "lift": (halts.lift, "everything"),
    "halts": (halts.halts, "--json"),
}


def _ended(code: int, **_: object) -> None:
    raise typer.Exit(code)


app = typer.Typer(name=NAME, help=DESCRIPTION, epilog=CODES, result_callback=_ended)
for _name, (_run, _example) in COMMANDS.items():
    app.command(_name, epilog=f"Example: {NAME} {_name} {_example}")(_run)


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
    api = Api(environ, terminal.say)
    try:
        with api:
            get_command(app).main(typed, prog_name=NAME, obj=Call(api=api, terminal=terminal))
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
