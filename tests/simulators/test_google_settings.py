"""What an administrator sets: the policies the API shows, and the routes and the gateway it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.google_caller import GoogleCaller
from tests.simulators.google_settings import ADMIN, RULE, activities, ask_policies, parameters, policies, rules

# Policies


def test_a_page_may_be_empty(google: GoogleCaller) -> None:
    google.administer("add-rule")
    whole = policies(google, "")
    assert [one["name"] for one in policies(google, "", pageSize=2)] == [one["name"] for one in whole]
    assert len({one["name"] for one in whole}) == len(whole) > 1
    first = ask_policies(google).json()
    second = ask_policies(google, pageToken=first["nextPageToken"]).json()
    assert "policies" not in second
    assert "nextPageToken" in second
    google.behave(policy_empty_pages=False)
    assert "nextPageToken" not in ask_policies(google).json()


@pytest.mark.parametrize(
    ("filter_", "status"),
    [
        ("", 200),
        ('customer == "customers/my_customer"', 200),
        ("customer == 'customers/C01orchard' && setting.type.matches('gmail')", 200),
        ('customer == "customers/C02harbour"', 403),
        ("setting.type.matches('^settings/gmail\\.')", 400),
        ("setting.type.matches('(')", 400),
        ("setting.type == 'settings/gmail.content_compliance'", 400),
        ("customer == \"customers/my_customer\" || setting.type.matches('gmail')", 400),
    ],
)
def test_filters(google: GoogleCaller, filter_: str, status: int) -> None:
    assert ask_policies(google, filter=filter_).status_code == status


def test_filter_by_type(google: GoogleCaller) -> None:
    google.administer("add-rule")
    kinds = {one["setting"]["type"] for one in policies(google)}
    assert "settings/gmail.content_compliance" in kinds
    assert all(one.startswith("settings/gmail.") for one in kinds)


def test_only_super_administrators_read_policies(google: GoogleCaller) -> None:
    google.administer("add-user", email="olive.spinel@orchard.example", name="Olive Spinel")
    answer = ask_policies(google, subject="olive.spinel@orchard.example")
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert ask_policies(google, pageSize=101).status_code == 400


def test_one_read_a_second(google: GoogleCaller) -> None:
    google.behave(policy_rate=1)
    assert ask_policies(google).status_code == 200
    answer = ask_policies(google)
    assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "Quota exceeded" in answer.json()["error"]["message"]
    google.advance(1.5)
    assert ask_policies(google).status_code == 200


def test_a_policy_by_name(google: GoogleCaller) -> None:
    known = policies(google, "")[0]
    assert google.cloudidentity("GET", f"/v1/{known['name']}", subject=ADMIN).json() == known
    assert google.cloudidentity("GET", "/v1/policies/none", subject=ADMIN).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_policies_are_not_written(google: GoogleCaller, method: str) -> None:
    scopes = ["https://www.googleapis.com/auth/cloud-identity.policies"]
    google.administer("authorise-delegation", scopes=scopes)
    google.administer("add-rule")
    name = next(key for key, one in google.customer_state().policies.items() if "gmail" in one["setting"]["type"])
    path = "/v1/policies" if method == "POST" else f"/v1/{name}"
    body = None if method == "DELETE" else {"setting": {"type": "settings/gmail.content_compliance", "value": {}}}
    answer = google.cloudidentity(method, path, body, subject=ADMIN, scopes=scopes)
    assert answer.status_code == 400


def test_a_rule_from_making_to_deleting(google: GoogleCaller) -> None:
    before = google.snapshot()
    google.administer("add-rule")
    known = rules(google)[RULE]
    google.administer("rename-rule", to="Mail scanner")
    assert (rules(google).get("Mail scanner"), RULE in rules(google)) == (known, False)
    google.administer("rename-rule", name="Mail scanner", to=RULE)
    google.administer("disable-rule")
    assert rules(google)[RULE] == known  # a disabled rule is there
    states = [one["setting"]["value"] for one in policies(google) if one["setting"]["type"].endswith("rule_states")]
    assert {"ruleId": known, "enabled": False} in [state for one in states for state in one["ruleStates"]]
    google.administer("enable-rule")
    states = [one["setting"]["value"] for one in policies(google) if one["setting"]["type"].endswith("rule_states")]
    assert {"ruleId": known, "enabled": True} in [state for one in states for state in one["ruleStates"]]
    google.administer("delete-rule")
    assert RULE not in rules(google)
    assert google.snapshot() == before
    names = [
        one["events"][0]["name"] for one in activities(google, "admin", filters=f"USER_DEFINED_SETTING_NAME=={RULE}")
    ]
    assert names == ["DELETE_GMAIL_SETTING", "CHANGE_GMAIL_SETTING", "CREATE_GMAIL_SETTING"]
    deleted = activities(google, "admin", eventName="DELETE_APPLICATION_SETTING")
    assert known in str(deleted)


def test_what_makes_rules_hard_to_see(google: GoogleCaller) -> None:
    google.behave(rule_description_padding=2, empty_rule_policy_kept=True)
    google.administer("add-rule")
    assert f"{RULE}  " in rules(google)
    google.administer("delete-rule")
    assert not [name for name in rules(google) if name.strip() == RULE]


def test_rules_of_several_parts_of_the_organisation(google: GoogleCaller) -> None:
    units = list(google.customer_state().org_units.values())
    assert len(units) > 1
    for unit in units[:2]:
        google.administer("add-rule", org_unit=unit["orgUnitPath"])
    holding = [one for one in policies(google) if RULE in str(one["setting"]["value"])]
    assert len({one["policyQuery"]["orgUnit"] for one in holding}) == 2
    google.administer("delete-rule")
    assert RULE not in rules(google)


# Routes and the gateway, which only the log tells of


def test_routes_and_the_gateway_leave_entries_only(google: GoogleCaller) -> None:
    before, shown = google.snapshot(), policies(google, "")
    google.administer("add-route", name="TMCAS inbound", host="in.scanner.example")
    google.administer("add-gateway", ips=["203.0.113.16"])
    assert google.snapshot() != before
    assert policies(google, "") == shown
    google.administer("remove-route", name="TMCAS inbound")
    google.administer("remove-gateway")
    assert google.snapshot() == before
    entries = activities(google, "admin", filters="SETTING_NAME==EMAIL_ROUTE")
    assert [one["events"][0]["name"] for one in entries] == ["DELETE_GMAIL_SETTING", "CREATE_GMAIL_SETTING"]
    assert parameters(entries[0])["USER_DEFINED_SETTING_NAME"] == "TMCAS inbound"
    assert len(activities(google, "admin", filters="SETTING_NAME==INBOUND_GATEWAY")) == 2


@pytest.mark.parametrize(
    "wish",
    [
        {"action": "remove-gateway"},
        {"action": "remove-route"},
        {"action": "delete-rule"},
        {"action": "uninstall-app"},
        {"action": "suspend-user", "user": "nobody@orchard.example"},
        {"action": "add-user", "email": ADMIN, "name": "A B"},
        {"action": "add-user", "email": "a.b@elsewhere.example", "name": "A B"},
        {"action": "dance"},
    ],
)
def test_wishes_that_make_no_sense(bare_google: GoogleCaller, wish: dict[str, Any]) -> None:
    assert bare_google.control("POST", f"/tenants/{bare_google.tenant}/admin", wish).status_code == 400
