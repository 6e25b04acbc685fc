"""Groups and their members in Graph."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from infra.local.simulators.microsoft.graph.call import GraphCall, Handler
from infra.local.simulators.microsoft.graph.errors import bad_request, denied, graph_refusal, missing
from infra.local.simulators.microsoft.graph.group_bodies import MAX_BOUND, checked_creation, checked_update
from infra.local.simulators.microsoft.graph.group_refusals import refuse_creation, refuse_members, refuse_names
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import graph_time
from infra.local.simulators.wire import Answer, Record

NOT_IN_GRAPH = "Cannot Update a mail-enabled security groups and or distribution list."
GRAPH_USER = "#microsoft.graph.user"


def visible_groups(call: GraphCall) -> dict[str, Record]:
    """Return the groups that have reached the replica this caller reads from."""
    lag = call.tenant.behaviour.group_visible_in_graph_seconds
    if call.administrator or not lag:
        return call.tenant.groups
    now, made = call.microsoft.clock.now(), call.tenant.group_made
    return {
        key: one
        for key, one in call.tenant.groups.items()
        if key not in made or (now - made[key]).total_seconds() >= lag
    }


def _group(call: GraphCall) -> Record:
    group = visible_groups(call).get(call.ids[0])
    if group is None:
        raise missing(call.ids[0])
    return group


def typed(tenant: Tenant, key: str) -> Record | None:
    """Return a directory object with its type, as lists of mixed objects show it."""
    if key in tenant.users:
        return {"@odata.type": GRAPH_USER, **tenant.users[key]}
    if key in tenant.groups:
        return {"@odata.type": "#microsoft.graph.group", **tenant.groups[key]}
    if key in tenant.service_principals:
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **tenant.service_principals[key]}
    return None


def list_groups(call: GraphCall) -> Answer:
    """List groups, perhaps by name; names are not unique."""
    return call.listing(visible_groups(call).values(), "group", "groups")


def count_groups(call: GraphCall) -> Answer:
    """Count groups, for callers that accept a lagging index."""
    return counted(call, list(visible_groups(call).values()), "group")


def counted(call: GraphCall, rows: list[Record], kind: str) -> Answer:
    """Answer a bare number."""
    if not call.eventual:
        raise bad_request("$count is not currently supported without ConsistencyLevel: eventual.")
    return Answer(body=str(len(call.filtered(rows, kind))), content_type="text/plain")


def get_group(call: GraphCall) -> Answer:
    """Show a group."""
    return call.one(_group(call), "group", "groups/$entity")


def create_group(call: GraphCall) -> Answer:
    """Make a group. Exchange learns of it later, and readers of Graph may as well."""
    body = call.body()
    refuse_creation(call, body)
    record = checked_creation(call, body)
    bound = {name: _bound(call, body, f"{name}@odata.bind") for name in ("members", "owners")}
    _refuse_nested(call.tenant, record, bound["members"])
    tenant = call.tenant
    now = call.microsoft.clock.now()
    key = tenant.new_id()
    made = {**record, "id": key, "createdDateTime": graph_time(now), "renewedDateTime": graph_time(now)}
    if "Unified" in record["groupTypes"] and tenant.behaviour.group_lifetime_days:
        made["expirationDateTime"] = graph_time(now + timedelta(days=tenant.behaviour.group_lifetime_days))
    tenant.groups[key] = made
    tenant.members[key] = frozenset(bound["members"])
    tenant.owners[key] = frozenset(bound["owners"])
    tenant.group_made[key] = now
    tenant.log("groups", key, None, added=tenant.members[key])
    answer = call.one(made, "group", "groups/$entity")
    answer.status = 201
    answer.headers["Location"] = f"{call.microsoft.graph_url}/v2/{tenant.id}/directoryObjects/{key}"
    return answer


def _bound(call: GraphCall, body: dict[str, Any], name: str) -> list[str]:
    """Read the identities a body binds; more than 20 are refused, and so is one that does not exist."""
    links = body.get(name, [])
    if not isinstance(links, list):
        raise bad_request(f"Invalid value specified for property '{name}'.")
    if len(links) > MAX_BOUND:
        raise bad_request(f"The number of links in '{name}' exceeds the limit of {MAX_BOUND}.")
    return [linked(call, link) for link in links]


def linked(call: GraphCall, link: Any) -> str:
    """Return the identity at the end of a reference."""
    if not isinstance(link, str) or "/v1.0/" not in link:
        raise bad_request("Invalid URL format specified in the reference.")
    kind, _, key = link.partition("/v1.0/")[2].rstrip("/").rpartition("/")
    if kind not in ("directoryObjects", "users", "groups", "servicePrincipals"):
        raise bad_request(f"Invalid URL format specified in the reference: '{kind}'.")
    if typed(call.tenant, key) is None:
        raise missing(key)
    return key


def _refuse_nested(tenant: Tenant, group: Record, keys: list[str]) -> None:
    """A Microsoft 365 group takes users only."""
    if "Unified" in group["groupTypes"] and any(key not in tenant.users for key in keys):
        raise bad_request("Only users can be members of a Microsoft 365 group.")


def _add_members(call: GraphCall, group: Record, keys: list[str]) -> None:
    """Add all or, when one of them is a member already, none."""
    _refuse_foreign(call, group)
    refuse_members(call, keys)
    held = call.tenant.members.get(group["id"], frozenset())
    if held & set(keys) or len(set(keys)) != len(keys):
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    _refuse_nested(call.tenant, group, keys)
    call.tenant.members[group["id"]] = held | set(keys)
    call.tenant.log("groups", group["id"], added=frozenset(keys))


def _refuse_foreign(call: GraphCall, group: Record) -> None:
    """Distribution lists and mail-enabled security groups belong to Exchange."""
    if group["mailEnabled"] and "Unified" not in group["groupTypes"] and not call.administrator:
        raise bad_request(NOT_IN_GRAPH)


def update_group(call: GraphCall) -> Answer:
    """Change a group's own properties, or add up to 20 members; members are added, never replaced."""
    group, body = _group(call), call.body()
    refuse_names(call, body)
    changed = checked_update(call, group, body)
    if "members@odata.bind" in body:
        _add_members(call, group, _bound(call, body, "members@odata.bind"))
    flags = {name: changed.pop(name) for name in list(changed) if name.startswith("hideFrom")}
    if changed:
        _refuse_foreign(call, group)
        call.tenant.groups[group["id"]] = {**group, **changed}
        call.tenant.log("groups", group["id"], frozenset(changed))
    if flags:
        names = {
            "hideFromAddressLists": "HiddenFromAddressListsEnabled",
            "hideFromOutlookClients": "HiddenFromExchangeClientsEnabled",
        }
        known = call.tenant.group_settings.get(group["id"], {})
        new = {names[name]: value for name, value in flags.items()}
        call.tenant.group_settings[group["id"]] = {**known, **new}
        return Answer(status=200, body={})
    return Answer(status=204)


def delete_group(call: GraphCall) -> Answer:
    """Delete a group; a Microsoft 365 group can be restored for 30 days."""
    group = _group(call)
    _refuse_foreign(call, group)
    forget_group(call.tenant, group["id"])
    if "Unified" in group["groupTypes"]:
        deleted = {**group, "deletedDateTime": graph_time(call.microsoft.clock.now())}
        kept = {"@odata.type": "#microsoft.graph.group", "@members": sorted(call.tenant.members[group["id"]])}
        call.tenant.deleted[group["id"]] = {**kept, "@owners": sorted(call.tenant.owners[group["id"]]), **deleted}
    else:
        call.tenant.group_settings.pop(group["id"], None)
    call.tenant.members.pop(group["id"], None)
    call.tenant.owners.pop(group["id"], None)
    call.tenant.log("groups", group["id"])
    return Answer(status=204)


def renew_group(call: GraphCall) -> Answer:
    """Have a group last for the policy's time from now on (learn.microsoft.com/graph/api/group-renew)."""
    group, now = _group(call), call.microsoft.clock.now()
    days = call.tenant.behaviour.group_lifetime_days
    expires = graph_time(now + timedelta(days=days)) if days and "Unified" in group["groupTypes"] else None
    call.tenant.groups[group["id"]] = {**group, "renewedDateTime": graph_time(now), "expirationDateTime": expires}
    call.tenant.log("groups", group["id"], frozenset({"expirationDateTime"}))
    return Answer(status=204)


def forget_group(tenant: Tenant, key: str) -> None:
    """Take a group out of the directory and of every group it is in; rules that name it keep its identity."""
    del tenant.groups[key]
    tenant.group_made.pop(key, None)
    for parent, held in list(tenant.members.items()):
        if key in held:
            tenant.members[parent] = held - {key}
            tenant.log("groups", parent, removed=frozenset({key}))


def add_member(call: GraphCall) -> Answer:
    """Add one member by reference."""
    group, body = _group(call), call.body()
    if set(body) != {"@odata.id"}:
        raise bad_request("The request body must hold '@odata.id' and nothing else.")
    _add_members(call, group, [linked(call, body["@odata.id"])])
    return Answer(status=204)


def remove_member(call: GraphCall) -> Answer:
    """Remove one member by reference."""
    group, key = _group(call), call.ids[1]
    _refuse_foreign(call, group)
    held = call.tenant.members.get(group["id"], frozenset())
    if key not in held:
        raise missing(key)
    call.tenant.members[group["id"]] = held - {key}
    call.tenant.log("groups", group["id"], removed=frozenset({key}))
    return Answer(status=204)


def members(call: GraphCall) -> Answer:
    """List direct members, of any type or only users."""
    return _listed(call, call.readable_members(_group(call)["id"]))


def owners(call: GraphCall) -> Answer:
    """List owners."""
    return _listed(call, call.tenant.owners.get(_group(call)["id"], frozenset()))


def transitive_members(call: GraphCall) -> Answer:
    """List members of the group and of every group inside it."""
    return _listed(call, expanded(call.readable_members, _group(call)["id"]))


def expanded(members: Callable[[str], frozenset[str]], key: str) -> frozenset[str]:
    """Return everything inside a group; groups that hold each other are no trap."""
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        for one in members(waiting.pop()):
            if one not in seen:
                seen.add(one)
                waiting.append(one)
    return frozenset(seen - {key})


def _listed(call: GraphCall, keys: frozenset[str]) -> Answer:
    if call.template.endswith("graph.user"):
        users = call.tenant.users
        return call.listing([users[key] for key in keys if key in users], "user", "users")
    rows = [one for key in keys if (one := typed(call.tenant, key)) is not None]
    return call.listing(rows, "user", "directoryObjects", typed=True)


def member_of(call: GraphCall) -> Answer:
    """List the groups a user is in, directly or not."""
    if call.ids[0] not in call.tenant.users:
        raise missing(call.ids[0])
    inside = [key for key in call.tenant.groups if call.ids[0] in expanded(call.readable_members, key)]
    rows = [one for key in inside if (one := typed(call.tenant, key)) is not None]
    return call.listing(rows, "group", "directoryObjects", typed=True)


def forbidden_without_ref(call: GraphCall) -> Answer:
    """DELETE of a member without `$ref` is a DELETE of the user."""
    if call.ids[1] not in call.tenant.members.get(_group(call)["id"], ()):
        raise missing(call.ids[1])
    if not call.administrator:
        raise denied()
    raise graph_refusal(501, "NotSimulated", "Use DELETE /users/{id}.")


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/groups"): list_groups,
    ("POST", "/groups"): create_group,
    ("GET", "/groups/$count"): count_groups,
    ("GET", "/groups/{group-id}"): get_group,
    ("PATCH", "/groups/{group-id}"): update_group,
    ("DELETE", "/groups/{group-id}"): delete_group,
    ("POST", "/groups/{group-id}/renew"): renew_group,
    ("GET", "/groups/{group-id}/members"): members,
    ("GET", "/groups/{group-id}/members/graph.user"): members,
    ("POST", "/groups/{group-id}/members/$ref"): add_member,
    ("DELETE", "/groups/{group-id}/members/{directoryObject-id}/$ref"): remove_member,
    ("DELETE", "/groups/{group-id}/members/{directoryObject-id}"): forbidden_without_ref,
    ("GET", "/groups/{group-id}/transitiveMembers"): transitive_members,
    ("GET", "/groups/{group-id}/transitiveMembers/graph.user"): transitive_members,
    ("GET", "/groups/{group-id}/owners"): owners,
    ("GET", "/groups/{group-id}/owners/graph.user"): owners,
    ("GET", "/users/{user-id}/transitiveMemberOf"): member_of,
}
