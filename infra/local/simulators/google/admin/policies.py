"""The Cloud Identity Policy API, which reads the settings an administrator made in the console and writes none."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from infra.local.simulators.google.activities import when
from infra.local.simulators.google.api import paging
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.wire import Record, Refusal

TEXT = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
OF_CUSTOMER = re.compile(rf"customer\s*==\s*{TEXT}")
OF_TYPE = re.compile(rf"setting\.type\.matches\(\s*{TEXT}\s*\)")
ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}


def _list(asked: Asked) -> Mapping[str, Any]:
    _check_caller(asked)
    size = int(asked.one("pageSize", "50")) or 50
    pattern = _pattern(asked, asked.one("filter").strip())
    question = ("policies", asked.one("filter"), size)
    place = 0
    if given := asked.one("pageToken"):
        try:
            place = paging.place(question, given)
        except ValueError as error:
            raise _invalid("Request contains an invalid argument.") from error
    found = [one for one in asked.customer.policies.values() if pattern.search(one["setting"]["type"])]
    if not asked.customer.behaviour.policy_empty_pages:
        return _page(asked, question, found, place, place + size)
    # Half of them, then a page of nothing, then the rest: who stops at an empty page has not seen all.
    half = min(size, (len(found) + 1) // 2)
    if place == 0:
        return _page(asked, question, found, 0, half, follow=-1 - half)
    if place < 0:
        return {"nextPageToken": paging.token(question, -1 - place)} if -1 - place else {}
    return _page(asked, question, found, place, place + size)


def _page(
    asked: Asked, question: tuple[object, ...], found: list[Record], first: int, end: int, follow: int | None = None
) -> Mapping[str, Any]:
    answer: dict[str, Any] = {}
    if found[first:end]:
        answer["policies"] = [_printed(asked, one) for one in found[first:end]]
    if follow is not None or len(found) > end:
        answer["nextPageToken"] = paging.token(question, end if follow is None else follow)
    return answer


def _get(asked: Asked) -> Mapping[str, Any]:
    _check_caller(asked)
    name = asked.args.get("name") or f"policies/{asked.args['policiesId']}"
    if name not in asked.customer.policies:
        raise refused(404, "notFound", "Requested entity was not found.", name="NOT_FOUND")
    return _printed(asked, asked.customer.policies[name])


def _write(asked: Asked) -> Mapping[str, Any]:
    """Refuse: which settings could be written is not known, and of Gmail's none is confirmed."""
    _check_caller(asked)
    kind = (asked.body.get("setting") or {}).get("type") or ""
    name = asked.args.get("name", "")
    if name in asked.customer.policies:
        kind = asked.customer.policies[name]["setting"]["type"]
    if "gmail." in kind:
        raise _invalid(f"Mutation of {kind} is not supported.")
    raise refused(501, "notImplemented", "Writing policies is not simulated.", name="UNIMPLEMENTED")


def _check_caller(asked: Asked) -> None:
    if asked.actor is None or not asked.actor.get("isAdmin"):
        raise refused(403, "forbidden", "The caller does not have permission", name="PERMISSION_DENIED")
    rate = asked.customer.behaviour.policy_rate
    if not rate:
        return
    # Nothing but the token log counts the calls that were answered; its newest entries come last.
    since = when(asked.now - timedelta(seconds=1))
    recent = itertools.takewhile(lambda one: one["id"]["time"] > since, reversed(asked.customer.audit))
    if sum(_is_read(one) for one in recent) >= rate:
        text = "Quota exceeded for quota metric 'read requests' and limit 'read requests per minute'"
        raise refused(429, "rateLimitExceeded", text, name="RESOURCE_EXHAUSTED")


def _is_read(entry: Record) -> bool:
    parameters = (one for what in entry["events"] for one in what["parameters"])
    return any(
        one["name"] == "method_name" and one["value"].startswith("cloudidentity.policies.") for one in parameters
    )


def _pattern(asked: Asked, given: str) -> re.Pattern[str]:
    """Read the part of CEL that is simulated: a customer and a pattern of types, joined by `&&`."""
    pattern = re.compile("")
    for clause in filter(None, (one.strip() for one in given.split("&&"))):
        if found := OF_CUSTOMER.fullmatch(clause):
            if _text(found[1]) not in ("customers/my_customer", f"customers/{asked.customer.id}"):
                raise refused(403, "forbidden", "The caller does not have permission", name="PERMISSION_DENIED")
        elif found := OF_TYPE.fullmatch(clause):
            try:
                pattern = re.compile(_text(found[1]))
            except re.error as error:
                raise _invalid(f"Invalid filter: {clause}") from error
        else:
            raise _invalid(f"Invalid filter: {clause}")
    return pattern


def _text(literal: str) -> str:
    """Return what a CEL string says; a lone backslash before a dot is an error there, as in many languages."""

    def unescaped(found: re.Match[str]) -> str:
        if found[1] not in ESCAPES:
            raise _invalid(f"Invalid filter: there is no escape \\{found[1]}")
        return ESCAPES[found[1]]

    return re.sub(r"\\(.)", unescaped, literal[1:-1])


def _printed(asked: Asked, policy: Record) -> Record:
    padding = asked.customer.behaviour.rule_description_padding
    setting = policy["setting"]
    rules = setting["value"].get("contentComplianceRules")
    if not padding or not rules:
        return policy
    padded = [{**one, "description": one["description"] + " " * padding} for one in rules]
    return {**policy, "setting": {**setting, "value": {**setting["value"], "contentComplianceRules": padded}}}


def _invalid(message: str) -> Refusal:
    return refused(400, "invalidArgument", message, name="INVALID_ARGUMENT")


HANDLERS: Mapping[str, Handler] = {
    "cloudidentity.policies.list": _list,
    "cloudidentity.policies.get": _get,
    "cloudidentity.policies.create": _write,
    "cloudidentity.policies.patch": _write,
    "cloudidentity.policies.delete": _write,
}
