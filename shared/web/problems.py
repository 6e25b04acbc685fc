"""What the API answers to a request that is turned down or fails: a problem document (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from shared.foundation.errors import Refused
from shared.web.http import DATA_HEADERS, Response
from shared.web.schema import example


class WrongField(TypedDict):
    """A field of the query or of the body that is not valid."""

    field: Annotated[str, Field(description="its name, and those of what it stands in, with dots between")]
    detail: str


@example(
    {
        "type": "/runbook/no_such_connection",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such connection.",
        "code": "no_such_connection",
    }
)
class Problem(TypedDict):
    """Why a request was turned down, or failed (RFC 9457)."""

    type: Annotated[str, Field(description="the page of the runbook about the code", pattern="^/runbook/")]
    title: Annotated[str, Field(description="the status in words")]
    status: int
    detail: Annotated[str, Field(description="what happened and what to do, for people")]
    code: Annotated[str, Field(description="the same for programs; it never changes")]
    errors: Annotated[NotRequired[list[WrongField]], Field(description="of `not_valid`, each field that is wrong")]


def problem(error: Refused) -> Response:
    """A problem document with the error's stable code."""
    content: Problem = {
        "type": f"/runbook/{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.sentence,
        "code": error.code,
    }
    if error.fields:
        content["errors"] = [{"field": where, "detail": why} for where, why in error.fields]
    headers = {**DATA_HEADERS, "Content-Type": "application/problem+json"}
    return Response(status=error.status, headers=headers, body=json.dumps(content).encode())
