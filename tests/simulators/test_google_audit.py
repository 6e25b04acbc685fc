"""The audit log, the Marketplace licence, and what the customer's people do that they tell of."""

from __future__ import annotations

import httpx
import pytest

from tests.simulators.google_caller import GoogleCaller
from tests.simulators.google_settings import ADMIN, REPORTS, activities, ask_policies, parameters

# The audit log


def test_the_log_pages_newest_first(google: GoogleCaller) -> None:
    google.administer("add-route", name="One", host="in.scanner.example")
    google.administer("remove-route", name="One")
    whole = activities(google, "admin")
    assert activities(google, "admin", maxResults=1) == whole
    moments = [one["id"]["time"] for one in whole]
    assert moments == sorted(moments, reverse=True)
    assert whole[0]["actor"]["callerType"] == "USER"
    assert google.admin("GET", f"{REPORTS}/admin", subject=ADMIN, params={"maxResults": 1001}).status_code == 400


def test_what_our_client_did(google: GoogleCaller) -> None:
    ask_policies(google)
    client = google.service_client_id
    entries = activities(google, "token", applicationInfoFilter=f'oAuthClientId="{client}"', eventName="activity")
    assert "cloudidentity.policies.list" in {parameters(one)["method_name"] for one in entries}
    assert {one["actor"]["email"] for one in entries} == {ADMIN}
    assert activities(google, "token", applicationInfoFilter='oAuthClientId="another"') == []
    assert activities(google, "token", filters=f"client_id=={client},method_name<>reports.activities.list") != []
    assert activities(google, "token", filters=f"client_id<>{client}") == []


def test_the_log_lags_and_is_cut_by_time(google: GoogleCaller) -> None:
    google.administer("add-route", name="One", host="in.scanner.example")
    query = {"filters": "USER_DEFINED_SETTING_NAME==One"}
    (entry,) = activities(google, "admin", **query)
    google.behave(audit_lag_seconds=600)
    assert activities(google, "admin", **query) == []
    google.advance(601)
    assert activities(google, "admin", **query) == [entry]
    moment = entry["id"]["time"]
    assert activities(google, "admin", startTime=moment, endTime=moment, **query) == [entry]
    assert activities(google, "admin", endTime="2020-01-01T00:00:00Z", startTime="2019-01-01T00:00:00Z", **query) == []


@pytest.mark.parametrize(
    ("application", "query", "status"),
    [
        ("gmail", {}, 501),
        ("nothing", {}, 400),
        ("admin", {"filters": "A~B"}, 400),
        ("admin", {"filters": "A>B"}, 400),
        ("admin", {"startTime": "yesterday"}, 400),
        ("token", {"applicationInfoFilter": "me"}, 400),
        ("admin", {"actorIpAddress": "203.0.113.9"}, 501),
        ("admin", {"customerId": "C02harbour"}, 403),
    ],
)
def test_what_the_log_refuses(google: GoogleCaller, application: str, query: dict[str, str], status: int) -> None:
    answer = google.admin("GET", f"{REPORTS}/{application}", subject=ADMIN, params=query)
    assert answer.status_code == status


def test_only_administrators_read_the_log(google: GoogleCaller) -> None:
    google.administer("add-user", email="olive.spinel@orchard.example", name="Olive Spinel")
    answer = google.admin("GET", f"{REPORTS}/admin", subject="olive.spinel@orchard.example")
    assert answer.status_code == 403


# The Marketplace


def license_of(google: GoogleCaller, domain: str, application: str = "") -> httpx.Response:
    key = application or google.sims.settings["FOOTPRINT_GOOGLE__MARKETPLACE_APP"]
    scopes = ["https://www.googleapis.com/auth/appsmarketplace.license"]
    return google.appsmarket("GET", f"/appsmarket/v2/customerLicense/{key}/{domain}", subject=None, scopes=scopes)


def test_a_licence_is_seen_without_the_customers_token(bare_google: GoogleCaller) -> None:
    assert license_of(bare_google, "orchard.example").json()["state"] == "UNLICENSED"
    bare_google.administer("install-app")
    found = license_of(bare_google, "orchard.example").json()
    assert (found["state"], found["customerId"]) == ("ACTIVE", "orchard.example")
    assert license_of(bare_google, "nowhere.example").json()["state"] == "UNLICENSED"
    assert license_of(bare_google, "orchard.example", "12345").status_code == 403
    bare_google.administer("uninstall-app")
    assert license_of(bare_google, "orchard.example").json()["state"] == "UNLICENSED"


def test_the_application_brings_its_scopes_and_takes_them(bare_google: GoogleCaller) -> None:
    before = bare_google.snapshot()
    bare_google.administer("install-app")
    assert ask_policies(bare_google).status_code == 200
    removed = activities(bare_google, "admin", eventName="AUTHORIZE_API_CLIENT_ACCESS")
    assert parameters(removed[0])["API_CLIENT_NAME"] == bare_google.service_client_id
    bare_google.administer("uninstall-app")
    assert bare_google.snapshot() == before
    # A delegation that was there by itself stays.
    bare_google.administer("authorise-delegation")
    bare_google.administer("install-app")
    bare_google.administer("uninstall-app")
    assert bare_google.service_client_id in bare_google.customer_state().delegations
    bare_google.administer("remove-delegation")
    assert bare_google.snapshot() == before


# People


def test_people_come_change_and_go(google: GoogleCaller) -> None:
    address = "olive.spinel@orchard.example"
    key = google.control(
        "POST", f"/tenants/{google.tenant}/admin", {"action": "add-user", "email": address, "name": "Olive Spinel"}
    ).json()["id"]
    states = [
        ("suspend-user", "suspended", True),
        ("restore-user", "suspended", False),
        ("archive-user", "archived", True),
        ("restore-user", "archived", False),
        ("promote-user", "isAdmin", True),
        ("demote-user", "isAdmin", False),
        ("mail-off", "isMailboxSetup", False),
        ("mail-on", "isMailboxSetup", True),
    ]
    for action, field, value in states:
        google.administer(action, user=address)
        assert google.customer_state().users[key][field] is value
    google.administer("delete-user", user=address)
    assert key not in google.customer_state().users
    assert "deletionTime" in google.customer_state().deleted_users[key]
    google.administer("restore-user", user=address)
    assert "deletionTime" not in google.customer_state().users[key]
    names = {one["events"][0]["name"] for one in activities(google, "admin", filters=f"USER_EMAIL=={address}")}
    assert {"CREATE_USER", "SUSPEND_USER", "DELETE_USER", "UNDELETE_USER", "GRANT_ADMIN_PRIVILEGE"} <= names


def test_a_person_removes_the_application_from_the_account(google: GoogleCaller) -> None:
    customer = google.customer_state()
    user = customer.user(ADMIN)
    assert user is not None
    client = google.sims.settings["FOOTPRINT_GOOGLE__CLIENT_ID"]
    customer.grants[f"{user['id']} {client}"] = {"scopes": ("openid",), "refresh_tokens": (), "at": "2026-01-01"}
    google.administer("revoke-grant", user=ADMIN)
    assert customer.grants == {}
    (entry,) = activities(google, "token", eventName="revoke")
    assert (parameters(entry)["client_id"], entry["actor"]["email"]) == (client, ADMIN)
    body = {"action": "revoke-grant", "user": ADMIN}
    assert google.control("POST", f"/tenants/{google.tenant}/admin", body).status_code == 400


def test_mail_reaches_nobody(google: GoogleCaller) -> None:
    for address in ("nobody@orchard.example", "ann@elsewhere.example"):
        body = {"to": address, "from": "ann@elsewhere.example", "subject": "Hello"}
        assert google.control("POST", f"/tenants/{google.tenant}/mail", body).status_code == 400
