"""Holds recorded calls of Google's APIs against the discovery documents that Google's own client brings along.

Reads one call a line, as JSON: {"host", "method", "path", "query", "body"}. Prints one line of JSON with how many were
held, which methods they mean, and a sentence for whatever does not fit. Runs in a process of its own and imports
nothing of the project.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from googleapiclient.discovery_cache import get_static_doc

APIS = (
    ("admin", "directory_v1"),
    ("admin", "reports_v1"),
    ("gmail", "v1"),
    ("cloudidentity", "v1"),
    ("appsmarket", "v2"),
    ("groupssettings", "v1"),
    ("iamcredentials", "v1"),
)
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}
RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
NUMBER = re.compile(r"-?[0-9]+")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# Older documents say it in words only.
OUTPUT_ONLY = re.compile(r"(Output only|Read-only)\b")
MASK = re.compile(r"[A-Za-z0-9_*]+|[,/()]")

Schema = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of one API, with what is common to all of that API."""

    id: str
    verb: str
    host: str
    path: re.Pattern[str]
    parameters: dict[str, Schema]
    request: Schema | None
    response: Schema
    schemas: dict[str, Schema]

    def whole(self, schema: Schema) -> Schema:
        """Follow a reference to another schema."""
        return self.schemas[schema["$ref"]] if "$ref" in schema else schema


def methods() -> Iterator[Method]:
    """Read every method of every API that is of interest here."""
    for api in APIS:
        document = json.loads(get_static_doc(*api))
        schemas = document["schemas"]
        for one in _of(document):
            yield Method(
                id=one["id"],
                verb=one["httpMethod"],
                host=urlsplit(document["rootUrl"]).netloc,
                path=_pattern(document["servicePath"] + one.get("flatPath", one["path"])),
                parameters={name: {"location": "query", **known} for name, known in document["parameters"].items()}
                | one.get("parameters", {}),
                request=schemas[one["request"]["$ref"]] if "request" in one else None,
                response=schemas[one["response"]["$ref"]] if "response" in one else {},
                schemas=schemas,
            )


def _of(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for below in resource.get("resources", {}).values():
        yield from _of(below)


def _pattern(path: str) -> re.Pattern[str]:
    text = re.sub(r"\\\{\\\+(\w+)\\\}", r"(?P<\1>.+)", re.escape(path))
    return re.compile("/" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", text))


def held(call: dict[str, str], known: list[Method]) -> tuple[str | None, list[str]]:
    """Say which method a call means, and what in it does not fit that method."""
    there = [one for one in known if one.host == call["host"] and one.verb == call["method"]]
    meant = [(one, found) for one in there if (found := one.path.fullmatch(call["path"]))]
    if len(meant) != 1:
        names = ", ".join(one.id for one, _ in meant) or "no method"
        return None, [f"{call['host']} {call['method']} {call['path']} means {names}"]
    method, found = meant[0]
    wrong = [*_path(method, found), *_query(method, call["query"]), *_body(method, call["body"])]
    return method.id, [f"{method.id}: {one}" for one in wrong]


def _path(method: Method, found: re.Match[str]) -> Iterator[str]:
    for name, value in found.groupdict().items():
        # A document's flat path may name the pieces of a parameter instead of it.
        if name in method.parameters:
            yield from _text(name, value, method.parameters[name])


def _query(method: Method, query: str) -> Iterator[str]:
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        known = method.parameters.get(name)
        if known is None or known["location"] != "query":
            yield f"there is no parameter {name}"
            continue
        if len(values) > 1 and not known.get("repeated"):
            yield f"{name} does not repeat"
        for value in values:
            yield from _text(name, value, known)
            if known.get("repeated") and "," in value:
                # Google's client sends each value as a parameter of its own; joined they are one that nothing has.
                yield f"{name} repeats, and does not take several values at once: {value}"
    for name, known in method.parameters.items():
        if known.get("required") and known["location"] == "query" and name not in given:
            yield f"{name} is required"
    for mask in given.get("fields", []):
        yield from _mask(method, mask)


def _text(name: str, value: str, known: Schema) -> Iterator[str]:
    kind, form = known["type"], known.get("format")
    if kind == "boolean" and value not in ("true", "false"):
        yield f"{name} is no boolean: {value}"
    elif kind == "integer" or form in RANGES:
        yield from _number(name, value, known)
    elif kind == "number" and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        yield f"{name} is no number: {value}"
    if form in ("date-time", "google-datetime") and not MOMENT.fullmatch(value):
        yield f"{name} is no moment: {value}"
    if "enum" in known and value not in known["enum"]:
        yield f"{name} cannot be {value}"
    elif "pattern" in known and not re.fullmatch(known["pattern"], value):
        yield f"{name} does not have the form {known['pattern'][:60]}: {value}"


def _number(name: str, value: str, known: Schema) -> Iterator[str]:
    if not NUMBER.fullmatch(value):
        yield f"{name} is no whole number: {value}"
        return
    least, most = RANGES.get(known.get("format", "int64"), RANGES["int64"])
    least, most = max(least, int(known.get("minimum", least))), min(most, int(known.get("maximum", most)))
    if not least <= int(value) <= most:
        yield f"{name} is not between {least} and {most}: {value}"


def _mask(method: Method, mask: str) -> Iterator[str]:
    """Follow a mask of fields through the schema of the answer."""
    tokens = MASK.findall(mask)
    if "".join(tokens) != mask or not mask:
        yield f"fields cannot be read: {mask}"
        return
    above: list[Schema] = []
    outer = here = method.response
    for token in tokens:
        match token:
            case ",":
                here = outer
            case "/":
                pass
            case "(":
                above.append(outer)
                outer = here
            case ")":
                if not above:
                    yield f"fields cannot be read: {mask}"
                    return
                here = outer = above.pop()
            case name:
                below = _below(method, here, name)
                if below is None:
                    yield f"fields names {name}, which is not in the answer: {mask}"
                    return
                here = below
    if above:
        yield f"fields cannot be read: {mask}"


def _below(method: Method, schema: Schema, name: str) -> Schema | None:
    schema = method.whole(schema)
    while schema.get("type") == "array":
        schema = method.whole(schema["items"])
    if name == "*" or schema.get("type") == "any":
        return {"type": "any"}
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return method.whole(found) if found is not None else None


def _body(method: Method, text: str) -> Iterator[str]:
    if method.request is None:
        if text:
            yield "it takes no body"
        return
    try:
        body = json.loads(text or "{}")
    except ValueError:
        yield "the body is not JSON"
        return
    yield from _value(method, "the body", body, method.request)
    if isinstance(body, dict):
        for name, known in method.request.get("properties", {}).items():
            if method.id in known.get("annotations", {}).get("required", ()) and name not in body:
                yield f"{name} is required"


def _value(method: Method, where: str, value: Any, schema: Schema) -> Iterator[str]:
    schema = method.whole(schema)
    kind = schema["type"]
    if kind == "any":
        return
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where} is no {kind}: {value!r}"
        return
    match value:
        case dict():
            yield from _object(method, where, value, schema)
        case list():
            for place, one in enumerate(value):
                yield from _value(method, f"{where}[{place}]", one, schema["items"])
        case str() if schema.get("format") == "byte":
            if not _is_base64(value):
                yield f"{where} is not base64: {value!r}"
        case str():
            yield from _text(where, value, schema)
        case int() if kind == "integer":
            yield from _number(where, str(value), schema)


def _object(method: Method, where: str, value: dict[str, Any], schema: Schema) -> Iterator[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        field = known.get(name, more)
        if field is None:
            yield f"{where} has no field {name}"
            continue
        if field.get("readOnly") or OUTPUT_ONLY.match(field.get("description", "")):
            yield f"{where}: {name} is for output only"
        yield from _value(method, name, one, field)


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.translate(str.maketrans("-_", "+/")) + "=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
    return True


def main() -> None:
    known = list(methods())
    checked, meant, wrong = 0, set(), {}
    for line in sys.stdin:
        name, found = held(json.loads(line), known)
        checked += 1
        meant |= {name} - {None}
        wrong |= dict.fromkeys(found)
    sys.stdout.write(json.dumps({"checked": checked, "methods": sorted(meant), "wrong": [*wrong]}) + "\n")


if __name__ == "__main__":
    main()
