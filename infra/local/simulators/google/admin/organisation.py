"""Directory's customer, domains, organisational units and roles, and what its people granted to applications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.admin.users import check_administrator, check_customer, user_of
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.listing import etag, tagged
from infra.local.simulators.google.api.refusals import forbidden, missing
from infra.local.simulators.google.sign_in.grants import end_grant, grant_key

SUPER_ADMIN_ROLE = "13801188331880449"
GROUPS_ADMIN_ROLE = "13801188331880450"
ROLES = {SUPER_ADMIN_ROLE: ("_SEED_ADMIN_ROLE", True), GROUPS_ADMIN_ROLE: ("_GROUPS_ADMIN_ROLE", False)}


def _customer(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    check_customer(asked, asked.args["customerKey"])
    one = asked.customer
    record = {
        "id": one.id,
        "customerDomain": one.domain,
        "alternateEmail": f"owner@{one.domain}",
        "language": "en",
        "postalAddress": {"organizationName": one.name, "countryCode": "DE"},
    }
    return tagged(record, "admin#directory#customer")


def _domains(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    check_customer(asked, asked.args["customer"])
    shown = []
    for one in asked.customer.domains.values():
        record = tagged(one, "admin#directory#domain")
        if one.get("domainAliases"):
            record["domainAliases"] = [tagged(alias, "admin#directory#domainAlias") for alias in one["domainAliases"]]
        shown.append(record)
    return {"kind": "admin#directory#domains", "etag": etag(shown), "domains": shown}


def _domain_aliases(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    check_customer(asked, asked.args["customer"])
    parent = asked.one("parentDomainName")
    shown = [
        tagged(alias, "admin#directory#domainAlias")
        for one in asked.customer.domains.values()
        if parent in ("", one["domainName"])
        for alias in one.get("domainAliases", ())
    ]
    body: dict[str, Any] = {"kind": "admin#directory#domainAliases", "etag": etag(shown)}
    return body | ({"domainAliases": shown} if shown else {})


def _org_units(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    check_customer(asked, asked.args["customerId"])
    shown = []
    for one in asked.customer.org_units.values():
        path = one["orgUnitPath"]
        parent = path.rpartition("/")[0] or "/"
        if path == "/" or (asked.one("type") != "all" and parent != (asked.one("orgUnitPath") or "/")):
            continue
        shown.append(tagged({**one, "parentOrgUnitPath": parent}, "admin#directory#orgUnit"))
    body: dict[str, Any] = {"kind": "admin#directory#orgUnits", "etag": etag(shown)}
    return body | ({"organizationUnits": shown} if shown else {})


def _roles(asked: Asked) -> Mapping[str, Any]:
    _check_super(asked)
    check_customer(asked, asked.args["customer"])
    records = [
        {"roleId": key, "roleName": name, "isSystemRole": True, "isSuperAdminRole": highest}
        for key, (name, highest) in ROLES.items()
    ]
    items = [tagged(one, "admin#directory#role") for one in records]
    return {"kind": "admin#directory#roles", "etag": etag(items), "items": items}


def _role_assignments(asked: Asked) -> Mapping[str, Any]:
    _check_super(asked)
    check_customer(asked, asked.args["customer"])
    user = user_of(asked, asked.one("userKey")) if asked.one("userKey") else None
    items = []
    for one in [user] if user else asked.customer.users.values():
        for role, holds in ((SUPER_ADMIN_ROLE, one["isAdmin"]), (GROUPS_ADMIN_ROLE, one["isDelegatedAdmin"])):
            if holds and asked.one("roleId", role) == role:
                number = str(int(one["id"][-15:]) + int(role[-3:]))
                record = {"roleAssignmentId": number, "roleId": role, "assignedTo": one["id"], "scopeType": "CUSTOMER"}
                items.append(tagged(record, "admin#directory#roleAssignment"))
    body: dict[str, Any] = {"kind": "admin#directory#roleAssignments", "etag": etag(items)}
    return body | ({"items": items} if items else {})


def _tokens(asked: Asked) -> Mapping[str, Any]:
    _check_super(asked)
    user = user_of(asked, asked.args["userKey"])
    prefix = f"{user['id']} "
    shown = [_token(asked, key) for key in asked.customer.grants if key.startswith(prefix)]
    body: dict[str, Any] = {"kind": "admin#directory#tokenList", "etag": etag(shown)}
    return body | ({"items": shown} if shown else {})


def _get_token(asked: Asked) -> Mapping[str, Any]:
    _check_super(asked)
    key = grant_key(user_of(asked, asked.args["userKey"])["id"], asked.args["clientId"])
    if key not in asked.customer.grants:
        raise missing("token")
    return _token(asked, key)


def _delete_token(asked: Asked) -> None:
    _check_super(asked)
    user = user_of(asked, asked.args["userKey"])
    if not end_grant(asked.google, asked.customer, user["id"], asked.args["clientId"]):
        raise missing("token")


def _token(asked: Asked, key: str) -> Mapping[str, Any]:
    user_id, _, client_id = key.partition(" ")
    record = {
        "clientId": client_id,
        "displayText": asked.google.brand.application,
        "anonymous": False,
        "nativeApp": False,
        "userKey": user_id,
        "scopes": list(asked.customer.grants[key]["scopes"]),
    }
    return tagged(record, "admin#directory#token")


def _check_super(asked: Asked) -> None:
    if not check_administrator(asked)["isAdmin"]:
        raise forbidden()


HANDLERS: Mapping[str, Handler] = {
    "directory.customers.get": _customer,
    "directory.domains.list": _domains,
    "directory.domainAliases.list": _domain_aliases,
    "directory.orgunits.list": _org_units,
    "directory.roles.list": _roles,
    "directory.roleAssignments.list": _role_assignments,
    "directory.tokens.list": _tokens,
    "directory.tokens.get": _get_token,
    "directory.tokens.delete": _delete_token,
}
