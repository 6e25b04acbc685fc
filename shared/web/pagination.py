"""Where a page of a list ended, as a text that means nothing to the client that hands it back."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from shared.foundation.errors import Refused
from shared.web.http import Content, Json, Request, Strict, as_json

Limit = Annotated[int, Field(ge=1, le=200, description="how many at most")]
Cursor = Annotated[
    str,
    Field(max_length=4000, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before, to go on behind it"),
]


class Paged(Strict):
    """What every list takes."""

    limit: Limit = 50
    cursor: Cursor = ""


def encode(*parts: str | int) -> str:
    """A place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> list[Any] | None:
    """The parts of a cursor, of these kinds; None for none. Raises Refused 400 for what was never one."""
    if not cursor:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        parts = None
    good = isinstance(parts, list) and len(parts) == len(kinds)
    # True is a number too, and a number has its limits in a database.
    if not good or not all(type(part) is kind for part, kind in zip(parts, kinds, strict=True)):
        raise never_one()
    if not all(_fits(part) for part in parts):
        raise never_one()
    found: list[Any] = parts
    return found


def _fits(part: int | str) -> bool:
    """Whether a database takes it: half a character is none, and U+0000 is not everywhere."""
    if isinstance(part, int):
        return 0 <= part < 2**31
    return "\0" not in part and not any("\ud800" <= character <= "\udfff" for character in part)


def moment(text: str) -> datetime:
    """A moment that a cursor holds. Raises Refused 400 for what was never one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise never_one() from None
    if found.tzinfo is None:
        raise never_one()
    return found


def never_one() -> Refused:
    """The cursor is none of ours."""
    return Refused(400, "cursor_not_valid", "cursor: this is not where a page of this list ended.")


def paged(request: Request, content: Content, cursor: str | None) -> Json[Content]:
    """A page, with a link to the next one if there is one."""
    answer = as_json(content)
    return replace(answer, headers={**answer.headers, **leading_on(request, cursor)})


def leading_on(request: Request, cursor: str | None) -> dict[str, str]:
    """The header that leads to the next page, if there is one."""
    if cursor is None:
        return {}
    query = urlencode({**request.query, "cursor": cursor})
    return {"Link": f'<{request.path}?{query}>; rel="next"'}
