"""Requests as a host hands them over. Whatever the API answers in a test is held against its own document."""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shared.web import openapi
from shared.web.dispatch import answer
from shared.web.http import Request, Response, received
from shared.web.routes import Route
from tests.harness.world import World

# What hosts and browsers are told, and what every answer of a kind bears.
UNSAID = {
    "Connection",
    "Content-Type",
    "Content-Length",
    "Content-Security-Policy",
    "Cache-Control",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Strict-Transport-Security",
}


async def ask(
    world: World,
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: Any = None,
    content: bytes | None = None,
    **headers: str,
) -> Response:
    """One request: a body as JSON, or any content. Header names may be written with _ for -."""
    path, _, query = path.partition("?")
    given = {"authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        given, content = {**given, "content-type": "application/json"}, json.dumps(body).encode()
    given |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    request = received(method, path, query, given, content or b"")
    response = await answer(world.app, request)
    held(request, response)
    return response


def at(route: Route, **parts: str) -> str:
    """The address of a route; a part of it that nothing is said of is there and means nothing."""
    return re.sub(r"{(\w+)}", lambda part: parts.get(part[1], "1"), route.path)


@cache
def document() -> Any:
    """The document, closed: what an answer says beyond it is a mistake too."""
    made = openapi.document("http://127.0.0.1:8080", ("microsoft365", "google"), "footprint")
    for schema in made["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return made


@cache
def validator(pointer: str) -> Draft202012Validator:
    """What holds content against one of the document's schemas."""
    whole = Resource(contents=document(), specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:api", whole)
    return Draft202012Validator({"$ref": f"urn:api#{pointer}"}, registry=registry, format_checker=FormatChecker())


def held(request: Request, response: Response) -> None:
    """Fail unless the document says that this request may be answered so."""
    template = next((path for path in document()["paths"] if re.fullmatch(_pattern(path), request.path)), None)
    if template is None:
        return
    operation = document()["paths"][template].get("get" if request.method == "HEAD" else request.method.lower())
    if operation is None:
        assert response.status == 405, (request.method, request.path)
        return
    where = f"{request.method} {template} {response.status}: {response.body[:300]!r}"
    assert str(response.status) in operation["responses"], where
    told = operation["responses"][str(response.status)]
    pointer = f"/paths/{_escaped(template)}/{request.method.lower()}/responses/{response.status}"
    if "$ref" in told:
        pointer = told["$ref"].removeprefix("#")
        told = document()["components"]["responses"][pointer.rpartition("/")[2]]
    unsaid = response.headers.keys() - UNSAID - told["headers"].keys()
    assert not unsaid, f"{where}: {unsaid}"
    if request.method == "HEAD":
        assert response.body == b"", where
        return
    media = response.headers.get("Content-Type", "").partition(";")[0]
    assert (media in told["content"]) if "content" in told else not response.body, where
    if media in ("application/json", "application/problem+json"):
        place = f"{pointer}/content/{_escaped(media)}/schema"
        problems = [error.message for error in validator(place).iter_errors(json.loads(response.body))]
        assert not problems, f"{where}: {problems}"


def _pattern(path: str) -> str:
    return re.sub(r"{\w+}", "[^/]+", path)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
