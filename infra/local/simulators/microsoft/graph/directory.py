"""The organisation, its users and its domains in Graph."""

from __future__ import annotations

from typing import Any

from infra.local.simulators.microsoft.domains import accepted_domain, domain, mail_exchange
from infra.local.simulators.microsoft.graph import applications
from infra.local.simulators.microsoft.graph.call import GraphCall, Handler
from infra.local.simulators.microsoft.graph.errors import bad_request, missing
from infra.local.simulators.microsoft.graph.groups import counted
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import graph_time
from infra.local.simulators.wire import Answer, Record

USER_FIELDS = frozenset(
    [
        "accountEnabled",
        "assignedLicenses",
        "businessPhones",
        "department",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mailNickname",
        "mobilePhone",
        "officeLocation",
        "otherMails",
        "passwordProfile",
        "preferredLanguage",
        "proxyAddresses",
        "surname",
        "usageLocation",
        "userPrincipalName",
        "userType",
    ]
)
DOMAIN_FIELDS = frozenset({"supportedServices", "isDefault"})


def organisation(call: GraphCall) -> Answer:
    """Show the one organisation there is; its domains are the verified ones."""
    return call.listing([_organisation(call.tenant)], "organization", "organization")


def one_organisation(call: GraphCall) -> Answer:
    """Show the organisation by its identity."""
    if call.ids[0] != call.tenant.id:
        raise missing(call.ids[0])
    return call.one(_organisation(call.tenant), "organization", "organization/$entity")


def _organisation(tenant: Tenant) -> Record:
    verified = [
        {
            "capabilities": ", ".join(one["supportedServices"]),
            "isDefault": one["isDefault"],
            "isInitial": one["isInitial"],
            "name": one["id"],
            "type": "Managed",
        }
        for one in tenant.domains.values()
        if one["isVerified"]
    ]
    return {**tenant.organisation, "verifiedDomains": verified}


def list_users(call: GraphCall) -> Answer:
    """List users; most of their properties come only when they are selected."""
    return call.listing(call.tenant.users.values(), "user", "users")


def count_users(call: GraphCall) -> Answer:
    """Count users."""
    return counted(call, list(call.tenant.users.values()), "user")


def _user(call: GraphCall) -> Record:
    """Find a user by identity or by sign-in name."""
    wanted = call.ids[0]
    found = call.tenant.users.get(wanted)
    if found is None and "@" in wanted:
        named = (one for one in call.tenant.users.values() if _same(one["userPrincipalName"], wanted))
        found = next(named, None)
    if found is None:
        raise missing(wanted)
    return found


def _same(left: str, right: str) -> bool:
    return left.lower() == right.lower()


def get_user(call: GraphCall) -> Answer:
    """Show a user."""
    return call.one(_user(call), "user", "users/$entity")


def _user_fields(call: GraphCall) -> dict[str, Any]:
    body = call.body()
    if unknown := set(body) - USER_FIELDS:
        raise bad_request(f"Invalid property '{sorted(unknown)[0]}' on type 'microsoft.graph.user'.")
    return {name: value for name, value in body.items() if name != "passwordProfile"}


def create_user(call: GraphCall) -> Answer:
    """Make a user; its mailbox is there at once when it is given an address."""
    body = _user_fields(call)
    for name in ("displayName", "userPrincipalName"):
        if not body.get(name):
            raise bad_request(f"A value is required for property '{name}' of resource 'User'.")
    if any(_same(one["userPrincipalName"], body["userPrincipalName"]) for one in call.tenant.users.values()):
        raise bad_request("Another object with the same value for property userPrincipalName already exists.")
    made = user(call.tenant.new_id(), **body)
    call.tenant.users[made["id"]] = made
    call.tenant.log("users", made["id"], None)
    answer = call.one(made, "user", "users/$entity")
    answer.status = 201
    return answer


def user(key: str, **fields: Any) -> Record:
    """Return a user's record, completed with what was not given."""
    mail = fields.get("mail")
    return {
        "id": key,
        "deletedDateTime": None,
        "accountEnabled": True,
        "businessPhones": [],
        "givenName": None,
        "jobTitle": None,
        "mail": None,
        "mailNickname": fields["userPrincipalName"].partition("@")[0],
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "proxyAddresses": [f"SMTP:{mail}"] if mail else [],
        "surname": None,
        "userType": "Member",
        **fields,
    }


def update_user(call: GraphCall) -> Answer:
    """Change a user."""
    found, body = _user(call), _user_fields(call)
    call.tenant.users[found["id"]] = {**found, **body}
    call.tenant.log("users", found["id"], frozenset(body))
    return Answer(status=204)


def delete_user(call: GraphCall) -> Answer:
    """Delete a user, who leaves every group and can be restored for 30 days."""
    found = _user(call)
    tenant = call.tenant
    del tenant.users[found["id"]]
    for key, held in list(tenant.members.items()):
        if found["id"] in held:
            tenant.members[key] = held - {found["id"]}
            tenant.log("groups", key, removed=frozenset({found["id"]}))
    moment = graph_time(call.microsoft.clock.now())
    tenant.deleted[found["id"]] = {"@odata.type": "#microsoft.graph.user", **found, "deletedDateTime": moment}
    tenant.log("users", found["id"])
    return Answer(status=204)


def list_domains(call: GraphCall) -> Answer:
    """List domains, verified or not."""
    return call.listing(call.tenant.domains.values(), "domain", "domains")


def _domain(call: GraphCall) -> Record:
    found = call.tenant.domains.get(call.ids[0].lower())
    if found is None:
        raise missing(call.ids[0])
    return found


def get_domain(call: GraphCall) -> Answer:
    """Show a domain."""
    return call.one(_domain(call), "domain", "domains/$entity")


def wanted_records(call: GraphCall) -> Answer:
    """List the DNS records Microsoft would like to see, which are not those that are there."""
    name = _domain(call)["id"]
    common = {"isOptional": False, "label": name, "supportedService": "Email", "ttl": 3600}
    rows = [
        {
            "@odata.type": "#microsoft.graph.domainDnsMxRecord",
            "id": f"{name}/mx",
            **common,
            "recordType": "Mx",
            "mailExchange": mail_exchange(name),
            "preference": 0,
        },
        {
            "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
            "id": f"{name}/txt",
            **common,
            "recordType": "Txt",
            "text": "v=spf1 include:spf.protection.outlook.com -all",
        },
    ]
    return call.listing(rows, "domainDnsRecord", "domains/serviceConfigurationRecords", typed=True)


def create_domain(call: GraphCall) -> Answer:
    """Add a domain; it is not verified yet."""
    body = call.body()
    if set(body) != {"id"} or not isinstance(body["id"], str):
        raise bad_request("A domain is created from its 'id' and nothing else.")
    name = body["id"].lower()
    if name in call.tenant.domains:
        raise bad_request("The domain already exists in the directory.")
    call.tenant.domains[name] = domain(name, verified=False)
    answer = call.one(call.tenant.domains[name], "domain", "domains/$entity")
    answer.status = 201
    return answer


def verify_domain(call: GraphCall) -> Answer:
    """Verify a domain. Exchange accepts it once e-mail is among its services."""
    found = {**_domain(call), "isVerified": True}
    call.tenant.domains[found["id"]] = found
    return call.one(found, "domain", "domains/$entity")


def update_domain(call: GraphCall) -> Answer:
    """Change what a domain is used for; e-mail makes it an accepted domain in Exchange."""
    found, body = _domain(call), call.body()
    if set(body) - DOMAIN_FIELDS:
        raise bad_request("Only supportedServices and isDefault of a domain can be changed.")
    if not found["isVerified"]:
        raise bad_request("The domain is not verified.")
    changed = {**found, **body}
    call.tenant.domains[found["id"]] = changed
    if "Email" in changed["supportedServices"]:
        call.tenant.accepted_domains.setdefault(found["id"], accepted_domain(found["id"]))
    else:
        call.tenant.accepted_domains.pop(found["id"], None)
    return Answer(status=204)


def delete_domain(call: GraphCall) -> Answer:
    """Remove a domain, from Exchange as well."""
    found = _domain(call)
    if found["isInitial"] or found["isDefault"]:
        raise bad_request("The initial or default domain can't be deleted.")
    del call.tenant.domains[found["id"]]
    call.tenant.accepted_domains.pop(found["id"], None)
    return Answer(status=204)


HANDLERS: dict[tuple[str, str], Handler] = {
    **applications.HANDLERS,
    ("GET", "/organization"): organisation,
    ("GET", "/organization/{organization-id}"): one_organisation,
    ("GET", "/users"): list_users,
    ("POST", "/users"): create_user,
    ("GET", "/users/$count"): count_users,
    ("GET", "/users/{user-id}"): get_user,
    ("PATCH", "/users/{user-id}"): update_user,
    ("DELETE", "/users/{user-id}"): delete_user,
    ("GET", "/domains"): list_domains,
    ("POST", "/domains"): create_domain,
    ("GET", "/domains/{domain-id}"): get_domain,
    ("PATCH", "/domains/{domain-id}"): update_domain,
    ("DELETE", "/domains/{domain-id}"): delete_domain,
    ("POST", "/domains/{domain-id}/verify"): verify_domain,
    ("GET", "/domains/{domain-id}/serviceConfigurationRecords"): wanted_records,
}
