"""The command line, `python -m shared COMMAND`: a client of the HTTP API, and of nothing else."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper

from shared.cli.api import Api, Usage
from shared.cli.call import Call
from shared.cli.commands import parser
from shared.cli.terminal import Terminal
from shared.foundation.errors import FootprintError


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Do what was typed, and return the exit code. Raises SystemExit where argparse has had the last word."""
    args, terminal = parser("python -m shared").parse_args(argv), _terminal(environ)
    try:
        with Api(environ, terminal.say) as api:
            code: int = args.run(Call(args=args, api=api, terminal=terminal))
            terminal.out.flush()
            return code
    except FootprintError as error:
        terminal.say(f"{error.sentence} ({error.code})")
        return 2 if isinstance(error, Usage) else 1
    except KeyboardInterrupt:
        terminal.say("Interrupted. What was asked for goes on by itself.")
        return 130
    except BrokenPipeError:
        # Whoever read this has seen enough; Python must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), terminal.out.fileno())
        return 1


def _terminal(environ: Mapping[str, str]) -> Terminal:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    seen = sys.stdout.isatty()
    return Terminal(
        out=sys.stdout, told=sys.stderr, keys=sys.stdin, places=shutil.get_terminal_size().columns if seen else None,
        colour=seen and not environ.get("NO_COLOR"),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
