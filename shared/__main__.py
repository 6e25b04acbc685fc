"""The command line, `footprint` or `python -m shared`: a client of the HTTP API, and of nothing else."""

import os
import sys
from collections.abc import Mapping, Sequence

from shared import __version__

# What the extra `cli` installs; the service does without.
EXTRA = ("typer", "rich", "jmespath")


def main(typed: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Do what was typed. Raises SystemExit with the exit code."""
    words = sys.argv[1:] if typed is None else list(typed)
    try:
        from shared.cli.commands import main as run
    except ModuleNotFoundError as missing:
        if missing.name not in EXTRA:
            raise
        only_version = words == ["--version"]
        (sys.stdout if only_version else sys.stderr).write(
            f"footprint {__version__} is installed without its command line: install its extra “cli”, such as by "
            "pip install '.[cli]' in its folder.\n"
        )
        raise SystemExit(0 if only_version else 2) from None
    run(words, environ)


if __name__ == "__main__":
    main()
