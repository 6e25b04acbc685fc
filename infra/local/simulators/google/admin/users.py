"""Directory's users, and who may ask Directory anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.listing import page, tagged
from infra.local.simulators.google.api.refusals import forbidden, invalid, missing, refused
from infra.local.simulators.wire import Record

USER = "admin#directory#user"
CONDITION = re.compile(r"""(\w+)([:=])('[^']*'|"[^"]*"|\S+)""")
# What a search may ask for, and where the answer stands.
SEARCHED: Mapping[str, Callable[[Record], str]] = {
    "email": lambda user: str(user["primaryEmail"]),
    "name": lambda user: str(user["name"]["fullName"]),
    "givenName": lambda user: str(user["name"]["givenName"]),
    "familyName": lambda user: str(user["name"]["familyName"]),
    "isAdmin": lambda user: str(user["isAdmin"]),
    "isDelegatedAdmin": lambda user: str(user["isDelegatedAdmin"]),
    "isSuspended": lambda user: str(user["suspended"]),
    "isArchived": lambda user: str(user["archived"]),
    "orgUnitPath": lambda user: str(user["orgUnitPath"]),
}
ORDERS: Mapping[str, Callable[[Record], str]] = {
    "email": lambda user: str(user["primaryEmail"]).lower(),
    "givenName": lambda user: str(user["name"]["givenName"]).lower(),
    "familyName": lambda user: str(user["name"]["familyName"]).lower(),
}


def check_administrator(asked: Asked) -> Record:
    """Refuse a caller who is no administrator; our own service account has no role in any domain."""
    actor = asked.actor
    if actor is None or not (actor["isAdmin"] or actor["isDelegatedAdmin"]):
        raise forbidden()
    return actor


def check_customer(asked: Asked, given: str) -> None:
    """Refuse the name of any customer but the caller's own."""
    if given not in ("my_customer", asked.customer.id):
        raise forbidden()


def check_domain(asked: Asked, given: str) -> None:
    """Refuse a domain that is none of the caller's."""
    if given.lower() not in asked.customer.verified_domains():
        raise refused(404, "notFound", "Domain not found.")


def check_local(asked: Asked, key: str) -> None:
    """Refuse an address of somebody else's domain: Directory does not even say whether it exists."""
    if "@" in key and not asked.customer.owns_domain(key.partition("@")[2]):
        raise forbidden()


def user_of(asked: Asked, key: str) -> Record:
    """Return the user a key stands for, or refuse."""
    found = asked.customer.user(key)
    if found is None:
        check_local(asked, key)
        raise missing("userKey")
    return found


def _list(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    customer, domain = asked.one("customer"), asked.one("domain").lower()
    if not customer and not domain:
        raise refused(400, "badRequest", "Bad Request")
    if customer:
        check_customer(asked, customer)
    if domain:
        check_domain(asked, domain)
    if asked.one("viewType") == "domain_public" or asked.one("event"):
        raise refused(501, "notImplemented", "This view of the users is not simulated.")
    if asked.one("projection") == "custom" and not asked.one("customFieldMask"):
        raise invalid("customFieldMask")
    deleted = asked.one("showDeleted").lower()
    if deleted not in ("", "true", "false"):
        raise invalid("showDeleted")
    rows = (asked.customer.deleted_users if deleted == "true" else asked.customer.users).values()
    found = list(rows)
    if domain:
        found = [row for row in found if row["primaryEmail"].lower().endswith(f"@{domain}")]
    if text := asked.one("query"):
        fits = _search(text)
        found = [row for row in found if fits(row)]
    order = ORDERS[asked.one("orderBy", "email")]
    return page(asked, found, order, _printed, kind="admin#directory#users", name="users", size=100)


def _search(text: str) -> Callable[[Record], bool]:
    """Read the part of the search language that is simulated: conditions that must all hold."""
    if CONDITION.sub("", text).strip():
        raise invalid("query")
    wanted = []
    for name, operator, value in CONDITION.findall(text):
        if name not in SEARCHED:
            raise refused(501, "notImplemented", f"Searching users by {name} is not simulated.")
        wanted.append((SEARCHED[name], operator, value.strip("'\"").lower()))

    def fits(user: Record) -> bool:
        return all(_holds(read(user).lower(), operator, value) for read, operator, value in wanted)

    return fits


def _holds(found: str, operator: str, value: str) -> bool:
    if operator == "=":
        return found == value
    if value.endswith("*"):
        return found.startswith(value[:-1])
    return value in found


def _get(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    return _printed(user_of(asked, asked.args["userKey"]))


def _printed(user: Record) -> dict[str, Any]:
    return tagged(user, USER)


HANDLERS: Mapping[str, Handler] = {"directory.users.list": _list, "directory.users.get": _get}
