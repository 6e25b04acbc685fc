"""A change names the state that its author has seen, so that nobody undoes another's change."""

import re
from collections.abc import Callable
from typing import Any

from shared.foundation.errors import Refused
from shared.web.http import Request, Response, etag

Precondition = Callable[[Any | None], None]
"""Given what is stored, JSON-ready, or None: raises Refused if it is not what the caller has seen. Called inside the
transaction that changes it."""

TAG = re.compile(r'(W/)?"([^"]*)"')


def precondition(request: Request) -> Precondition:
    """What a request's If-Match and If-None-Match ask for.

    To change what exists needs an If-Match (428 `precondition_required` without) that holds its tag (412
    `changed_meanwhile`); `If-None-Match: *` only makes what does not exist yet (412 `exists_already`).
    """
    seen, new_only = request.headers.get("if-match"), request.headers.get("if-none-match")

    def check(stored: Any | None) -> None:
        if new_only is not None and new_only.strip() != "*":
            raise Refused(400, "not_valid", "If-None-Match: only * is understood here.")
        if stored is None:
            if seen is not None:
                raise _changed()
            return
        if new_only is not None:
            raise Refused(412, "exists_already", "This exists already. Nothing was changed.")
        if seen is None:
            raise Refused(
                428, "precondition_required", "This exists. Send the ETag of what you have seen of it as If-Match."
            )
        if not holds(seen, etag(stored)):
            raise _changed()

    return check


def unless_seen(request: Request, response: Response) -> Response:
    """The answer, or 304 if the caller has it already."""
    tag, seen = response.headers.get("ETag"), request.headers.get("if-none-match")
    if request.method != "GET" or response.status != 200 or tag is None or seen is None:
        return response
    # To look again a weak tag is as good as a strong one.
    if seen.strip() != "*" and tag not in [f'"{value}"' for _, value in TAG.findall(seen)]:
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("Content-")}
    return Response(status=304, headers=kept)


def holds(seen: str, tag: str) -> bool:
    """Whether an If-Match names this tag."""
    # A weak tag says nothing of what is in it byte for byte.
    strong = [f'"{value}"' for weak, value in TAG.findall(seen) if not weak]
    return seen.strip() == "*" or tag in strong


def _changed() -> Refused:
    return Refused(412, "changed_meanwhile", "Changed since you loaded it. Reload, then decide.")
