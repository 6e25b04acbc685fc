"""Holds what is asked, and what is answered, against the schemas of the discovery documents."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.api.discovery import Method, Schema
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.wire import Refusal

WIDE = frozenset({"int64", "uint64"})  # numbers that travel as strings
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


def bad_request(method: Method, message: str) -> Refusal:
    """Return the refusal of a request that does not fit its method."""
    return refused(400, "badRequest", message, name="INVALID_ARGUMENT" if method.worded else None)


def checked_query(method: Method, pairs: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    """Return the query's values by name; what the method does not know, or does not take, is refused."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        known = method.parameters.get(name)
        if known is None or known["location"] != "query":
            text = f"Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found"
            raise bad_request(method, f"Invalid JSON payload received. {text} in request message.")
        if name in found and not known.get("repeated"):
            raise bad_request(method, f"Invalid value at '{name}': the parameter does not repeat.")
        _check_text(method, name, value, known)
        found[name] = (*found.get(name, ()), value)
    for name, known in method.parameters.items():
        if known.get("required") and known["location"] == "query" and name not in found:
            raise bad_request(method, f"Missing required field: {name}")
    return found


def check_path(method: Method, args: Mapping[str, str]) -> None:
    """Refuse a path whose parameters have the wrong form."""
    for name, value in args.items():
        if name in method.parameters:
            _check_text(method, name, value, method.parameters[name])


def _check_text(method: Method, name: str, value: str, known: Schema) -> None:
    kind = known["type"]
    wrong = bad_request(method, f"Invalid value at '{name}' (TYPE_{kind.upper()}), \"{value}\"")
    if kind == "boolean" and value not in ("true", "false"):
        raise wrong
    if kind == "integer":
        if not re.fullmatch(r"-?[0-9]+", value):
            raise wrong
        if not int(known.get("minimum", 0)) <= int(value) <= int(known.get("maximum", 2**32)):
            limits = f"[{known.get('minimum', 0)}, {known.get('maximum', 2**32)}]"
            raise bad_request(method, f"Invalid value '{value}'. Values must be within the range: {limits}")
    if "enum" in known and value not in known["enum"]:
        raise wrong
    if "pattern" in known and not re.fullmatch(known["pattern"], value):
        raise bad_request(method, f"Invalid value '{value}' for '{name}'. It must match {known['pattern']}.")


def check_body(method: Method, body: Mapping[str, Any]) -> None:
    """Refuse a body with anything in it that the method does not take, or without what it needs."""
    if method.request is None:
        raise bad_request(method, "Request has a body, and the method takes none.")
    _check_value(method, "", body, method.request)
    for name, known in method.request["properties"].items():
        if method.id in known.get("annotations", {}).get("required", ()) and not body.get(name):
            raise bad_request(method, f"Missing required field: {name}")


def _check_value(method: Method, where: str, value: Any, schema: Schema) -> None:
    schema = method.resolved(schema)
    kind = schema["type"]
    if value is None or kind == "any":
        return
    wrong = bad_request(method, f"Invalid value at '{where}' (TYPE_{kind.upper()}), {value!r}")
    expected = JSON_TYPES[kind]
    if schema.get("format") in WIDE:
        if not re.fullmatch(r"-?[0-9]+", str(value)):
            raise wrong
    elif not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        raise wrong
    if "enum" in schema and value not in schema["enum"]:
        # Google's own guide writes the watch's behaviour in capitals, and its API takes both.
        if str(value).lower() not in schema["enum"]:
            raise wrong
    elif schema.get("format") == "byte" and not _is_base64(value):
        raise bad_request(method, f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed")
    elif kind == "array":
        for place, one in enumerate(value):
            _check_value(method, f"{where}[{place}]", one, schema["items"])
    elif kind == "object":
        _check_object(method, where, value, schema)


def _check_object(method: Method, where: str, value: Mapping[str, Any], schema: Schema) -> None:
    known, more = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        inside = f"{where}.{name}" if where else name
        if name not in known and more is None:
            place = f" at '{where}'" if where else ""
            text = f'Unknown name "{name}"{place}: Cannot find field.'
            raise bad_request(method, f"Invalid JSON payload received. {text}")
        if known.get(name, {}).get("readOnly"):
            raise bad_request(method, f"Invalid value at '{inside}': the field is read-only.")
        _check_value(method, inside, one, known.get(name, more))


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.translate(str.maketrans("-_", "+/")) + "=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
    return True


def as_sent(method: Method, value: Any, schema: Schema) -> Any:
    """Return an answer as it goes out: wide numbers as strings. A field the schema lacks is our own mistake."""
    schema = method.resolved(schema)
    if isinstance(value, Mapping) and "properties" in schema:
        return {name: as_sent(method, one, schema["properties"][name]) for name, one in value.items()}
    if isinstance(value, list | tuple) and schema.get("type") == "array":
        return [as_sent(method, one, schema["items"]) for one in value]
    if schema.get("format") in WIDE and isinstance(value, int):
        return str(value)
    return value
