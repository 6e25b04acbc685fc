"""Directory's members of groups: people, groups, addresses elsewhere, or everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.simulators.google.admin.groups import ADDRESS, group_of, log
from infra.local.simulators.google.admin.users import check_administrator
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.listing import page, tagged
from infra.local.simulators.google.api.refusals import invalid, missing, refused
from infra.local.simulators.wire import Record, Refusal

MEMBER = "admin#directory#member"
ROLES = ("OWNER", "MANAGER", "MEMBER")
# Reasons that Directory gives, with their statuses, as GAM knows them (GAM-team/GAM, gapi/errors.py).
REFUSALS = {"invalid": 400, "forbidden": 403, "domainPolicy": 403, "notFound": 404, "conditionNotMet": 412}
DELIVERIES = ("ALL_MAIL", "DAILY", "DIGEST", "DISABLED", "NONE")


def _list(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    roles = set(asked.one("roles").upper().split(",")) - {""}
    if not roles <= set(ROLES):
        raise invalid("roles")
    rows = list(asked.customer.members.get(group["id"], {}).values())
    if asked.one("includeDerivedMembership") == "true":
        rows = list(_derived(asked, group["id"], frozenset()))
        if not asked.customer.behaviour.derived_members_twice:
            rows = list({one["id"]: one for one in rows}.values())
    found = [one for one in rows if not roles or one["role"] in roles]
    # The position keeps those apart, across pages too, who are listed twice.
    numbered = [{**one, "place": f"{place:06}"} for place, one in enumerate(found)]
    body = page(asked, numbered, _place, _numbered, kind=f"{MEMBER}s", name="members", size=200)
    if shown := body.get("members"):
        body["members"] = [printed(asked, one) for one in shown]
    return body


def _place(member: Record) -> str:
    return str(member["place"])


def _numbered(member: Record) -> Record:
    return {key: value for key, value in member.items() if key != "place"}


def _derived(asked: Asked, group_id: str, above: frozenset[str]) -> Iterator[Record]:
    for one in asked.customer.members.get(group_id, {}).values():
        yield one
        if one["type"] == "GROUP" and one["id"] not in above:
            yield from _derived(asked, one["id"], above | {group_id})


def _get(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    return printed(asked, _member_of(asked, group))


def _insert(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    made = {**_newcomer(asked), **_chosen(asked, {"role": "MEMBER"}), "status": "ACTIVE"}
    members = asked.customer.members[group["id"]]
    if made["id"] in members:
        raise _already_there(asked)
    if reason := asked.customer.behaviour.refused_members.get(made["id"]):
        raise refused(REFUSALS[reason], reason, "Resource Not Found: memberKey")
    if made["type"] == "GROUP" and _inside(asked, group["id"], made["id"]):
        raise refused(412, "conditionNotMet", "Cyclic memberships not allowed.")
    members[made["id"]] = made
    about = {"USER_EMAIL": made["email"]} if "email" in made else {}
    log(asked, "ADD_GROUP_MEMBER", GROUP_EMAIL=group["email"], **about)
    return printed(asked, made)


def _already_there(asked: Asked) -> Refusal:
    match asked.customer.behaviour.member_conflict:
        case "conflict":
            return refused(409, "conflict", "Conflict")
        case "condition":
            return refused(412, "conditionNotMet", "Condition not met")
        case _:
            return refused(409, "duplicate", "Member already exists.")


def _newcomer(asked: Asked) -> Record:
    """Find out who is to be added: by identity or by address, here or elsewhere."""
    key = asked.body.get("id") or asked.body.get("email") or ""
    customer = asked.customer
    if key == customer.id:
        return {"id": customer.id, "type": "CUSTOMER"}
    if user := customer.user(key):
        return {"id": user["id"], "email": user["primaryEmail"], "type": "USER"}
    if group := customer.group(key):
        return {"id": group["id"], "email": group["email"], "type": "GROUP"}
    if "@" not in key:
        raise missing("memberKey") if key else invalid("memberKey")
    if not ADDRESS.fullmatch(key):
        raise invalid("memberKey")
    if customer.owns_domain(key.partition("@")[2]):
        raise missing("memberKey")
    return {"id": customer.key_of(key.lower()), "email": key.lower(), "type": "EXTERNAL"}


def _chosen(asked: Asked, default: Record) -> Record:
    role = asked.body.get("role") or default["role"]
    delivery = asked.body.get("delivery_settings") or default.get("delivery_settings", "ALL_MAIL")
    if role not in ROLES:
        raise invalid("role")
    if delivery not in DELIVERIES:
        raise invalid("delivery_settings")
    return {"role": role, "delivery_settings": delivery}


def _inside(asked: Asked, wanted: str, group_id: str) -> bool:
    """Say whether a group is another one, or somewhere inside it."""
    return wanted == group_id or any(one["id"] == wanted for one in _derived(asked, group_id, frozenset()))


def _patch(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    member = _member_of(asked, group)
    changed = {**member, **_chosen(asked, member)}
    asked.customer.members[group["id"]][member["id"]] = changed
    log(asked, "UPDATE_GROUP_MEMBER", GROUP_EMAIL=group["email"], USER_EMAIL=member.get("email", ""))
    return printed(asked, changed)


def _delete(asked: Asked) -> None:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    member = _member_of(asked, group)
    del asked.customer.members[group["id"]][member["id"]]
    about = {"USER_EMAIL": member["email"]} if "email" in member else {}
    log(asked, "REMOVE_GROUP_MEMBER", GROUP_EMAIL=group["email"], **about)


def _has_member(asked: Asked) -> Mapping[str, Any]:
    check_administrator(asked)
    group = group_of(asked, asked.args["groupKey"])
    key = asked.args["memberKey"]
    known = asked.customer.user(key) or asked.customer.group(key)
    if known is None:
        # Nested membership is looked up within the customer only.
        raise invalid("memberKey")
    return {"isMember": any(one["id"] == known["id"] for one in _derived(asked, group["id"], frozenset()))}


def _member_of(asked: Asked, group: Record) -> Record:
    key = asked.args["memberKey"]
    members = asked.customer.members.get(group["id"], {})
    known = asked.customer.user(key) or asked.customer.group(key)
    found = members.get(known["id"] if known else key)
    if found is None:
        found = next((one for one in members.values() if one.get("email", "").lower() == key.lower()), None)
    if found is None:
        raise missing("memberKey")
    return found


def printed(asked: Asked, member: Record) -> dict[str, Any]:
    """Return a member as Directory prints it: under the address it has by now."""
    shown = dict(member)
    if group := asked.customer.groups.get(member["id"]):
        shown["email"] = group["email"]
    elif user := asked.customer.users.get(member["id"]):
        shown["email"] = user["primaryEmail"]
    # The way of delivery shows only where a single member is asked for.
    if asked.method.endswith(".list"):
        shown.pop("delivery_settings", None)
    return tagged(shown, MEMBER)


HANDLERS: Mapping[str, Handler] = {
    "directory.members.list": _list,
    "directory.members.get": _get,
    "directory.members.insert": _insert,
    "directory.members.patch": _patch,
    "directory.members.delete": _delete,
    "directory.members.hasMember": _has_member,
}
