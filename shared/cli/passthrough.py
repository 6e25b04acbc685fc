"""The command that sends any request to the API: for what has no command of its own."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Context, Option

from shared.cli.call import Call
from shared.cli.place import Usage

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


def request(
    context: Context,
    method: Annotated[Method, Argument(metavar="METHOD", help="GET, POST, PUT, PATCH or DELETE.", show_default=False)],
    path: Annotated[
        str, Argument(metavar="PATH", help="Below /api, such as /connections?site=uk.", show_default=False)
    ],
    *,
    file: Annotated[
        Path | None, Option("--input", metavar="FILE", help="The body as JSON; - reads it from standard input.")
    ] = None,
    header: Annotated[
        list[str] | None, Option(metavar="NAME:VALUE", help="A header, such as If-Match; may be repeated.")
    ] = None,
) -> int:
    """Send any request to the API, and print the answer as JSON."""
    call = Call.of(context)
    if not path.startswith("/") or path.startswith("//"):
        raise Usage("not_valid", "PATH: write a path below /api, such as /connections.")
    call.print(call.api.raw(method, path, _body(file), _headers(header or [])))
    return 0


def _body(file: Path | None) -> object:
    if file is None:
        return None
    try:
        return json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError):
        raise Usage("file_not_valid", f"--input: {file} holds no JSON that can be read.") from None


def _headers(given: list[str]) -> dict[str, str]:
    pairs = [one.partition(":") for one in given]
    for name, colon, value in pairs:
        if not colon or not name.strip() or not (name + value).isprintable() or not (name + value).isascii():
            raise Usage("not_valid", "--header: write NAME:VALUE, in plain letters.")
        if name.strip().lower() in ("authorization", "host"):
            raise Usage("not_valid", f"--header: {name.strip()} is set by the command line itself.")
    return {name.strip(): value.strip() for name, _, value in pairs}
