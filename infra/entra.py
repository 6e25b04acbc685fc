"""Registers our two applications and the operators' group in Entra ID: `python -m infra.entra --help`.

Asks Microsoft Graph through `az rest`, as the person who is signed in to `az`. Each object has a name of its own and is
made only if it is missing (https://learn.microsoft.com/graph/api/application-upsert and its like for service
principals, groups and federated credentials), so that a second run changes nothing. Redirect addresses of other sites
are kept, and `--remove` takes away what only this one needs.
"""

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from typing import Any

GRAPH = "https://graph.microsoft.com/v1.0"
# Application permissions by resource: the same ids in every tenant
# (https://learn.microsoft.com/graph/permissions-reference; the last one is Office 365 Exchange Online's).
GRAPH_ID = "00000003-0000-0000-c000-000000000000"
PERMISSIONS = {
    GRAPH_ID: {
        "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
        "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
        "Domain.Read.All": "dbb9058a-0e50-45d7-ae91-66909b5d4664",
    },
    "00000002-0000-0ff1-ce00-000000000000": {"Exchange.ManageAsApp": "dc50a0fb-09a3-484d-be87-e023b12c6440"},
}
# For FOOTPRINT_MICROSOFT__AUDIT_LOG.
AUDIT = {
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
}
NO_MORE: Mapping[str, str] = {}
ROLES = {
    "viewer": "May look",
    "operator": "May look and act",
    "admin": "May also erase, use the kill switch and move tenants",
}
AUDIENCE = "api://AzureADTokenExchange"
GITHUB = "https://token.actions.githubusercontent.com"
# Nobody in a customer's tenant gives our application a credential of theirs, or reads its tokens with a key of theirs:
# https://learn.microsoft.com/entra/identity-platform/howto-configure-app-instance-property-locks
LOCK = {"isEnabled": True, "allProperties": True}
CONSOLE_SECRET = "FOOTPRINT_OPERATORS__CLIENT_SECRET"  # noqa: S105 - a setting's name
Object = Mapping[str, Any]


class Failed(Exception):
    """Graph refused a request; its text is what `az` said."""


def main(arguments: list[str]) -> int:
    """Register everything, and print the settings that name it. Returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.entra", description="Registers our applications in Entra ID."
    )
    parser.add_argument("--name", default="footprint", help="the applications' unique name in this tenant")
    parser.add_argument("--url", required=True, help="the deployment's public URL")
    parser.add_argument(
        "--credential", required=True, help="name of the federated credential: the site's group or project"
    )
    parser.add_argument("--issuer", help="issuer of the deployment's identity; by default this tenant")
    parser.add_argument("--subject", help="subject of the deployment's identity")
    parser.add_argument("--audit-log", action="store_true", help="ask for what FOOTPRINT_MICROSOFT__AUDIT_LOG needs")
    parser.add_argument("--console-secret", action="store_true", help="replace this deployment's secret of the console")
    parser.add_argument(
        "--repository", help="of GitHub, owner/name, whose environment called like the credential deploys"
    )
    parser.add_argument("--form", choices=FORMS, default="lines", help="lines, or a file of parameters for a cloud")
    parser.add_argument("--remove", action="store_true", help="take this deployment away, and with the last one all")
    said = parser.parse_args(arguments)
    if not (said.remove or said.subject):
        parser.error("--subject is needed")
    try:
        if said.remove:
            remove(said.name, said.url, said.credential)
            return 0
        more = AUDIT if said.audit_log else {}
        settings = register(said.name, said.url, said.credential, said.issuer, said.subject, more)
        if said.repository:
            client = delivers(said.name, said.repository, said.credential)
            sys.stderr.write(f"The environment {said.credential} at GitHub signs in as AZURE_CLIENT_ID={client}\n")
        secrets = {CONSOLE_SECRET: new_secret(said.name, said.credential)} if said.console_secret else {}
        sys.stdout.write(FORMS[said.form](settings, secrets))
    except Failed as error:
        sys.stderr.write(f"Microsoft Graph refused a request, and a second run goes on from there: {error}\n")
        return 1
    return 0


def register(
    name: str, url: str, credential: str, issuer: str | None, subject: str, more: Mapping[str, str] = NO_MORE
) -> dict[str, str]:
    """Make what is missing, with `more` permissions of Graph; returns the settings by name. Raises Failed."""
    organisation = _rest("GET", "/organization?$select=id")["value"][0]["id"]
    login = f"https://login.microsoftonline.com/{organisation}/v2.0"
    needed = [
        {"resourceAppId": resource, "resourceAccess": [{"id": one, "type": "Role"} for one in roles.values()]}
        for resource, roles in {**PERMISSIONS, GRAPH_ID: {**PERMISSIONS[GRAPH_ID], **more}}.items()
    ]
    ours = _application(
        name,
        f"{url}/api/consent/microsoft365",
        # Administrators sign in before they consent; their id token names their directory roles.
        {
            "displayName": "Footprint",
            "signInAudience": "AzureADMultipleOrgs",
            "groupMembershipClaims": "DirectoryRole",
            "requiredResourceAccess": needed,
            "servicePrincipalLockConfiguration": LOCK,
        },
    )
    _refuse_unlocked(name)
    _upsert(
        f"/applications/{ours['id']}/federatedIdentityCredentials(name='{credential}')",
        {"issuer": issuer or login, "subject": subject, "audiences": [AUDIENCE]},
    )
    operators = _application(
        f"{name}-operators",
        f"{url}/sign-in/back",
        {
            "displayName": "Footprint operators",
            "signInAudience": "AzureADMyOrg",
            "api": {"requestedAccessTokenVersion": 2},
            "appRoles": [_role(value, about) for value, about in ROLES.items()],
        },
    )
    _let_in(f"{name}-operators", operators)
    return {
        "FOOTPRINT_MICROSOFT__CLIENT_ID": ours["appId"],
        "FOOTPRINT_OPERATORS__ISSUER": login,
        "FOOTPRINT_OPERATORS__AUDIENCE": operators["appId"],
        "FOOTPRINT_OPERATORS__CLIENT_ID": operators["appId"],
    }


def delivers(name: str, repository: str, environment: str) -> str:
    """Let an environment of a repository at GitHub sign in, as an operator; returns its client id. Raises Failed.

    https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
    """
    made = _application(
        f"{name}-delivery", None, {"displayName": "Footprint delivery", "signInAudience": "AzureADMyOrg"}
    )
    _upsert(
        f"/applications/{made['id']}/federatedIdentityCredentials(name='{environment}')",
        {"issuer": GITHUB, "subject": f"repo:{repository}:environment:{environment}", "audiences": [AUDIENCE]},
    )
    principal = f"/servicePrincipals(appId='{made['appId']}')"
    _upsert(principal, {})
    operators = _find("applications", f"{name}-operators", "appId")
    if operators is None:
        raise Failed(f"there is no application {name}-operators")
    _operates(_rest("GET", f"{principal}?$select=id")["id"], operators["appId"])
    return str(made["appId"])


def new_secret(name: str, credential: str) -> str:
    """A secret of the console for this deployment, in place of one that it had. Raises Failed."""
    known = _find("applications", f"{name}-operators", "id,passwordCredentials")
    if known is None:
        raise Failed(f"there is no application {name}-operators")
    for old in known["passwordCredentials"]:
        if old["displayName"] == credential:
            _rest("POST", f"/applications/{known['id']}/removePassword", {"keyId": old["keyId"]})
    asked = {"passwordCredential": {"displayName": credential}}
    return str(_rest("POST", f"/applications/{known['id']}/addPassword", asked)["secretText"])


def remove(name: str, url: str, credential: str) -> None:
    """Take a deployment's trust and addresses away; with the last one our applications and the group. Raises Failed."""
    ours = _find("applications", name, "id,web")
    if ours is None:
        return
    left = _distrusted(ours, credential)
    delivery = _find("applications", f"{name}-delivery", "id")
    if delivery and not _distrusted(delivery, credential):
        _rest("DELETE", f"/applications/{delivery['id']}")
    for kind, one in (("applications", name), ("applications", f"{name}-operators"), ("groups", f"{name}-operators")):
        known = _find(kind, one, "id,web" if kind == "applications" else "id")
        if known and not left:
            _rest("DELETE", f"/{kind}/{known['id']}")
        elif known and kind == "applications":
            kept = [address for address in known["web"]["redirectUris"] if not address.startswith(f"{url}/")]
            _rest("PATCH", f"/applications/{known['id']}", {"web": {"redirectUris": kept}})


def _distrusted(application: Object, credential: str) -> int:
    """Take a credential away from an application that trusts others too; returns how many are then left."""
    path = f"/applications/{application['id']}/federatedIdentityCredentials"
    trusted = _rest("GET", path)["value"]
    gone = [one for one in trusted if one["name"] == credential]
    for one in gone if len(gone) < len(trusted) else []:
        _rest("DELETE", f"{path}/{one['id']}")
    return len(trusted) - len(gone)


def _lines(settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in {**settings, **secrets}.items())


def _terraform(settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    return json.dumps({"applications": settings, **({"secrets": secrets} if secrets else {})})


def _azure(settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    parameters = {name: {"value": value} for name, value in json.loads(_terraform(settings, secrets)).items()}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    return json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "parameters": parameters})


FORMS = {"lines": _lines, "azure": _azure, "terraform": _terraform}


def _application(name: str, redirect: str | None, body: Object) -> Object:
    known = _find("applications", name, "id,appId,web")
    if redirect is not None:
        before = known["web"]["redirectUris"] if known else []
        body = {**body, "web": {"redirectUris": sorted({*before, redirect})}}
    _upsert(f"/applications(uniqueName='{name}')", body)
    made = known or _find("applications", name, "id,appId,web")
    if made is None:
        raise Failed(f"the application {name} was made and is not listed yet; wait a minute")
    return made


def _refuse_unlocked(name: str) -> None:
    """Raises Failed unless Entra says that the application's properties are locked in customers' tenants."""
    said = _rest("GET", f"/applications(uniqueName='{name}')?$select=servicePrincipalLockConfiguration")
    lock = said.get("servicePrincipalLockConfiguration") or {}
    if not LOCK.items() <= lock.items():
        raise Failed(
            f"the application {name} has no property lock over all properties, though it was asked for: {lock}"
        )


def _let_in(group: str, application: Object) -> None:
    """A group whose members are operators of the application; who is in it, its owners decide."""
    principal = f"/servicePrincipals(appId='{application['appId']}')"
    _upsert(principal, {"appRoleAssignmentRequired": True})
    shape = {"displayName": group, "mailEnabled": False, "mailNickname": group, "securityEnabled": True}
    _upsert(f"/groups(uniqueName='{group}')", shape)
    members = _find("groups", group, "id")
    if members is None:
        raise Failed(f"the group {group} was made and is not listed yet; wait a minute")
    _operates(members["id"], application["appId"], "groups")


def _operates(who: str, application: str, kind: str = "servicePrincipals") -> None:
    """Somebody has the role `operator` of an application, by their object id and its client id."""
    resource = _rest("GET", f"/servicePrincipals(appId='{application}')?$select=id")
    wanted = {"principalId": who, "resourceId": resource["id"], "appRoleId": _role_id("operator")}
    given = _rest("GET", f"/{kind}/{who}/appRoleAssignments")["value"]
    if not any(wanted.items() <= one.items() for one in given):
        _rest("POST", f"/{kind}/{who}/appRoleAssignments", wanted)


def _role(value: str, about: str) -> Object:
    kinds = ["User", "Application"]
    shown = {"value": value, "displayName": value.capitalize(), "description": about, "isEnabled": True}
    return {"id": _role_id(value), "allowedMemberTypes": kinds, **shown}


def _role_id(value: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"footprint/{value}"))


def _find(kind: str, name: str, fields: str) -> Object | None:
    found = _rest("GET", f"/{kind}?$filter=uniqueName eq '{name}'&$select={fields}")["value"]
    return dict(found[0]) if found else None


def _upsert(path: str, body: Object) -> None:
    _rest("PATCH", path, body, "Prefer=create-if-missing")


def _rest(method: str, path: str, body: Object | None = None, *headers: str) -> Any:
    command = ["az", "rest", "--method", method, "--url", GRAPH + path, "--headers", "Content-Type=application/json"]
    command += [*headers, *(["--body", json.dumps(body)] if body is not None else [])]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell reads it
    if done.returncode:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout) if done.stdout.strip() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
