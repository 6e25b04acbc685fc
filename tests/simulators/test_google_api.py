"""What all of Google's APIs have in common: strictness, masks, recorded calls, faults, and the control API."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from infra.local.simulators.google.api import discovery
from infra.local.simulators.google.api.schema import as_sent
from infra.local.simulators.google.application import SCOPES
from infra.local.simulators.google.seeds import HARBOUR
from tests.simulators.google_caller import NEW_GROUP, PREFIX, GoogleCaller, refusal

ADMIN = "admin@orchard.example"
DELEGATED = "agate.aspen@orchard.example"
ORDINARY = "coral.bay@orchard.example"
UNKNOWN = "ya29.unknown"
MINE = {"customer": "my_customer"}


# The frame


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/users", MINE | {"pageSize": 10}),
        ("/users", MINE | {"maxResults": 501}),
        ("/users", MINE | {"maxResults": 0}),
        ("/users", MINE | {"maxResults": "many"}),
        ("/users", MINE | {"orderBy": "age"}),
        ("/users", MINE | {"showDeleted": "perhaps"}),
        ("/users", MINE | {"fields": "users(id,shoeSize)"}),
        ("/users", MINE | {"fields": "users(id"}),
        ("/users", MINE | {"pageToken": "nonsense"}),
        ("/users", MINE | {"query": "just words"}),
        ("/users", [("customer", "my_customer"), ("customer", "my_customer")]),
        ("/users", {}),
        ("/groups", MINE | {"maxResults": 201}),
        ("/groups", MINE | {"userKey": ADMIN}),
        ("/groups/sales@orchard.example/members", {"maxResults": 201}),
        ("/groups/sales@orchard.example/members", {"roles": "BOSS"}),
        ("/groups/sales@orchard.example/members", {"includeDerivedMembership": "yes"}),
    ],
)
def test_questions_that_do_not_fit(google: GoogleCaller, path: str, params: Any) -> None:
    answer = google.directory("GET", path, params=params)
    assert answer.status_code == 400
    assert "status" not in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "No address"},
        NEW_GROUP | {"colour": "red"},
        NEW_GROUP | {"name": 5},
        NEW_GROUP | {"adminCreated": "true"},
        NEW_GROUP | {"email": "no address"},
        NEW_GROUP | {"email": "virtual@elsewhere.example"},
        NEW_GROUP | {"email": "virtual@pending.orchard.example"},
        NEW_GROUP | {"description": "x" * 4097},
        [NEW_GROUP],
    ],
)
def test_bodies_that_do_not_fit(google: GoogleCaller, body: Any) -> None:
    assert google.directory("POST", "/groups", body).status_code == 400


def test_forms_of_a_body(google: GoogleCaller) -> None:
    url, headers = (
        f"{google.url('ADMIN_URL')}/admin/directory/v1/groups",
        {"authorization": f"Bearer {google.token(ADMIN)}"},
    )

    def posted(content: bytes, kind: str) -> httpx.Response:
        return google.client.post(url, content=content, headers=headers | {"content-type": kind})

    assert posted(b'{"email": "a@orchard.example"}', "text/plain").status_code == 400
    assert refusal(posted(b"{", "application/json"))[1] == "parseError"
    assert google.directory("GET", "/nonsense").headers["content-type"].startswith("text/html")
    assert google.directory("POST", "/users/watch", {"id": "x"}, params=MINE).status_code == 501
    assert google.directory("POST", f"/users/{ADMIN}/signOut").status_code == 501
    assert google.directory("GET", "/users", params=MINE | {"alt": "media"}).status_code == 501


def test_credentials_and_scopes(google: GoogleCaller) -> None:
    unknown = google.directory("GET", "/users", params=MINE, token=UNKNOWN)
    assert refusal(unknown) == (401, "authError", "Invalid Credentials")
    answer = google.directory("GET", "/users", params=MINE, scopes=[f"{PREFIX}admin.directory.group"])
    assert refusal(answer)[:2] == (403, "insufficientPermissions")
    assert f"{PREFIX}admin.directory.user.readonly" in answer.headers["www-authenticate"]
    assert "status" in google.gmail("GET", "/users/me/profile", token=UNKNOWN).json()["error"]


def test_newer_apis_give_the_reason_in_the_details(google: GoogleCaller) -> None:
    answer = google.cloudidentity("GET", "/v1/policies", scopes=[f"{PREFIX}gmail.labels"])
    assert reason_in_details(answer) == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    google.control("POST", "/disabled-services", {"hosts": ["cloudidentity", "admin"]})
    assert reason_in_details(google.cloudidentity("GET", "/v1/policies")) == "SERVICE_DISABLED"
    assert refusal(google.directory("GET", "/users", params=MINE))[:2] == (403, "accessNotConfigured")
    google.control("POST", "/disabled-services", {"hosts": []})
    assert google.directory("GET", "/users", params=MINE).status_code == 200


def reason_in_details(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert (answer.status_code, error["status"], "errors" in error) == (403, "PERMISSION_DENIED", False)
    (info,) = error["details"]
    assert info["@type"].endswith("/google.rpc.ErrorInfo")
    return str(info["reason"])


@pytest.mark.parametrize(("who", "status"), [(ADMIN, 200), (DELEGATED, 200), (ORDINARY, 403), (None, 403)])
def test_who_may_ask(google: GoogleCaller, who: str | None, status: int) -> None:
    scopes = SCOPES if who is None else ()
    answer = google.directory("GET", "/users", params=MINE, subject=who, scopes=scopes)
    assert answer.status_code == status
    if status == 403:
        assert refusal(answer) == (403, "forbidden", "Not Authorized to access this resource/api")


def test_masks(google: GoogleCaller) -> None:
    def left(mask: str) -> dict[str, Any]:
        answer = google.directory("GET", "/users", params=MINE | {"maxResults": 1, "fields": mask})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert set(left("nextPageToken,users(id,name/fullName)")) == {"nextPageToken", "users"}
    assert left("users(id,name/fullName)")["users"][0].keys() == {"id", "name"}
    assert left("users/name/givenName") == left("users(name(givenName))")
    assert set(left("users/name/*")["users"][0]["name"]) == {"givenName", "familyName", "fullName"}
    assert "kind" in left("*")


def test_answers_fit_the_discovery_documents(google: GoogleCaller) -> None:
    made = google.new_group()
    google.join(made["id"], email=ADMIN)
    google.granted(ADMIN)
    paths = {
        "directory.users.list": "/users?customer=my_customer",
        "directory.users.get": f"/users/{ADMIN}",
        "directory.groups.list": "/groups?customer=my_customer",
        "directory.groups.get": f"/groups/{made['id']}",
        "directory.members.list": f"/groups/{made['id']}/members",
        "directory.members.get": f"/groups/{made['id']}/members/{ADMIN}",
        "directory.domains.list": "/customer/my_customer/domains",
        "directory.domainAliases.list": "/customer/my_customer/domainaliases",
        "directory.customers.get": "/customers/my_customer",
        "directory.orgunits.list": "/customer/my_customer/orgunits?type=all",
        "directory.roles.list": "/customer/my_customer/roles",
        "directory.roleAssignments.list": "/customer/my_customer/roleassignments",
        "directory.tokens.list": f"/users/{ADMIN}/tokens",
    }
    by_id = {one.id: one for one in discovery.methods()}
    for name, path in paths.items():
        # The application asks for no right to read the organisational units; the administrator needs none.
        ask = google.customer if "orgunits" in path else google.directory
        answer = ask("GET", path)
        assert answer.status_code == 200, (name, answer.text)
        method = by_id[name]
        assert method.response is not None
        assert as_sent(method, answer.json(), method.response) == answer.json(), name
        assert {"kind", "etag"} <= set(answer.json()), name


def test_what_was_asked_is_recorded(google: GoogleCaller) -> None:
    google.token(ADMIN)
    google.sims.cloud.calls.clear()
    google.directory("GET", "/groups", params=MINE)
    google.new_group()
    first, second = google.sims.cloud.calls
    assert (first.host, first.query, first.tenant) == ("admin", "customer=my_customer", google.tenant)
    assert json.loads(second.body) == NEW_GROUP


# Faults and control


def test_faults_of_listings(google: GoogleCaller) -> None:
    def users(kind: str, **more: Any) -> httpx.Response:
        google.fault(kind, host="admin", path="/users$", more=more)
        return google.directory("GET", "/users", params=MINE | {"maxResults": 500})

    half = users("half_listing").json()
    assert (len(half["users"]), "nextPageToken" in half) == (30, False)
    cut = users("page_cut").json()
    assert (len(cut["users"]), "nextPageToken" in cut) == (30, True)
    empty = users("empty_page_with_next_token").json()
    assert "users" not in empty
    following = MINE | {"maxResults": 500, "pageToken": empty["nextPageToken"]}
    assert len(google.directory("GET", "/users", params=following).json()["users"]) == 60
    assert users("empty_listing").json()["users"] == []
    assert users("foreign_next_link").json()["users"]
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        users("truncated_json").json()
    assert refusal(users("status", status=503)) == (503, "backendError", "Backend Error")
    assert users("html").headers["content-type"] == "text/html"


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, (403, "userRateLimitExceeded")), ({"as": 429}, (429, "rateLimitExceeded"))],
)
def test_throttling(google: GoogleCaller, more: dict[str, Any], expected: tuple[int, str]) -> None:
    google.token(ADMIN)
    google.fault("throttle", more=more, tenant=google.tenant)
    assert refusal(google.directory("GET", "/users", params=MINE))[:2] == expected
    google.fault("throttle", more=more, host="oauth2", tenant=google.tenant)
    assert google.delegated(ADMIN).json()["error"] == "rate_limit_exceeded"
    google.fault("throttle", more=more, host="oauth2", tenant=HARBOUR)
    assert google.delegated(ADMIN).status_code == 200


def test_the_customers_own_administrator(google: GoogleCaller) -> None:
    assert google.customer("DELETE", "/groups/sales@orchard.example").status_code == 204
    answer = google.customer("PATCH", "/groups/v1/groups/all@orchard.example", {"archiveOnly": "true"})
    assert answer.json()["whoCanPostMessage"] == "NONE_CAN_POST"
    assert google.customer("GET", "/users?customer=my_customer&maxResults=5").json()["nextPageToken"]
    assert google.customer("GET", "/nonsense").status_code == 404
    entry = google.customer_state().audit[-1]
    assert "DELETE_GROUP" in [one["events"][0]["name"] for one in google.customer_state().audit]
    assert entry["id"]["applicationName"] == "admin"


def test_both_platforms_are_listed(google: GoogleCaller) -> None:
    listed = google.control("GET", "/tenants").json()
    assert {one["platform"] for one in listed} == {"microsoft365", "google"}
    assert listed == google.sims.tenants()
    assert google.control("GET", "/tenants/orchard-mail.example/snapshot").text == google.snapshot()
    assert google.control("POST", f"/tenants/{google.tenant}/behaviour", {"nonsense": 1}).status_code == 400
    assert google.control("POST", f"/tenants/{google.tenant}/cmdlet", {}).status_code == 404


def test_a_saved_moment_comes_back_whole(google: GoogleCaller) -> None:
    google.token(ADMIN)
    before, saved = google.snapshot(), google.sims.cloud.save()
    for _ in range(2):
        key = google.new_group()["id"]
        google.join(key, email=ADMIN)
        google.join("sales@orchard.example", email=ADMIN)
        google.behave(member_conflict="conflict")
        assert google.snapshot() != before
        google.sims.cloud.restore(saved)
        assert google.snapshot() == before
