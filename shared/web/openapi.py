"""The API's document (OpenAPI 3.1), made from the routes and from what their handlers say that they take and answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from inspect import getdoc
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from shared.foundation.brand import PUBLISHED
from shared.web.dispatch import handler
from shared.web.http import MESSAGE_TYPE, Accepted, Created, Elsewhere, Json, Kept, Nothing, Response, Zip, as_json
from shared.web.openapi_texts import ABOUT, HEADERS, INFO, KEY, PARTS, PLANNED, SEEN, TAGS, UNLESS_SEEN, problems
from shared.web.problems import Problem
from shared.web.routes import ROUTES, Auth, Route

SCHEMAS = "#/components/schemas/{model}"
STATUS: Mapping[type[Response], int] = {Created: 201, Accepted: 202, Nothing: 204, Elsewhere: 303}
# What is no text. The format says so to programs that make clients; a validator takes no notice of it.
BYTES = {"type": "string", "format": "binary"}
# What stands for a platform's name in an example: nothing here knows one.
SOME = "example"

Schema = dict[str, Any]
Kind = tuple[str, Literal["validation", "serialization"]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A route with what its handler says."""

    route: Route
    function: Callable[..., Any]

    @property
    def takes(self) -> Mapping[str, Any]:
        """Its `query`, its `body` and what is `seen`, as far as it takes them."""
        return self.function.__annotations__

    @property
    def answers(self) -> list[Any]:
        """Each kind of answer, with what is in it."""
        found = self.takes["return"]
        return [found] if get_origin(found) in (Json, Kept, Created, Accepted) else list(get_args(found)) or [found]

    @property
    def looked_for(self) -> Mapping[str, Any]:
        """The fields of its query."""
        return self.takes["query"].model_fields if "query" in self.takes else {}


class _Plain(GenerateJsonSchema):
    """Schemas in which a field is not called by its name twice."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - asked of every one
        return False


@cache
def answer(address: str, platforms: tuple[str, ...], cookie: str, software: str) -> Json[dict[str, Any]]:
    """The document as it is sent, for a deployment at an address that bears a name; sessions are in that cookie."""
    # Kept by browsers, and asked for again: with the tag that costs nothing.
    return as_json(document(address, platforms, cookie, software), **{"Cache-Control": "no-cache"})


def document(address: str, platforms: Sequence[str], cookie: str, software: str = PUBLISHED.software) -> Schema:
    """The document."""
    operations = [Operation(route=route, function=handler(route.handler)) for route in ROUTES if route.in_api]
    schemas, definitions = _schemas(operations)
    paths: dict[str, Schema] = {}
    responses: dict[str, Schema] = {}
    for one in operations:
        told = _operation(one, schemas, responses, definitions)
        paths.setdefault(one.route.path, {})[one.route.method.lower()] = told
    content = {
        "openapi": "3.1.0",
        "info": {"title": software, **INFO},
        "servers": [{"url": address}],
        "tags": [{"name": name, "description": text} for name, (text, _) in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": responses,
            "headers": HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "a token of the deployment's issuer"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "the console's session"},
                "signed": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a token that the platform signed; the scanner signs as Standard Webhooks do",
                },
            },
        },
    }
    named: Schema = _named(content, platforms)
    return named


def _named(content: Any, platforms: Sequence[str]) -> Any:
    """The same with the platforms that there are."""
    if isinstance(content, dict):
        content = {name: _named(value, platforms) for name, value in content.items()}
        if content.get("platform") == SOME:
            content["platform"] = platforms[0]
        elif isinstance(content.get("platform"), dict) and content["platform"].get("type") == "string":
            content["platform"] = {"enum": list(platforms), **content["platform"]}
        return content
    return [_named(value, platforms) for value in content] if isinstance(content, list) else content


def _schemas(operations: Sequence[Operation]) -> tuple[dict[Kind, Schema], dict[str, Schema]]:
    """The schema of every body and of every answer, and the definitions that they refer to."""
    wanted: list[tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
        ("problem", "serialization", TypeAdapter(Problem))
    ]
    for one in operations:
        if one.takes.get("body", bytes) is not bytes:
            wanted.append((one.route.name, "validation", TypeAdapter(one.takes["body"])))
        content = {get_args(kind)[0] for kind in one.answers if get_args(kind) and get_args(kind)[0] != dict[str, Any]}
        wanted += [(one.route.name, "serialization", TypeAdapter(kind)) for kind in content]
    made, rest = TypeAdapter.json_schemas(wanted, ref_template=SCHEMAS, schema_generator=_Plain)
    return made, rest["$defs"]


def _operation(
    one: Operation, schemas: Mapping[Kind, Schema], responses: dict[str, Schema], definitions: dict[str, Schema]
) -> Schema:
    route = one.route
    summary, _, more = (getdoc(one.function) or "").partition("\n")
    needs = f"Authentication: {route.auth.value}." + (f" Counts as {route.cost} requests." if route.cost > 1 else "")
    told: Schema = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": summary,
        "description": " ".join([*more.split(), needs]),
        "parameters": _parameters(one),
        "responses": _successes(one, schemas) | _failures(one, responses, definitions),
        "security": _security(route.auth),
    }
    if one.takes.get("body") is bytes:
        content = {MESSAGE_TYPE: {"schema": BYTES}}
        told["requestBody"] = {"required": True, "content": content}
    elif "body" in one.takes:
        fields = one.takes["body"].model_fields.values()
        told["requestBody"] = {
            "required": any(field.is_required() for field in fields),
            "content": {"application/json": {"schema": schemas[route.name, "validation"]}},
        }
    return told


def _tag(route: Route) -> str:
    parts = route.path.split("/")[2:]
    return next(name for name, (_, words) in TAGS.items() if words & set(parts[2:3] or parts[:1]))


def _security(auth: Auth) -> list[Schema]:
    if auth in (Auth.SIGNED, Auth.SCANNER):
        return [{"signed": []}]
    return [{"bearer": []}, {"session": []}] if auth in (Auth.VIEWER, Auth.OPERATOR, Auth.ADMIN) else []


def _parameters(one: Operation) -> list[Schema]:
    """What stands in the path, in the query and in the headers."""
    route = one.route
    found = [
        {"name": name, "in": "path", "required": True, **PARTS[name]} for name in re.findall(r"{(\w+)}", route.path)
    ]
    if "query" in one.takes:
        schema = one.takes["query"].model_json_schema(schema_generator=_Plain)
        for name, about in schema["properties"].items():
            field = _plain(about, schema.get("$defs", {}))
            described = {"description": field.pop("description")} if "description" in field else {}
            found.append({"name": name, "in": "query", "required": False, **described, "schema": field})
    headers = [KEY] if route.may_be_repeated else []
    if "planned" in one.takes:
        headers.append(PLANNED)
    if "seen" in one.takes:
        headers += SEEN if route.method == "PUT" else SEEN[:1]
    elif route.method == "GET" and _has_tag(one):
        headers.append(UNLESS_SEEN)
    return found + headers


def _plain(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A query's field without references, and without null: who means none leaves it out."""
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return _plain(definitions[schema["$ref"].rpartition("/")[2]] | rest, definitions)
    some = [_plain(one, definitions) for one in schema.get("anyOf", []) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title")}
    if rest.get("default", "") is None:
        del rest["default"]
    return {**some[0], **rest} if some else rest


def _has_tag(one: Operation) -> bool:
    return any(get_origin(kind) in (Json, Kept) for kind in one.answers)


def _successes(one: Operation, schemas: Mapping[Kind, Schema]) -> Schema:
    found: Schema = {}
    for answered in one.answers:
        kind = get_origin(answered) or answered
        status = STATUS.get(kind, 200)
        told = found.setdefault(str(status), {"description": (getdoc(kind) or "").partition("\n")[0]})
        told["headers"] = told.get("headers", {}) | _references(_headers(one, kind, status))
        if kind.media:
            schema = schemas.get((one.route.name, "serialization"), {"type": "object"})
            content = schema if issubclass(kind, Json) else BYTES if kind is Zip else {"type": "string"}
            told["content"] = told.get("content", {}) | {kind.media: {"schema": content}}
    if one.route.method == "GET" and _has_tag(one):
        found["304"] = {
            "description": "Unchanged since the ETag that was sent.",
            "headers": _references(_headers(one, Json, 304)),
        }
    return found


def _headers(one: Operation, kind: type[Response], status: int) -> list[str]:
    """The headers of an answer, by name."""
    route = one.route
    rules = {
        "ETag": issubclass(kind, Json) and kind is not Accepted,
        "Link": "cursor" in one.looked_for or kind is Zip,
        "Content-Disposition": bool(kind.media)
        and (kind is Kept or not issubclass(kind, Json))
        and "{id}" in route.path,
        "Location": status == 303,
        "Idempotency-Replayed": route.may_be_repeated,
        "RateLimit": route.needs_account,
        "RateLimit-Policy": route.needs_account,
        "X-Request-Id": True,
    }
    return [name for name, there in rules.items() if there]


def _failures(one: Operation, responses: dict[str, Schema], definitions: dict[str, Schema]) -> Schema:
    """Each status of a problem, by reference to a response and a schema that all share who have the same."""
    route = one.route
    found: dict[str, set[str]] = {}
    for line in problems(route, one.looked_for, one.takes) + getattr(one.function, "refuses", ()):
        status, _, code = line.partition(" ")
        found.setdefault(status, set()).add(code)
    told: Schema = {}
    for status, codes in sorted(found.items()):
        known = sorted(codes) if "" not in codes else []
        name = ".".join([status, *known, *(["page"] if route.auth is Auth.STATE else [])])
        if name not in responses:
            responses[name] = _failure(int(status), known, definitions, for_people=route.auth is Auth.STATE)
        told[status] = {"$ref": f"#/components/responses/{name}"}
    return told


def _failure(status: int, codes: list[str], definitions: dict[str, Schema], *, for_people: bool) -> Schema:
    said: Schema = {"properties": {"status": {"type": "integer", "enum": [status]}}}
    if codes:
        said["properties"]["code"] = {"enum": codes}
    # With a name of its own, it is one class in a generated client, however many operations answer with it.
    model = "".join([f"Problem{status}", *(code.title().replace("_", "") for code in codes)])
    definitions[model] = {"allOf": [{"$ref": SCHEMAS.format(model="Problem")}, said]}
    schema: Schema = {"$ref": SCHEMAS.format(model=model)}
    headers = [name for name, statuses in ABOUT.items() if status in statuses] + ["X-Request-Id"]
    headers += ["ETag"] if for_people else []
    media, schema = ("text/html", {"type": "string"}) if for_people else ("application/problem+json", schema)
    words = f"{HTTPStatus(status).phrase}: {', '.join(codes)}" if codes else HTTPStatus(status).phrase
    return {"description": words, "headers": _references(headers), "content": {media: {"schema": schema}}}


def _references(headers: Sequence[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
