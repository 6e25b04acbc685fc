"""What a command is given beside what was typed: the API and the terminal; and what may be typed behind several."""

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from typer import Argument, Context, Option

from shared.cli.api import Api
from shared.cli.terminal import Terminal

# Most runs end in seconds; a customer's administrator takes minutes to consent.
TIMEOUT_SECONDS = 600

Site = Literal["eu", "uk", "ca", "us", "jp", "anz", "sg", "in"]
Stage = Literal["new", "grant", "run", "revoke", "cleanup", "closed"]
Status = Literal["action_required", "degraded", "awaiting_consent", "setting_up", "revoking", "healthy", "closed"]
Purpose = Literal["now", "grant", "repair", "revoke"]
Format = Literal["text", "json", "ndjson", "csv"]

CONNECTION = "An id, or a name or tenant that only one connection has."
Connection = Annotated[str, Argument(metavar="CONNECTION", help=CONNECTION, show_default=False)]
Part = Annotated[str | None, Option("-q", metavar="TEXT", help="Only those with this in their name or address.")]
Wait = Annotated[bool, Option("--wait", help="Follow it until it has ended.")]
Timeout = Annotated[int, Option("--timeout", metavar="SECONDS", help="Follow it no longer than this.")]
Json = Annotated[bool, Option("--json", help="Print what the API answers, and nothing else.")]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command, as it was typed."""

    api: Api
    terminal: Terminal
    as_json: bool = False
    """Whether what the API answered is wanted, and nothing else."""

    @classmethod
    def of(cls, context: Context, *, as_json: bool) -> Self:
        """The call of a command."""
        call: Self = context.obj
        return replace(call, as_json=as_json)

    def print_json(self, content: Any) -> int:
        """What the API answered, as JSON; strangers' characters are escaped, so a terminal obeys none of them."""
        self.terminal.show(json.dumps(content, indent=2))
        return 0
