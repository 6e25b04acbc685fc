"""Tab completion: a script for the shell that defines the function `footprint`, and completes what is typed to it."""

import sys
from pathlib import Path
from shlex import quote

from shared.cli.api import Usage
from shared.cli.call import Call

NAME = "footprint"
ROOT = Path(__file__).parents[2]


def completion(call: Call) -> int:
    """Print the script."""
    from shared.cli.commands import parser

    try:
        import shtab
    except ImportError:
        raise Usage(
            "no_shtab", "The package shtab makes this script: install it with pip, or what requirements-dev.txt names."
        ) from None
    # From any folder, and with the interpreter that has what it needs.
    path = f'{quote(str(ROOT))}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    call.terminal.show(f'{NAME}() {{ PYTHONPATH={path} {quote(sys.executable)} -m shared "$@"; }}')
    call.terminal.show(shtab.complete(parser(NAME), call.args.shell))
    return 0
