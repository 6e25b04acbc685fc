"""What consent, and its opposite, change in a customer's directory."""

from __future__ import annotations

import uuid
from datetime import datetime

from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import graph_time
from infra.local.simulators.wire import Record

CLIENT_ID = "5f0c2a9e-7d11-4b8e-9a64-0e2b7c3d4f10"
CLIENT_SECRET = "sim~secret-of-the-demo-application"  # noqa: S105 (only the simulators know it)
PUBLISHER_TENANT = "c0ffee00-1111-4222-8333-444455556666"

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_AUDIENCE = "https://graph.microsoft.com"
EXCHANGE_AUDIENCE = "https://outlook.office365.com"
RESOURCES = {GRAPH_AUDIENCE: GRAPH_APP_ID, EXCHANGE_AUDIENCE: EXCHANGE_APP_ID}

# Application permissions: the same identities in every tenant.
GRAPH_ROLES = {
    "df021288-bdef-4463-88db-98f22de89214": "User.Read.All",
    "62a82d76-70ea-41e2-9197-370581804d09": "Group.ReadWrite.All",
    "dbb9058a-0e50-45d7-ae91-66909b5d4664": "Domain.Read.All",
    "498476ce-e0fe-48b0-b801-37ba7e2685c6": "Organization.Read.All",
    "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": "Application.Read.All",
    "bf7b1a76-6e77-406b-b258-bf5c7720e98f": "Group.Create",
    "5b567255-7703-4780-807c-7be8301ae99b": "Group.Read.All",
    "dbaae8cf-10b5-4b86-a4a1-f871c94c6695": "GroupMember.ReadWrite.All",
    "98830695-27a2-44f7-8c18-0c3ebc9698f6": "GroupMember.Read.All",
    "7ab1d382-f21e-4acd-a863-ba3e13f7da61": "Directory.Read.All",
    "19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
    "18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "8e8e4742-1d95-4f68-9d56-6ee75648c72a": "DelegatedPermissionGrant.ReadWrite.All",
    "483bed4a-2ad3-4361-a73b-c83ccdbdc53c": "RoleManagement.Read.Directory",
    "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8": "RoleManagement.ReadWrite.Directory",
    "b0afded3-3588-46d8-8b3d-9842eff778da": "AuditLog.Read.All",
}
EXCHANGE_ROLES = {"dc50a0fb-09a3-484d-be87-e023b12c6440": "Exchange.ManageAsApp"}
ROLES = {GRAPH_APP_ID: GRAPH_ROLES, EXCHANGE_APP_ID: EXCHANGE_ROLES}

# What the application's registration asks for, and consent grants.
REQUIRED = (
    (GRAPH_APP_ID, "df021288-bdef-4463-88db-98f22de89214"),
    (GRAPH_APP_ID, "62a82d76-70ea-41e2-9197-370581804d09"),
    (GRAPH_APP_ID, "dbb9058a-0e50-45d7-ae91-66909b5d4664"),
    (EXCHANGE_APP_ID, "dc50a0fb-09a3-484d-be87-e023b12c6440"),
)

EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
GROUPS_ADMINISTRATOR = "fdd7a751-b60b-444a-984c-02652fe8fa1c"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
DIRECTORY_ROLES = {
    EXCHANGE_ADMINISTRATOR: "Exchange Administrator",
    GROUPS_ADMINISTRATOR: "Groups Administrator",
    "31392ffb-586c-42d1-9346-e59415a2cc4e": "Exchange Recipient Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
}
# With one of these even an application may delete a group for good.
GROUP_PURGERS = frozenset({GROUPS_ADMINISTRATOR, GLOBAL_ADMINISTRATOR})
# Every token carries this one; it stands for having no directory role.
NO_DIRECTORY_ROLE = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
# And every member's id token this one.
EVERY_USER = "b79fbf4d-3ef9-4689-8143-76b194e85509"


def service_principal(object_id: str, app_id: str, name: str, owner: str, moment: datetime) -> Record:
    """Return the record of an application's presence in a tenant."""
    return {
        "id": object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "appId": app_id,
        "appDisplayName": name,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": False,
        "appRoles": [
            {"id": key, "value": value, "allowedMemberTypes": ["Application"], "isEnabled": True}
            for key, value in ROLES.get(app_id, {}).items()
        ],
        "createdDateTime": graph_time(moment),
        "displayName": name,
        "servicePrincipalNames": [app_id],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs",
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
    }


def consent(tenant: Tenant, name: str, moment: datetime, *, application_permissions: bool = True) -> None:
    """Let the application of that name in: its presence, and one assignment per permission. Twice is once."""
    found = tenant.service_principal_of(CLIENT_ID)
    if found is None:
        # Its identity follows from the tenant, so that a second consent leads to the same snapshot.
        object_id = str(uuid.uuid5(uuid.UUID(tenant.id), CLIENT_ID))
        found = service_principal(object_id, CLIENT_ID, name, PUBLISHER_TENANT, moment)
        tenant.service_principals[object_id] = found
        tenant.deleted.pop(object_id, None)
        tenant.consented_at = moment
        tenant.consent_calls = 0
    if application_permissions:
        for resource_app, role in REQUIRED:
            assign_permission(tenant, found["id"], resource_app, role, moment)


def assign_permission(tenant: Tenant, principal: str, resource_app: str, role: str, moment: datetime) -> Record | None:
    """Give an application permission; return nothing when it was already there."""
    resource = tenant.service_principal_of(resource_app)
    if resource is None:
        return None
    for one in tenant.app_role_assignments.values():
        if (one["principalId"], one["resourceId"], one["appRoleId"]) == (principal, resource["id"], role):
            return None
    record = {
        "id": str(uuid.uuid5(uuid.UUID(tenant.id), f"{principal}/{role}")),
        "deletedDateTime": None,
        "appRoleId": role,
        "createdDateTime": graph_time(moment),
        "principalDisplayName": tenant.service_principals[principal]["displayName"],
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }
    tenant.app_role_assignments[record["id"]] = record
    return record


def assign_directory_role(tenant: Tenant, principal: str, role: str) -> Record:
    """Give a directory role; it shows in tokens minted from now on, not in older ones."""
    record = {
        "id": str(uuid.uuid5(uuid.UUID(tenant.id), f"{principal}/directory/{role}")),
        "principalId": principal,
        "roleDefinitionId": role,
        "directoryScopeId": "/",
    }
    tenant.role_assignments[record["id"]] = record
    return record


def unassign_directory_role(tenant: Tenant, principal: str, role: str) -> None:
    """Take a directory role back."""
    for key, one in list(tenant.role_assignments.items()):
        if (one["principalId"], one["roleDefinitionId"]) == (principal, role):
            del tenant.role_assignments[key]


def remove(tenant: Tenant, principal: str, moment: datetime, *, purge: bool) -> None:
    """Remove an application, its permissions and its roles; without `purge` it can be restored for 30 days."""
    record = tenant.service_principals.pop(principal)
    for records in (tenant.app_role_assignments, tenant.permission_grants, tenant.role_assignments):
        for key, one in list(records.items()):
            if principal in (one.get("principalId"), one.get("clientId")):
                del records[key]
    if not purge:
        kind = "#microsoft.graph.servicePrincipal"
        tenant.deleted[principal] = {"@odata.type": kind, **record, "deletedDateTime": graph_time(moment)}


def permissions_of(tenant: Tenant, principal: str, resource_app: str) -> list[str]:
    """Return the names of the permissions an application holds at a resource."""
    resource = tenant.service_principal_of(resource_app)
    names = ROLES[resource_app]
    return sorted(
        names[one["appRoleId"]]
        for one in tenant.app_role_assignments.values()
        if resource is not None and one["principalId"] == principal and one["resourceId"] == resource["id"]
    )


def directory_roles_of(tenant: Tenant, principal: str) -> list[str]:
    """Return the directory roles of an application as the identities a token carries."""
    held = (one for one in tenant.role_assignments.values() if one["principalId"] == principal)
    return sorted(one["roleDefinitionId"] for one in held)
