"""What Google's discovery documents say: which methods there are, and what may be asked of each."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]
FILE = Path(__file__).with_name("google_methods.json")
# Limits that stand in the descriptions only.
CAPS = {
    "directory.groups.list": ("maxResults", 200),
    "directory.members.list": ("maxResults", 200),
    "gmail.users.history.list": ("maxResults", 500),
    "gmail.users.messages.list": ("maxResults", 500),
    "cloudidentity.policies.list": ("pageSize", 100),
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of one API."""

    id: str  # "directory.users.list"
    host: str
    verb: str
    flat: re.Pattern[str]  # decides whether a path is meant
    path: re.Pattern[str]  # finds the parameters by the names the API gives them
    parameters: Mapping[str, Schema]
    request: Schema | None
    response: Schema | None
    scopes: frozenset[str]
    schemas: Mapping[str, Schema]
    worded: bool  # whether this API's refusals carry the newer word beside the number

    @property
    def listed(self) -> str | None:
        """The key of the array in the answer of a listing."""
        if not self.id.endswith(".list") or self.response is None:
            return None
        arrays = (key for key, one in self.response["properties"].items() if one.get("type") == "array")
        return next(arrays, None)

    def resolved(self, schema: Schema) -> Schema:
        """Follow a reference to another schema of the same API."""
        return self.schemas[schema["$ref"]] if "$ref" in schema else schema


@functools.cache
def methods() -> tuple[Method, ...]:
    """Read all methods; those with fewer parameters in their path come first, so that the plainer name wins."""
    found = []
    for api in json.loads(FILE.read_text()).values():
        schemas = api["schemas"]
        for key, one in api["methods"].items():
            parameters = {**api["parameters"], **one.get("parameters", {})}
            if key in CAPS:
                name, most = CAPS[key]
                parameters[name] = {**parameters[name], "minimum": "1", "maximum": str(most)}
            method = Method(
                id=key,
                host=api["host"],
                verb=one["httpMethod"],
                flat=_pattern(one.get("flatPath", one["path"])),
                path=_pattern(one["path"]),
                parameters=parameters,
                request=schemas.get(one.get("request")),
                response=schemas.get(one.get("response")),
                scopes=frozenset(one["scopes"]),
                schemas=schemas,
                worded=api["status"],
            )
            found.append(method)
    return tuple(sorted(found, key=lambda one: one.flat.groups))


def find(host: str, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """Return the method a request means, and the parameters in its path."""
    for method in methods():
        if method.host != host or method.verb != verb:
            continue
        if flat := method.flat.fullmatch(path):
            named = method.path.fullmatch(path)
            return method, flat.groupdict() | (named.groupdict() if named else {})
    return None


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` stands for one segment, `{+name}` for any number of them."""
    text = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+")
    text = re.sub(r"\{\+(\w+)\}", r"(?P<\1>.+)", text)
    return re.compile("/" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text))
