"""What a command is given: the words that were typed, the API, and the terminal."""

import json
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from shared.cli.api import Answer, Api
from shared.cli.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command, as it was typed."""

    args: Namespace
    api: Api
    terminal: Terminal

    @property
    def as_json(self) -> bool:
        """Whether what the API answered is wanted, and nothing else."""
        return bool(self.args.json)

    def print_json(self, content: Any) -> int:
        """What the API answered, as JSON; strangers' characters are escaped, so a terminal obeys none of them."""
        self.terminal.show(json.dumps(content, indent=2))
        return 0

    def connection(self) -> Answer:
        """The connection that was named."""
        return self.api.find(self.args.connection)
