"""Directory's groups. A new one takes a while to be seen, by those too who made it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google import activities
from infra.local.simulators.google.admin.groups_settings import DEFAULTS
from infra.local.simulators.google.admin.users import check_administrator, check_customer, check_domain, check_local
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.listing import page, tagged
from infra.local.simulators.google.api.refusals import invalid, missing, refused
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.wire import Record

GROUP = "admin#directory#group"
ADDRESS = re.compile(r"[A-Za-z0-9._'+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_DESCRIPTION_CHARS = 4096
SEARCH = re.compile(r"(email|name)([:=])('[^']*'|\S+)")


def visible(asked: Asked, group: Record) -> bool:
    """Say whether reads have come to know of a group."""
    made = asked.customer.group_made.get(group["id"])
    lag = asked.customer.behaviour.group_visible_seconds
    return made is None or (asked.now - made).total_seconds() >= lag


def group_of(asked: Asked, key: str) -> Record:
    """Return the group a key stands for, or refuse."""
    found = asked.customer.group(key)
    if found is None or not visible(asked, found):
        check_local(asked, key)
        raise missing("groupKey")
    return found


def log(asked: Asked, name: str, **parameters: str) -> None:
    """Write a change of a group into the admin log."""
    about = activities.event("GROUP_SETTINGS", name, **parameters)
    activities.log(asked.customer, "admin", about, actor=asked.actor, now=asked.now)


def new_group_id(customer: Customer) -> str:
    """Return an identity of the kind groups have."""
    number, text = int(customer.new_id()) % 36**13, ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return f"0{text:0>13}"


def _list(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    customer, domain, person = asked.one("customer"), asked.one("domain").lower(), asked.one("userKey")
    if not (customer or domain or person) or (customer and person):
        raise refused(400, "badRequest", "Bad Request")
    if customer:
        check_customer(asked, customer)
    if domain:
        check_domain(asked, domain)
    found = [one for one in asked.customer.groups.values() if visible(asked, one)]
    if person:
        found = [one for one in found if _has(asked, one, person)]
    if domain:
        found = [one for one in found if one["email"].lower().endswith(f"@{domain}")]
    if asked.one("query"):
        found = _searched(found, asked.one("query"))
    return page(asked, found, _address, lambda one: printed(asked, one), kind=f"{GROUP}s", name="groups", size=200)


def _address(group: Record) -> str:
    return str(group["email"]).lower()


def _has(asked: Asked, group: Record, key: str) -> bool:
    known = asked.customer.user(key) or asked.customer.group(key)
    members = asked.customer.members.get(group["id"], {})
    if known is not None:
        return known["id"] in members
    return any(one.get("email", "").lower() == key.lower() for one in members.values())


def _searched(groups: list[Record], text: str) -> list[Record]:
    found = SEARCH.fullmatch(text.strip())
    if found is None:
        raise refused(501, "notImplemented", "This search of groups is not simulated.")
    name, operator, value = found[1], found[2], found[3].strip("'").lower()
    if operator == "=":
        return [one for one in groups if one[name].lower() == value]
    return [one for one in groups if one[name].lower().startswith(value.removesuffix("*"))]


def _get(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    return printed(asked, group_of(asked, asked.args["groupKey"]))


def _insert(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    address = asked.body["email"]
    _check_new_address(asked, address)
    group = {
        "id": new_group_id(asked.customer),
        "email": address.lower(),
        "name": asked.body.get("name") or address.partition("@")[0],
        "description": _description(asked),
        "adminCreated": True,
    }
    asked.customer.groups[group["id"]] = group
    asked.customer.members[group["id"]] = {}
    asked.customer.group_settings[group["id"]] = DEFAULTS
    asked.customer.group_made[group["id"]] = asked.now
    log(asked, "CREATE_GROUP", GROUP_EMAIL=group["email"])
    return printed(asked, group)


def _patch(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    changed = {**group}
    if "name" in asked.body:
        changed["name"] = asked.body["name"] or ""
        log(asked, "CHANGE_GROUP_NAME", GROUP_EMAIL=group["email"], NEW_VALUE=changed["name"])
    if "description" in asked.body:
        changed["description"] = _description(asked)
        log(asked, "CHANGE_GROUP_DESCRIPTION", GROUP_EMAIL=group["email"])
    new = asked.body.get("email")
    if new and new.lower() != group["email"]:
        _check_new_address(asked, new)
        # The old address goes on working.
        changed |= {"email": new.lower(), "aliases": [*group.get("aliases", ()), group["email"]]}
        log(asked, "CHANGE_GROUP_EMAIL", GROUP_EMAIL=group["email"], NEW_VALUE=changed["email"])
    asked.customer.groups[group["id"]] = changed
    return printed(asked, changed)


def _delete(asked: Asked) -> None:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    remove(asked.customer, group["id"])
    log(asked, "DELETE_GROUP", GROUP_EMAIL=group["email"])


def remove(customer: Customer, key: str) -> None:
    """Take a group away, and out of every group it was in."""
    for records in (customer.groups, customer.members, customer.group_settings, customer.group_made):
        records.pop(key, None)
    for members in customer.members.values():
        members.pop(key, None)


def _check_new_address(asked: Asked, address: str) -> None:
    if not ADDRESS.fullmatch(address) or not asked.customer.owns_domain(address.partition("@")[2]):
        raise invalid("email")
    # A group that nobody sees yet has its address all the same.
    if asked.customer.user(address) or asked.customer.group(address):
        raise refused(409, "duplicate", "Entity already exists.")


def _description(asked: Asked) -> str:
    text = asked.body.get("description") or ""
    if len(text) > MAX_DESCRIPTION_CHARS:
        raise invalid("description")
    return str(text)


def printed(asked: Asked, group: Record) -> dict[str, Any]:
    """Return a group as Directory prints it."""
    count = str(len(asked.customer.members.get(group["id"], ())))
    return tagged({**group, "directMembersCount": count}, GROUP)


HANDLERS: Mapping[str, Handler] = {
    "directory.groups.list": _list,
    "directory.groups.get": _get,
    "directory.groups.insert": _insert,
    "directory.groups.patch": _patch,
    "directory.groups.delete": _delete,
}
