"""Applications, their permissions and roles, and what is deleted but not yet gone, in Graph."""

from __future__ import annotations

from infra.local.simulators.microsoft import applications
from infra.local.simulators.microsoft.deleted_items import forget_expired, purge
from infra.local.simulators.microsoft.graph.call import GraphCall, Handler
from infra.local.simulators.microsoft.graph.errors import bad_request, denied, missing
from infra.local.simulators.wire import Answer, Record

PREFIX = "#microsoft.graph."


def list_applications(call: GraphCall) -> Answer:
    """List the applications present in the tenant."""
    return call.listing(call.tenant.service_principals.values(), "servicePrincipal", "servicePrincipals")


def _application(call: GraphCall) -> Record:
    """Find an application by its object, or by its `appId` where the path says so."""
    wanted = call.ids[0]
    if "appId=" in call.template:
        found = call.tenant.service_principal_of(wanted)
    else:
        found = call.tenant.service_principals.get(wanted)
    if found is None:
        raise missing(wanted)
    return found


def get_application(call: GraphCall) -> Answer:
    """Show an application."""
    return call.one(_application(call), "servicePrincipal", "servicePrincipals/$entity")


def update_application(call: GraphCall) -> Answer:
    """Switch an application on or off."""
    found, body = _application(call), call.body()
    if set(body) != {"accountEnabled"} or not isinstance(body["accountEnabled"], bool):
        raise bad_request("Only accountEnabled of a service principal is simulated.")
    call.tenant.service_principals[found["id"]] = {**found, **body}
    return Answer(status=204)


def delete_application(call: GraphCall) -> Answer:
    """Delete an application; tokens it already holds go on working until they expire."""
    applications.remove(call.tenant, _application(call)["id"], call.microsoft.clock.now(), purge=False)
    return Answer(status=204)


def permissions(call: GraphCall) -> Answer:
    """List the application permissions an application holds."""
    found = _application(call)["id"]
    rows = [one for one in call.tenant.app_role_assignments.values() if one["principalId"] == found]
    return call.listing(rows, "appRoleAssignment", "appRoleAssignments")


def holders(call: GraphCall) -> Answer:
    """List who holds permissions at a resource."""
    found = _application(call)["id"]
    rows = [one for one in call.tenant.app_role_assignments.values() if one["resourceId"] == found]
    return call.listing(rows, "appRoleAssignment", "appRoleAssignments")


def give_permission(call: GraphCall) -> Answer:
    """Give an application permission; a second time is an error."""
    body = call.body()
    if set(body) != {"principalId", "resourceId", "appRoleId"}:
        raise bad_request("An assignment has principalId, resourceId and appRoleId.")
    found = _application(call)
    resource = call.tenant.service_principals.get(body["resourceId"])
    if resource is None or body["principalId"] not in (found["id"], *call.tenant.service_principals):
        raise missing(body["resourceId"])
    if body["appRoleId"] not in applications.ROLES.get(resource["appId"], {}):
        raise bad_request("Permission being assigned was not found on application.")
    now = call.microsoft.clock.now()
    made = applications.assign_permission(call.tenant, body["principalId"], resource["appId"], body["appRoleId"], now)
    if made is None:
        raise bad_request("Permission being assigned already exists on the object")
    answer = call.one(made, "appRoleAssignment", "appRoleAssignments/$entity")
    answer.status = 201
    return answer


def take_permission(call: GraphCall) -> Answer:
    """Take an application permission back."""
    if call.tenant.app_role_assignments.pop(call.ids[1], None) is None:
        raise missing(call.ids[1])
    return Answer(status=204)


def delegated(call: GraphCall) -> Answer:
    """List what persons let an application do in their name."""
    found = _application(call)["id"] if call.ids else None
    rows = [one for one in call.tenant.permission_grants.values() if found in (None, one["clientId"])]
    return call.listing(rows, "oAuth2PermissionGrant", "oauth2PermissionGrants")


def memberships(call: GraphCall) -> Answer:
    """List the directory roles an application holds."""
    held = applications.directory_roles_of(call.tenant, _application(call)["id"])
    rows = [
        {
            "@odata.type": f"{PREFIX}directoryRole",
            "id": role,
            "deletedDateTime": None,
            "displayName": applications.DIRECTORY_ROLES.get(role),
            "roleTemplateId": role,
        }
        for role in held
    ]
    return call.listing(rows, "directoryObject", "directoryObjects", typed=True)


def list_roles(call: GraphCall) -> Answer:
    """List directory role assignments."""
    rows = call.tenant.role_assignments.values()
    return call.listing(rows, "unifiedRoleAssignment", "roleManagement/directory/roleAssignments")


def get_role(call: GraphCall) -> Answer:
    """Show a directory role assignment."""
    found = call.tenant.role_assignments.get(call.ids[0])
    if found is None:
        raise missing(call.ids[0])
    return call.one(found, "unifiedRoleAssignment", "roleManagement/directory/roleAssignments/$entity")


def give_role(call: GraphCall) -> Answer:
    """Give a directory role for the whole directory, to the application's object and not to its `appId`."""
    body = {name: value for name, value in call.body().items() if name != "@odata.type"}
    if set(body) != {"roleDefinitionId", "principalId", "directoryScopeId"} or body["directoryScopeId"] != "/":
        raise bad_request("A role assignment has roleDefinitionId, principalId and directoryScopeId '/'.")
    if body["roleDefinitionId"] not in applications.DIRECTORY_ROLES:
        raise bad_request("The given role definition does not exist.")
    if body["principalId"] not in call.tenant.service_principals:
        raise missing(body["principalId"])
    if body["roleDefinitionId"] in applications.directory_roles_of(call.tenant, body["principalId"]):
        raise bad_request("A conflicting object with one or more of the specified property values is present.")
    made = applications.assign_directory_role(call.tenant, body["principalId"], body["roleDefinitionId"])
    answer = call.one(made, "unifiedRoleAssignment", "roleManagement/directory/roleAssignments/$entity")
    answer.status = 201
    return answer


def take_role(call: GraphCall) -> Answer:
    """Take a directory role back; an application cannot take its own."""
    found = call.tenant.role_assignments.get(call.ids[0])
    if found is None:
        raise missing(call.ids[0])
    if found["principalId"] == call.principal:
        name = applications.DIRECTORY_ROLES.get(found["roleDefinitionId"])
        raise bad_request(f"Removing self from {name} built-in role is not allowed.")
    del call.tenant.role_assignments[call.ids[0]]
    return Answer(status=204)


def still_deleted(call: GraphCall) -> dict[str, Record]:
    """Return what is deleted and not yet gone by itself."""
    forget_expired(call.tenant, call.microsoft.clock.now())
    return call.tenant.deleted


def _list_deleted(kind: str) -> Handler:
    def handler(call: GraphCall) -> Answer:
        """List deleted objects of one kind."""
        rows = [one for one in still_deleted(call).values() if one["@odata.type"] == PREFIX + kind]
        return call.listing(rows, kind, f"directoryObjects/microsoft.graph.{kind}")

    return handler


def _deleted(call: GraphCall) -> Record:
    found = still_deleted(call).get(call.ids[0])
    if found is None:
        raise missing(call.ids[0])
    return found


def get_deleted(call: GraphCall) -> Answer:
    """Show a deleted object."""
    found = _deleted(call)
    shown = {name: value for name, value in found.items() if name == "@odata.type" or not name.startswith("@")}
    return Answer(body={"@odata.context": call.context("directoryObjects/$entity"), **shown})


def purge_deleted(call: GraphCall) -> Answer:
    """Delete for good.

    Graph's reference (directory-deleteditems-delete) supports that for groups only to a person. An application is
    refused (microsoft-graph-docs #2549, #3925), unless it holds a directory role that manages groups (#9714).
    """
    found = _deleted(call)
    if found["@odata.type"] == f"{PREFIX}group" and not call.administrator and not _may_purge_groups(call):
        raise denied()
    purge(call.tenant, found["id"])
    return Answer(status=204)


def _may_purge_groups(call: GraphCall) -> bool:
    roles = applications.directory_roles_of(call.tenant, call.principal or "")
    return call.tenant.behaviour.purge_app_only or not applications.GROUP_PURGERS.isdisjoint(roles)


def restore(call: GraphCall) -> Answer:
    """Bring a deleted object back; a group comes back with its members."""
    found = _deleted(call)
    tenant, key = call.tenant, call.ids[0]
    record = {name: value for name, value in found.items() if not name.startswith("@")} | {"deletedDateTime": None}
    del tenant.deleted[key]
    match found["@odata.type"].removeprefix(PREFIX):
        case "group":
            tenant.groups[key] = record
            tenant.members[key] = frozenset(one for one in found["@members"] if one in tenant.users)
            tenant.owners[key] = frozenset(found["@owners"])
            tenant.log("groups", key, None, added=tenant.members[key])
        case "user":
            tenant.users[key] = record
            tenant.log("users", key, None)
        case _:
            tenant.service_principals[key] = record
    return Answer(body={"@odata.context": call.context("directoryObjects/$entity"), **record})


_SP = "/servicePrincipals/{servicePrincipal-id}"
_BY_APP = "/servicePrincipals(appId='{appId}')"
_ROLES = "/roleManagement/directory/roleAssignments"
_DELETED = "/directory/deletedItems"
HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/servicePrincipals"): list_applications,
    ("GET", _SP): get_application,
    ("GET", _BY_APP): get_application,
    ("PATCH", _SP): update_application,
    ("PATCH", _BY_APP): update_application,
    ("DELETE", _SP): delete_application,
    ("DELETE", _BY_APP): delete_application,
    ("GET", f"{_SP}/appRoleAssignments"): permissions,
    ("POST", f"{_SP}/appRoleAssignments"): give_permission,
    ("DELETE", f"{_SP}/appRoleAssignments/{{appRoleAssignment-id}}"): take_permission,
    ("GET", f"{_SP}/appRoleAssignedTo"): holders,
    ("GET", f"{_SP}/oauth2PermissionGrants"): delegated,
    ("GET", "/oauth2PermissionGrants"): delegated,
    ("GET", f"{_SP}/memberOf"): memberships,
    ("GET", _ROLES): list_roles,
    ("POST", _ROLES): give_role,
    ("GET", f"{_ROLES}/{{unifiedRoleAssignment-id}}"): get_role,
    ("DELETE", f"{_ROLES}/{{unifiedRoleAssignment-id}}"): take_role,
    ("GET", f"{_DELETED}/graph.group"): _list_deleted("group"),
    ("GET", f"{_DELETED}/graph.user"): _list_deleted("user"),
    ("GET", f"{_DELETED}/graph.servicePrincipal"): _list_deleted("servicePrincipal"),
    ("GET", f"{_DELETED}/{{directoryObject-id}}"): get_deleted,
    ("DELETE", f"{_DELETED}/{{directoryObject-id}}"): purge_deleted,
    ("POST", f"{_DELETED}/{{directoryObject-id}}/restore"): restore,
}
