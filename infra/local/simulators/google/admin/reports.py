"""The Reports API: what administrators and applications did, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.simulators.google.activities import when
from infra.local.simulators.google.api import paging
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.wire import Record, Refusal

APPLICATIONS = frozenset({"admin", "token"})
WINDOW = timedelta(days=180)
FILTER = re.compile(r"([A-Za-z_]+)(==|<>)([^,<>=]+)")
BY_CLIENT = re.compile(r'oAuthClientId\s*=\s*"([^"]*)"', re.IGNORECASE)
# Read nowhere here: an answer that ignores them would be silently wrong.
NOT_SIMULATED = (
    "actorIpAddress",
    "agentInfoFilter",
    "deviceFilter",
    "groupIdFilter",
    "networkInfoFilter",
    "orgUnitID",
    "resourceDetailsFilter",
    "statusFilter",
)


def _list(asked: Asked) -> Mapping[str, Any]:
    actor = asked.actor
    if actor is None or not (actor.get("isAdmin") or actor.get("isDelegatedAdmin")):
        raise refused(403, "forbidden", "Not Authorized to access this resource/api")
    if asked.one("customerId") not in ("", "my_customer", asked.customer.id):
        raise refused(403, "forbidden", "Not Authorized to access this resource/api")
    if asked.args["applicationName"] not in APPLICATIONS or any(asked.one(name) for name in NOT_SIMULATED):
        raise refused(501, "notImplemented", "This application or this filter is not simulated.")
    wanted = _conditions(asked)
    size = int(asked.one("maxResults", "1000"))
    if not 1 <= size <= 1000:
        raise _invalid(f"Invalid value '{size}'. Values must be within the range: [1, 1000]")
    question = (
        asked.args,
        sorted((k, v) for k, v in asked.query.items() if k not in ("pageToken", "maxResults", "fields")),
    )
    before = len(asked.customer.audit)
    if given := asked.one("pageToken"):
        try:
            before = paging.place(question, given)
        except ValueError as error:
            raise _invalid("Invalid page token.") from error
    entries = asked.customer.audit
    found: list[Record] = []
    answer: dict[str, Any] = {"kind": "admin#reports#activities", "etag": f'"activities-{before}"'}
    for place in range(before - 1, -1, -1):
        if all(condition(entries[place]) for condition in wanted):
            if len(found) == size:
                answer["nextPageToken"] = paging.token(question, place + 1)
                break
            found.append(entries[place])
    if found:
        answer["items"] = found
    return answer


def _conditions(asked: Asked) -> list[Callable[[Record], bool]]:
    application, name = asked.args["applicationName"], asked.one("eventName")
    first, last = _window(asked)
    wanted: list[Callable[[Record], bool]] = [
        lambda one: one["id"]["applicationName"] == application,
        lambda one: first <= one["id"]["time"] <= last,
    ]
    if (key := asked.args["userKey"]) != "all":
        user = asked.customer.user(key)
        if user is None:
            raise _invalid("Bad Request: userKey")
        wanted.append(lambda one: one["actor"].get("profileId") == user["id"])
    tests = _parameter_tests(asked.one("filters"))
    if name or tests:
        wanted.append(lambda entry: any(_fits(one, name, tests) for one in entry["events"]))
    if given := asked.one("applicationInfoFilter"):
        client = BY_CLIENT.fullmatch(given.strip())
        if client is None:
            raise _invalid("Invalid applicationInfoFilter.")
        wanted.append(lambda one: _client(one) == client[1])
    return wanted


def _window(asked: Asked) -> tuple[str, str]:
    seen = asked.now - timedelta(seconds=asked.customer.behaviour.audit_lag_seconds)
    last = _moment(asked.one("endTime"), seen)
    first = _moment(asked.one("startTime"), asked.now - WINDOW)
    if first > last and asked.one("endTime"):
        raise _invalid("Start time can not be after end time.")
    return when(first), when(min(last, seen))


def _moment(given: str, default: datetime) -> datetime:
    if not given:
        return default
    try:
        found = datetime.fromisoformat(given)
    except ValueError as error:
        raise _invalid(f"Invalid time: {given}") from error
    if found.tzinfo is None:
        raise _invalid(f"Invalid time: {given}")
    return found.astimezone(UTC)


def _parameter_tests(given: str) -> list[tuple[str, str, str]]:
    tests = []
    for one in filter(None, given.split(",")):
        test = FILTER.fullmatch(one.strip())
        if test is None:
            raise _invalid(f"Invalid filter: {one}")
        tests.append((test[1], test[2], test[3]))
    return tests


def _fits(one: Record, name: str, tests: list[tuple[str, str, str]]) -> bool:
    if name and one["name"] != name:
        return False
    values = {parameter["name"]: parameter.get("value", parameter.get("intValue")) for parameter in one["parameters"]}
    # An event without the parameter never fits, not even "is another".
    return all(key in values and (values[key] == value) is (operator == "==") for key, operator, value in tests)


def _client(entry: Record) -> str | None:
    """Return the OAuth client behind an entry: said of its actor, or by the token log itself."""
    if known := entry["actor"].get("applicationInfo", {}).get("oauthClientId"):
        return str(known)
    for one in entry["events"]:
        for parameter in one["parameters"]:
            if parameter["name"] == "client_id":
                return str(parameter.get("value"))
    return None


def _invalid(message: str) -> Refusal:
    return refused(400, "invalid", message)


HANDLERS: Mapping[str, Handler] = {"reports.activities.list": _list}
