"""Every command as data: what it is called, what may be typed behind it, an example, and what it does."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.cli import actions as acts
from shared.cli import certificate as proof
from shared.cli import completion
from shared.cli import queries as looks
from shared.cli.call import Call

SITES = ("eu", "uk", "ca", "us", "jp", "anz", "sg", "in")
STAGES = ("new", "grant", "run", "revoke", "cleanup", "closed")
STATUSES = ("ok", "waiting", "attention")
PURPOSES = ("now", "grant", "repair", "revoke")
FORMATS = ("text", "json", "ndjson", "csv")
# Most runs end in seconds; whoever consents takes minutes.
TIMEOUT = 600
DESCRIPTION = """\
Connect tenants, look after their connections and take them away again, through
the service's API.

FOOTPRINT_URL says where the service is, FOOTPRINT_TOKEN holds a token of its
issuer, and FOOTPRINT_CA_FILE may name one more certificate authority to trust.
A CONNECTION is an id, or a name or tenant that only one connection has.
"""
CODES = """\
exit codes:
  0 done, 1 refused or failed, 2 not understood, 3 still waiting or in need of a
  person, 130 interrupted
"""


@dataclass(frozen=True)
class Argument:
    """One thing that may be typed behind a command, by its names, as argparse takes it."""

    names: tuple[str, ...]
    how: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command."""

    name: str
    says: str
    example: str
    run: Callable[[Call], int]
    takes: tuple[Argument, ...] = ()


def _takes(*names: str, **how: Any) -> Argument:
    return Argument(names, how)


def _flag(name: str, help: str) -> Argument:  # noqa: A002 - argparse's own word
    return Argument((name,), {"action": "store_true", "help": help})


CONNECTION = _takes("connection", metavar="CONNECTION", help="an id, or a name or tenant that only one connection has")
WAIT = (
    _flag("--wait", "follow it until it has ended"),
    _takes("--timeout", type=int, default=TIMEOUT, metavar="SECONDS", help="follow it no longer (%(default)s)"),
)
PART = _takes("-q", metavar="TEXT", help="only those with this in their name or address")

COMMANDS = (
    Command(
        name="connect", says="make a connection, and print the link for the tenant's administrator", run=acts.connect,
        example="--platform PLATFORM --site uk --name Contoso --tenant contoso.com --wait",
        takes=(
            _takes("--platform", required=True, help="the platform that the tenant is on"),
            _takes("--site", required=True, choices=SITES, help="where its data is kept"),
            _takes("--name", required=True, help="what it is called here"),
            _takes("--tenant", help="the tenant's id or one of its domains: consent for another one is refused"),
            _takes("--mode", action="append", help="what it is for, if there is a choice; may be given again"),
            _takes("--customer", help="whose it is"),
            _flag("--repair-drift", "put right what others change in what we made"),
            *WAIT,
        ),
    ),
    Command(
        name="status", says="how connections are doing, or one of them at length", run=looks.status,
        example="--status attention --site uk",
        takes=(
            _takes("connection", nargs="?", metavar="CONNECTION", help=CONNECTION.how["help"]),
            _takes("--stage", choices=STAGES, help="only those in this stage"),
            _takes("--status", choices=STATUSES, help="only those that are doing so"),
            _takes("--platform", help="only those on this platform"),
            _takes("--site", choices=SITES, help="only those of this site"),
            _takes("-q", metavar="TEXT", help="only those with this in their name, tenant or id"),
        ),
    ),
    Command(
        name="plan", says="what would be done, and why; changes nothing", run=looks.plan,
        example="contoso.com --for revoke",
        takes=(
            CONNECTION,
            _takes("--for", dest="purpose", choices=PURPOSES, help="now, unless said otherwise"),
        ),
    ),
    Command(
        name="grant", says="connect again, and print the link in case consent is needed anew", run=acts.grant,
        example="contoso.com", takes=(CONNECTION,),
    ),
    Command(
        name="revoke", says="take access away again, and everything that was made for it", run=acts.revoke,
        example="contoso.com --acknowledge-quarantine --yes --wait",
        takes=(
            CONNECTION,
            _flag("--acknowledge-quarantine", "although messages wait in quarantine: they are exported first"),
            _flag("--yes", "without showing the plan and asking"),
            *WAIT,
        ),
    ),
    Command(
        name="sync", says="bring our copy of the directory up to date", run=acts.sync, example="contoso.com --wait",
        takes=(CONNECTION, _flag("--accept-loss", "although a large part of the directory is gone"), *WAIT),
    ),
    Command(
        name="reconcile", says="look at the tenant, and do what is to be done", run=acts.reconcile,
        example="contoso.com --repair --wait",
        takes=(CONNECTION, _flag("--repair", "put right what others have changed"), *WAIT),
    ),
    Command(
        name="steps", says="what the administrator is asked to do now", run=looks.steps, example="contoso.com",
        takes=(CONNECTION,),
    ),
    Command(
        name="done", says="say that an administrator's step is done", run=acts.done, example="contoso.com application",
        takes=(CONNECTION, _takes("step", metavar="STEP", help="its key, as “steps” shows it")),
    ),
    Command(
        name="changes", says="what we changed and what is published, with what is true now", run=looks.changes,
        example="contoso.com", takes=(CONNECTION,),
    ),
    Command(
        name="ledger", says="everything that was done, by whom, in order", run=looks.ledger,
        example="contoso.com --format csv > ledger.csv",
        takes=(
            CONNECTION,
            _takes("--format", choices=FORMATS, default="text", help="text, unless said otherwise"),
        ),
    ),
    Command(
        name="certificate", says="the signed exit record, and whether its signature holds", run=proof.certificate,
        example="contoso.com --json > certificate.json", takes=(CONNECTION,),
    ),
    Command(
        name="users", says="the users in our copy of the directory", run=looks.users, example="contoso.com -q maria",
        takes=(CONNECTION, PART),
    ),
    Command(
        name="groups", says="the groups in our copy of the directory", run=looks.groups, example="contoso.com -q sales",
        takes=(CONNECTION, PART),
    ),
    Command(
        name="policies", says="the policies, in the order in which they decide", run=looks.policies,
        example="contoso.com", takes=(CONNECTION,),
    ),
    Command(
        name="quarantine", says="the messages in quarantine, the newest first", run=looks.quarantine,
        example="contoso.com", takes=(CONNECTION,),
    ),
    Command(
        name="release", says="put a quarantined message back where it was", run=acts.release, example="contoso.com 17",
        takes=(CONNECTION, _takes("item", metavar="ITEM", help="its number, as “quarantine” shows it")),
    ),
    Command(
        name="completion", says="print a script that defines “footprint” and completes it", run=completion.completion,
        example="bash > ~/.footprint.bash && source ~/.footprint.bash",
        takes=(_takes("shell", choices=("bash", "zsh"), help="the shell that reads it"),),
    ),
)  # fmt: skip


def parser(program: str) -> ArgumentParser:
    """What understands a line that was typed: its `run` is the command, `json` whether JSON is wanted."""
    whole = ArgumentParser(
        prog=program, description=DESCRIPTION, epilog=CODES, formatter_class=RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        one = commands.add_parser(
            command.name, help=command.says, description=f"{command.says[0].upper()}{command.says[1:]}.",
            epilog=f"example:\n  %(prog)s {command.example}", formatter_class=RawDescriptionHelpFormatter,
        )  # fmt: skip
        for argument in command.takes:
            one.add_argument(*argument.names, **argument.how)
        one.add_argument("--json", action="store_true", help="print what the API answers, and nothing else")
        one.set_defaults(run=command.run)
    return whole
