"""Directory: users, the organisation, groups and their members; and Groups Settings."""

from __future__ import annotations

import json
from typing import Any

import dns.resolver
import pytest

from infra.local.simulators.google.seeds import HARBOUR, HARBOUR_USERS
from tests.simulators.google_caller import NEW_GROUP, GoogleCaller, refusal

ADMIN = "admin@orchard.example"
DELEGATED = "agate.aspen@orchard.example"
ORDINARY = "coral.bay@orchard.example"
MINE = {"customer": "my_customer"}
NOT_FOUND = "Resource Not Found: "


# Users


def test_the_whole_directory_page_by_page(harbour: GoogleCaller) -> None:
    found = harbour.rows(
        "/users", "users", customer="my_customer", maxResults=500, fields="nextPageToken,users(id,primaryEmail)"
    )
    assert len({one["id"] for one in found}) == len(found) == HARBOUR_USERS
    addresses = [one["primaryEmail"] for one in found]
    assert addresses == sorted(addresses)


def test_pages_of_users(google: GoogleCaller) -> None:
    first = google.directory("GET", "/users", params=MINE | {"maxResults": 25}).json()
    following = MINE | {"maxResults": 25, "pageToken": first["nextPageToken"]}
    assert len(google.directory("GET", "/users", params=following).json()["users"]) == 25
    # A token belongs to its question, and lives for three days.
    assert google.directory("GET", "/users", params=following | {"orderBy": "familyName"}).status_code == 400
    assert google.directory("GET", "/users", params=following | {"maxResults": 50}).status_code == 200
    google.advance(3 * 86_400 - 60)
    assert google.directory("GET", "/users", params=following).status_code == 200
    google.advance(120)
    assert google.directory("GET", "/users", params=following).status_code == 400
    down = google.rows("/users", "users", customer=google.tenant, orderBy="email", sortOrder="DESCENDING", maxResults=7)
    assert [one["primaryEmail"] for one in down] == sorted((one["primaryEmail"] for one in down), reverse=True)
    assert len(down) == 60


def test_users_are_found_and_searched(google: GoogleCaller) -> None:
    def found(**params: str) -> int:
        return len(google.rows("/users", "users", **(MINE | params)))

    assert found(query="isSuspended=true") == 3
    assert found(query="isAdmin=true") == 2
    assert found(query="isArchived=true") == 1
    assert found(query="email:coral*") == 10
    assert found(query="orgUnitPath='/Press/Cider' isSuspended=false") > 5
    assert found(domain="orchard.example") == 60
    assert found(domain="orchard-mail.example") == 0
    assert "users" not in google.directory("GET", "/users", params={"domain": "orchard-mail.example"}).json()
    assert refusal(google.directory("GET", "/users", params={"domain": "elsewhere.example"}))[2] == "Domain not found."
    assert google.directory("GET", "/users", params={"customer": HARBOUR}).status_code == 403
    assert google.directory("GET", "/users", params=MINE | {"query": "manager=x"}).status_code == 501


def test_a_user_by_every_key(google: GoogleCaller) -> None:
    user = next(one for one in google.customer_state().users.values() if one.get("aliases"))
    keys = [user["id"], user["primaryEmail"].upper(), user["aliases"][0], user["nonEditableAliases"][0]]
    assert {google.directory("GET", f"/users/{key}").json()["id"] for key in keys} == {user["id"]}
    assert refusal(google.directory("GET", "/users/nobody@orchard.example")) == (404, "notFound", f"{NOT_FOUND}userKey")
    assert google.directory("GET", "/users/123").status_code == 404
    assert google.directory("GET", "/users/admin@harbour.example").status_code == 403


def test_deleted_users_are_listed_apart(google: GoogleCaller) -> None:
    google.administer("delete-user", user=ORDINARY)
    (gone,) = google.rows("/users", "users", customer="my_customer", showDeleted="true")
    assert "deletionTime" in gone
    assert ORDINARY not in [one["primaryEmail"] for one in google.rows("/users", "users", **MINE)]
    assert google.directory("GET", f"/users/{ORDINARY}").status_code == 404


# The organisation


def test_domains_and_the_customer(google: GoogleCaller) -> None:
    answer = google.directory("GET", "/customer/my_customer/domains").json()
    assert answer["kind"] == "admin#directory#domains"
    shown = {one["domainName"]: one for one in answer["domains"]}
    assert (shown["orchard.example"]["isPrimary"], shown["pending.orchard.example"]["verified"]) == (True, False)
    (alias,) = shown["orchard.example"]["domainAliases"]
    assert alias["domainAliasName"] == "orchard-mail.example"
    assert isinstance(alias["creationTime"], str)
    customer = google.directory("GET", "/customers/my_customer").json()
    assert (customer["id"], customer["customerDomain"]) == (google.tenant, "orchard.example")
    assert google.directory("GET", f"/customers/{HARBOUR}").status_code == 403
    units = google.customer("GET", "/customer/my_customer/orgunits?type=all").json()["organizationUnits"]
    assert {one["orgUnitPath"] for one in units} == {"/Sales", "/Press", "/Press/Cider"}
    path = "/customer/my_customer/roleassignments"
    assert len(google.directory("GET", path, params={"userKey": ADMIN}).json()["items"]) == 1
    assert "items" not in google.directory("GET", path, params={"userKey": ORDINARY}).json()
    assert google.directory("GET", path, subject=DELEGATED).status_code == 403


def test_mail_exchangers(google: GoogleCaller) -> None:
    (server,) = json.loads(google.sims.settings["FOOTPRINT_DNS__NAMESERVERS"])
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = server.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    resolver.lifetime = 0.5

    def hosts(name: str) -> list[tuple[int, str]]:
        return [(one.preference, str(one.exchange)) for one in resolver.resolve(name, "MX")]

    assert hosts("orchard.example") == hosts("orchard-mail.example") == [(1, "smtp.google.com.")]
    with pytest.raises(dns.resolver.NoAnswer):
        hosts("pending.orchard.example")
    google.behave(mx={"orchard.example": [[10, "mx.filter.example.net"]]})
    assert hosts("orchard.example") == [(10, "mx.filter.example.net.")]
    google.behave(dns="silent")
    with pytest.raises(dns.resolver.LifetimeTimeout):
        hosts("orchard.example")


# Groups


def test_the_life_of_a_group(google: GoogleCaller) -> None:
    before = google.snapshot()
    made = google.new_group()
    assert (made["kind"], made["directMembersCount"], made["adminCreated"]) == ("admin#directory#group", "0", True)
    assert google.directory("GET", f"/groups/{NEW_GROUP['email'].upper()}").json() == made
    changed = google.directory("PATCH", f"/groups/{made['id']}", {"name": "Other", "email": "other@orchard.example"})
    assert (changed.json()["name"], changed.json()["aliases"]) == ("Other", [NEW_GROUP["email"]])
    assert changed.json()["etag"] != made["etag"]
    assert google.directory("GET", f"/groups/{NEW_GROUP['email']}").json()["email"] == "other@orchard.example"
    answer = google.directory("DELETE", f"/groups/{NEW_GROUP['email']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(google.directory("DELETE", f"/groups/{made['id']}")) == (404, "notFound", f"{NOT_FOUND}groupKey")
    assert google.snapshot() == before
    names = [one["events"][0]["name"] for one in google.customer_state().audit]
    assert [one for one in names if one.endswith("_GROUP")] == ["CREATE_GROUP", "DELETE_GROUP"]
    actor = next(
        one["actor"]["email"] for one in google.customer_state().audit if one["events"][0]["name"] == "CREATE_GROUP"
    )
    assert actor == ADMIN


@pytest.mark.parametrize(
    "address", ["sales@orchard.example", "SALES@orchard.example", ADMIN, "admin@orchard.example.test-google-a.com"]
)
def test_an_address_is_given_once(google: GoogleCaller, address: str) -> None:
    answer = google.directory("POST", "/groups", NEW_GROUP | {"email": address})
    assert refusal(answer) == (409, "duplicate", "Entity already exists.")


def test_groups_are_listed(google: GoogleCaller) -> None:
    assert len(google.rows("/groups", "groups", customer="my_customer", maxResults=3)) == 8
    assert len(google.rows("/groups", "groups", domain="orchard.example")) == 8
    own = google.rows("/groups", "groups", customer="my_customer", query=f"name='{NEW_GROUP['name']}'")
    assert [one["email"] for one in own] == ["tmcas-own@orchard.example"]
    nested = google.rows("/groups", "groups", userKey="cider@orchard.example")
    assert [one["email"] for one in nested] == ["production@orchard.example"]
    assert google.directory("GET", "/groups", params={"customer": HARBOUR}).status_code == 403
    assert google.directory("GET", "/groups/team-00@harbour.example").status_code == 403


def test_a_new_group_takes_a_while_to_be_seen(google: GoogleCaller) -> None:
    google.behave(group_visible_seconds=30)
    made = google.new_group()
    missing = (404, "notFound", f"{NOT_FOUND}groupKey")
    assert refusal(google.directory("GET", f"/groups/{made['id']}")) == missing
    assert refusal(google.join(made["id"], email=ADMIN)) == missing
    assert google.groups_settings("GET", NEW_GROUP["email"]).status_code == 404
    assert len(google.rows("/groups", "groups", **MINE)) == 8
    assert google.directory("POST", "/groups", NEW_GROUP).status_code == 409
    google.advance(31)
    assert google.directory("GET", f"/groups/{made['id']}").json()["id"] == made["id"]
    assert google.join(made["id"], email=ADMIN).status_code == 200
    assert len(google.rows("/groups", "groups", **MINE)) == 9


# Members


def test_members_of_every_kind(google: GoogleCaller) -> None:
    key = google.new_group()["id"]
    kinds = {
        "USER": google.join(key, email=ADMIN, role="OWNER").json(),
        "GROUP": google.join(key, email="cider@orchard.example").json(),
        "EXTERNAL": google.join(key, email="Bob@partner.example").json(),
        "CUSTOMER": google.join(key, id=google.tenant).json(),
    }
    assert {kind: one["type"] for kind, one in kinds.items()} == {kind: kind for kind in kinds}
    assert (kinds["USER"]["role"], kinds["GROUP"]["role"], kinds["USER"]["status"]) == ("OWNER", "MEMBER", "ACTIVE")
    assert "email" not in kinds["CUSTOMER"]
    assert google.directory("GET", f"/groups/{key}").json()["directMembersCount"] == "4"
    listed = google.rows(f"/groups/{key}/members", "members", maxResults=1)
    assert {one["id"] for one in listed} == {one["id"] for one in kinds.values()}
    assert [one["email"] for one in google.rows(f"/groups/{key}/members", "members", roles="OWNER")] == [ADMIN]
    assert google.directory("GET", f"/groups/{key}/members/bob@partner.example").json()["type"] == "EXTERNAL"
    changed = google.directory("PATCH", f"/groups/{key}/members/{ADMIN}", {"role": "MANAGER"})
    assert changed.json()["role"] == "MANAGER"
    for one in kinds.values():
        assert google.directory("DELETE", f"/groups/{key}/members/{one['id']}").status_code == 204
    gone = google.directory("DELETE", f"/groups/{key}/members/{ADMIN}")
    assert refusal(gone) == (404, "notFound", f"{NOT_FOUND}memberKey")
    assert "members" not in google.directory("GET", f"/groups/{key}/members").json()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "nobody@orchard.example"}, (404, "notFound")),
        ({"id": "123"}, (404, "notFound")),
        ({"email": "nonsense@"}, (400, "invalid")),
        ({"email": "coral.bay@orchard.example", "role": "BOSS"}, (400, "invalid")),
        ({"email": "coral.bay@orchard.example", "rank": 1}, (400, "badRequest")),
        ({"email": "production@orchard.example"}, (412, "conditionNotMet")),
        ({"email": "cider@orchard.example"}, (412, "conditionNotMet")),
    ],
)
def test_members_that_are_refused(google: GoogleCaller, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(google.join("cider@orchard.example", **body))[:2] == expected


@pytest.mark.parametrize(
    ("knob", "expected"),
    [
        ("duplicate", (409, "duplicate", "Member already exists.")),
        ("conflict", (409, "conflict", "Conflict")),
        ("condition", (412, "conditionNotMet", "Condition not met")),
    ],
)
def test_who_is_there_already(google: GoogleCaller, knob: str, expected: tuple[int, str, str]) -> None:
    google.behave(member_conflict=knob)
    assert refusal(google.join("management@orchard.example", email=ADMIN)) == expected
    assert google.directory("GET", f"/groups/management@orchard.example/members/{ADMIN}").status_code == 200


def test_derived_members(google: GoogleCaller) -> None:
    path = "/groups/production@orchard.example/members"
    assert len(google.rows(path, "members")) == 5
    derived = google.rows(path, "members", includeDerivedMembership="true", maxResults=2)
    assert len(derived) > len({one["id"] for one in derived})
    google.behave(derived_members_twice=False)
    single = google.rows(path, "members", includeDerivedMembership="true")
    assert {one["id"] for one in single} == {one["id"] for one in derived}
    assert len(single) == len({one["id"] for one in single})
    nested = next(one["email"] for one in google.rows("/groups/cider@orchard.example/members", "members"))
    assert google.directory("GET", f"/groups/production@orchard.example/hasMember/{nested}").json() == {
        "isMember": True
    }
    assert google.directory("GET", f"/groups/sales@orchard.example/hasMember/{nested}").json() == {"isMember": False}
    assert google.directory("GET", "/groups/sales@orchard.example/hasMember/x@elsewhere.example").status_code == 400


# Groups Settings


def test_settings_are_strings(google: GoogleCaller) -> None:
    address = google.new_group()["email"]
    assert google.groups_settings("GET", address).json()["allowExternalMembers"] == "false"
    locked = {"archiveOnly": "true", "includeInGlobalAddressList": "false", "whoCanJoin": "INVITED_CAN_JOIN"}
    changed = google.groups_settings("PATCH", address, locked).json()
    assert changed["whoCanPostMessage"] == "NONE_CAN_POST"
    assert google.groups_settings("GET", address).json() == changed
    for wrong in ({"archiveOnly": True}, {"archiveOnly": "yes"}, {"whoCanJoin": "NOBODY"}, {"colour": "red"}):
        assert google.groups_settings("PATCH", address, wrong).status_code == 400
    assert google.groups_settings("GET", "nobody@orchard.example").status_code == 404
    assert google.groups_settings("GET", "team-00@harbour.example").status_code == 403
    # Who does not ask for JSON gets what this API always gave.
    atom = google.groups_settings("GET", address, params=None)
    assert atom.headers["content-type"].startswith("application/atom+xml")
