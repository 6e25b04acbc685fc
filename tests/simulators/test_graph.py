"""Graph: permissions, query options, pages, groups and members, deleted items, batches."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.simulators.microsoft.applications import CLIENT_ID, GROUPS_ADMINISTRATOR
from tests.simulators.caller import EXCHANGE, Caller

DIRECTORY = "https://graph.microsoft.com/v1.0/directoryObjects"


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def people(caller: Caller, count: int) -> list[str]:
    return [one["id"] for one in caller.graph("GET", f"/users?$select=id&$top={count}").json()["value"]]


def links(keys: list[str]) -> list[str]:
    return [f"{DIRECTORY}/{key}" for key in keys]


def test_tokens_and_permissions(caller: Caller) -> None:
    url = f"{caller.graph_url}/v1.0/domains"
    other = {"authorization": f"Bearer {caller.token(EXCHANGE)}"}
    assert error(caller.client.get(url, headers=other)) == (401, "InvalidAuthenticationToken")
    assert error(caller.client.get(url)) == (401, "InvalidAuthenticationToken")
    assert error(caller.graph("GET", "/roleManagement/directory/roleAssignments")) == (
        403,
        "Authorization_RequestDenied",
    )
    assert error(caller.graph("DELETE", f"/users/{people(caller, 1)[0]}")) == (403, "Authorization_RequestDenied")
    caller.advance(3600)
    assert error(caller.graph("GET", "/domains")) == (401, "InvalidAuthenticationToken")


def test_request_identities_come_back(caller: Caller) -> None:
    answer = caller.graph("GET", "/nothing", **{"client-request-id": "abc"})
    assert answer.headers["client-request-id"] == "abc"
    inner = answer.json()["error"]["innerError"]
    assert inner["client-request-id"] == "abc"
    assert inner["request-id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/users?$bogus=1", 400),
        ("/users?$select=shoeSize", 400),
        ("/users?$top=1000", 400),
        ("/users?$filter=shoeSize eq 4", 400),
        ("/users?$filter=displayName ne 'x'", 400),
        ("/users?$search=x", 501),
        ("/groups?$skip=5", 400),
        ("/users/count", 404),
        ("/mailFolders", 400),
        ("/subscribedSkus", 501),
        ("/users/delta?$top=5", 400),
        ("/users/delta?$orderby=id", 400),
    ],
)
def test_what_is_not_taken_is_refused(caller: Caller, path: str, status: int) -> None:
    caller.permit("Organization.Read.All")
    assert caller.graph("GET", path).status_code == status


def test_pages_of_a_large_directory(large: Caller) -> None:
    first = large.graph("GET", "/users").json()
    assert len(first["value"]) == 100
    assert first["@odata.nextLink"].startswith(large.graph_url)
    assert "proxyAddresses" not in first["value"][0]
    found = large.rows("/users?$select=id,mail&$top=999")
    assert len(found) == len({one["id"] for one in found}) == 20_000
    assert set(found[0]) == {"id", "mail"}
    counted = large.graph("GET", "/users?$count=true&$top=1", ConsistencyLevel="eventual").json()
    assert counted["@odata.count"] == 20_000


def test_filters(caller: Caller) -> None:
    found = caller.rows("/groups?$filter=displayName eq 'Sales' or mailNickname eq 'finance'")
    assert sorted(one["displayName"] for one in found) == ["Finance", "Sales"]
    unified = caller.rows("/groups?$filter=groupTypes/any(c:c eq 'Unified')")
    assert len(unified) == 2
    off = caller.rows("/users?$filter=accountEnabled eq false and startswith(displayName,'Opal')&$select=displayName")
    assert len(off) == 3
    path = "/users?$filter=userType ne 'Member'&$count=true"
    guests = caller.graph("GET", path, ConsistencyLevel="eventual").json()
    assert guests["@odata.count"] == 2


def test_organisation_domains_and_their_records(caller: Caller) -> None:
    caller.permit("Organization.Read.All")
    organisation = caller.rows("/organization")[0]
    assert {one["name"] for one in organisation["verifiedDomains"]} == {
        "contoso.com",
        "sub.contoso.com",
        "contoso.example.net",
        "contoso.onmicrosoft.com",
    }
    # Verified does not mean that Exchange takes mail for it.
    accepted = {one["DomainName"] for one in caller.values("Get-AcceptedDomain")}
    assert "contoso.example.net" not in accepted
    records = caller.rows("/domains/sub.contoso.com/serviceConfigurationRecords")
    assert records[0]["mailExchange"] == "sub-contoso-com.mail.protection.outlook.com"


def test_group_creation_is_strict(caller: Caller) -> None:
    good: dict[str, Any] = {
        "displayName": "G",
        "mailNickname": "strict",
        "groupTypes": ["Unified"],
        "mailEnabled": True,
        "securityEnabled": False,
    }
    user = people(caller, 1)[0]
    for changes in (
        {"mailNickname": "with space"},
        {"mailNickname": "tmcas-own"},
        {"mailNickname": None},
        {"mailEnabled": False},
        {"groupTypes": []},
        {"groupTypes": ["Other"]},
        {"resourceBehaviorOptions": ["HideGroup"]},
        {"bogus": 1},
        {"displayName": "x" * 257},
        {"hideFromAddressLists": True},
        {"members@odata.bind": links([user] * 21)},
    ):
        assert error(caller.graph("POST", "/groups", {**good, **changes})) == (400, "Request_BadRequest")
    taken = caller.graph("POST", "/groups", {**good, "mailNickname": "finance"}).json()["error"]
    assert taken["details"][0]["code"] == "ObjectConflict"
    made = caller.new_group(**{"members@odata.bind": links([user])})
    assert made["mail"] == "inline-incoming@contoso.com"
    assert caller.rows(f"/groups/{made['id']}/members")[0]["id"] == user


def test_members_are_added_all_or_none(caller: Caller) -> None:
    group = caller.new_group()["id"]
    keys = people(caller, 25)
    bind = "members@odata.bind"
    assert caller.graph("PATCH", f"/groups/{group}", {bind: links(keys[:21])}).status_code == 400
    assert caller.graph("PATCH", f"/groups/{group}", {bind: links(keys[:20])}).status_code == 204
    again = caller.graph("PATCH", f"/groups/{group}", {bind: links(keys[19:25])})
    assert error(again) == (400, "Request_BadRequest")
    assert "added object references already exist" in again.json()["error"]["message"]
    assert len(caller.rows(f"/groups/{group}/members")) == 20
    missing = caller.graph("POST", f"/groups/{group}/members/$ref", {"@odata.id": f"{DIRECTORY}/nobody"})
    assert missing.status_code == 404
    assert caller.graph("DELETE", f"/groups/{group}/members/{keys[0]}/$ref").status_code == 204
    assert caller.graph("DELETE", f"/groups/{group}/members/{keys[0]}/$ref").status_code == 404
    # Without $ref it would be the user that is deleted.
    assert caller.graph("DELETE", f"/groups/{group}/members/{keys[1]}").status_code == 403
    nested = caller.rows("/groups?$filter=mailNickname eq 'logistics'")[0]["id"]
    assert caller.graph("PATCH", f"/groups/{group}", {bind: links([nested])}).status_code == 400
    people_of = caller.rows(f"/groups/{nested}/transitiveMembers/microsoft.graph.user?$select=id")
    assert len(people_of) == 8
    assert len(caller.rows(f"/groups/{nested}/members")) == 5
    listed = caller.rows("/groups?$filter=mailNickname eq 'management'")[0]["id"]
    refused = caller.graph("PATCH", f"/groups/{listed}", {bind: links(keys[:1])})
    assert "Cannot Update a mail-enabled security groups" in refused.json()["error"]["message"]


def test_hide_flags_need_a_change_of_their_own(caller: Caller) -> None:
    group = caller.new_group()["id"]
    both = {"hideFromOutlookClients": True, "description": "x"}
    assert caller.graph("PATCH", f"/groups/{group}", both).status_code == 400
    assert caller.graph("PATCH", f"/groups/{group}", {"hideFromOutlookClients": True}).status_code == 200
    assert caller.graph("PATCH", f"/groups/{group}", {"autoSubscribeNewMembers": True}).status_code == 403
    caller.advance(31)
    assert caller.values("Get-UnifiedGroup", Identity=group)[0]["HiddenFromExchangeClientsEnabled"] is True


def test_deleted_groups_keep_their_alias_until_purged(caller: Caller) -> None:
    before = caller.snapshot()
    made = caller.new_group()
    path = f"/directory/deletedItems/{made['id']}"
    assert caller.graph("DELETE", f"/groups/{made['id']}").status_code == 204
    assert caller.graph("GET", f"/groups/{made['id']}").status_code == 404
    assert [one["id"] for one in caller.rows("/directory/deletedItems/microsoft.graph.group")] == [made["id"]]
    body = {k: made[k] for k in ("displayName", "mailNickname", "groupTypes", "mailEnabled", "securityEnabled")}
    assert caller.graph("POST", "/groups", body).status_code == 400
    assert caller.snapshot() != before
    assert caller.graph("DELETE", path).status_code == 403
    caller.administer("assign-role", role=GROUPS_ADMINISTRATOR)
    assert caller.graph("POST", f"{path}/restore").status_code == 200
    assert caller.graph("DELETE", f"/groups/{made['id']}").status_code == 204
    assert caller.graph("DELETE", path).status_code == 204
    caller.administer("unassign-role", role=GROUPS_ADMINISTRATOR)
    assert caller.snapshot() == before


def test_what_is_deleted_goes_by_itself_after_30_days(caller: Caller) -> None:
    made = caller.new_group()
    caller.graph("DELETE", f"/groups/{made['id']}")
    caller.advance(31 * 86_400)
    caller.tokens.clear()
    assert caller.graph("GET", f"/directory/deletedItems/{made['id']}").status_code == 404


def test_a_new_group_is_not_seen_at_once(caller: Caller) -> None:
    caller.behave(group_visible_in_graph_seconds=60)
    made = caller.new_group()
    path = "/groups?$filter=mailNickname eq 'inline-incoming'"
    assert caller.graph("GET", f"/groups/{made['id']}").status_code == 404
    assert caller.rows(path) == []
    caller.advance(61)
    assert caller.graph("GET", f"/groups/{made['id']}").status_code == 200
    assert len(caller.rows(path)) == 1


def test_what_was_not_granted_is_refused(caller: Caller) -> None:
    found = caller.graph("GET", f"/servicePrincipals(appId='{CLIENT_ID}')")
    assert error(found) == (403, "Authorization_RequestDenied")


def test_application_and_its_permissions(caller: Caller) -> None:
    caller.permit("Application.Read.All")
    found = caller.graph("GET", f"/servicePrincipals(appId='{CLIENT_ID}')?$select=id,displayName").json()
    assert found["displayName"] == "Trend Micro Cloud App Security"
    assert len(caller.rows(f"/servicePrincipals/{found['id']}/appRoleAssignments")) == 5
    roles = caller.rows(f"/servicePrincipals/{found['id']}/memberOf")
    assert [one.get("@odata.type") for one in roles] == ["#microsoft.graph.directoryRole"]
    assert caller.graph("DELETE", f"/servicePrincipals/{found['id']}").status_code == 403
    assert error(caller.graph("GET", "/servicePrincipals(appId='other')")) == (404, "Request_ResourceNotFound")


def test_batches(caller: Caller) -> None:
    group = caller.new_group()["id"]
    header = {"Content-Type": "application/json"}
    key = people(caller, 1)[0]
    body = {"members@odata.bind": links([key])}
    requests: list[dict[str, Any]] = [
        {"id": "1", "method": "PATCH", "url": f"/groups/{group}", "headers": header, "body": body},
        {"id": "2", "method": "GET", "url": "/groups/nothing"},
        {"id": "3", "method": "GET", "url": "/domains?$select=id", "dependsOn": ["2"]},
        {"id": "4", "method": "GET", "url": "/users/delta?$select=id&$deltatoken=latest"},
    ]
    answered = caller.graph("POST", "/$batch", {"requests": requests}).json()["responses"]
    assert [one["id"] for one in answered] != ["1", "2", "3", "4"]
    assert {one["id"]: one["status"] for one in answered} == {"1": 204, "2": 404, "3": 424, "4": 200}
    for wrong in (
        {"requests": [requests[1]] * 21},
        {"requests": [requests[1], requests[1]]},
        {"requests": [{**requests[1], "url": f"{caller.graph_url}/v1.0/users"}]},
        {"requests": [{**requests[0], "headers": {}}]},
        {"calls": []},
    ):
        assert caller.graph("POST", "/$batch", wrong).status_code == 400
    caller.fault("batch_inner_429")
    outer = caller.graph("POST", "/$batch", {"requests": requests[1:2] + requests[3:]})
    assert outer.status_code == 200
    inner = {one["id"]: one for one in outer.json()["responses"]}
    assert float(inner["2"]["headers"]["Retry-After"]) == 2.128
    assert inner["4"]["status"] == 200


def test_faults_reach_into_batches(caller: Caller) -> None:
    caller.fault("throttle", host="graph", path="/domains$", more={"retry_after": "1.5"})
    requests = [{"id": name, "method": "GET", "url": f"/{name}"} for name in ("domains", "groups")]
    answered = caller.graph("POST", "/$batch", {"requests": requests}).json()["responses"]
    assert {one["id"]: one["status"] for one in answered} == {"domains": 429, "groups": 200}


def test_tokens_of_a_removed_application(caller: Caller) -> None:
    assert caller.graph("GET", "/domains").status_code == 200
    caller.administer("remove-application")
    assert caller.graph("GET", "/domains").status_code == 200
    caller.behave(tokens_outlive_application=False)
    assert error(caller.graph("GET", "/domains")) == (401, "InvalidAuthenticationToken")


def test_the_customers_administrator_needs_no_permission(caller: Caller) -> None:
    made = caller.customer("POST", "/users", {"displayName": "New", "userPrincipalName": "new@contoso.com"})
    caller.customer("PATCH", f"/users/{made['id']}", {"accountEnabled": False})
    path = f"/users/{made['id']}?$select=accountEnabled"
    assert caller.graph("GET", path).json()["accountEnabled"] is False
    caller.customer("DELETE", f"/users/{made['id']}")
    assert caller.graph("GET", path).status_code == 404
    caller.customer("POST", "/domains", {"id": "new.example.com"})
    assert caller.graph("GET", "/domains/new.example.com").json()["isVerified"] is False
    caller.customer("POST", "/domains/new.example.com/verify")
    caller.customer("PATCH", "/domains/new.example.com", {"supportedServices": ["Email"]})
    assert "new.example.com" in {one["DomainName"] for one in caller.values("Get-AcceptedDomain")}
