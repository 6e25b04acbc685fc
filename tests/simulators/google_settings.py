"""A customer's settings for the tests, as they are read: policies, and what the audit log says."""

from __future__ import annotations

from typing import Any

import httpx

from tests.simulators.google_caller import GoogleCaller

ADMIN = "admin@orchard.example"
RULE = "TMCAS Content Compliance Rule for Incoming Messages"
GMAIL_ONLY = "customer == \"customers/my_customer\" && setting.type.matches('^settings/gmail\\\\..*$')"
REPORTS = "/admin/reports/v1/activity/users/all/applications"


def policies(google: GoogleCaller, filter_: str = GMAIL_ONLY, **query: Any) -> list[dict[str, Any]]:
    """Follow the listing to its end, over pages of nothing."""
    found, token = [], ""
    while True:
        more = {"pageToken": token} if token else {}
        answer = google.cloudidentity("GET", "/v1/policies", subject=ADMIN, params={"filter": filter_, **query, **more})
        assert answer.status_code == 200, answer.text
        found += answer.json().get("policies", [])
        if not (token := answer.json().get("nextPageToken", "")):
            return found


def rules(google: GoogleCaller) -> dict[str, str]:
    """Return the compliance rules of all policies: identity by name."""
    values = [one["setting"]["value"] for one in policies(google)]
    return {rule["description"]: rule["ruleId"] for one in values for rule in one.get("contentComplianceRules", [])}


def activities(google: GoogleCaller, application: str, **query: Any) -> list[dict[str, Any]]:
    found, token = [], ""
    while True:
        more = {"pageToken": token} if token else {}
        answer = google.admin("GET", f"{REPORTS}/{application}", subject=ADMIN, params={**query, **more})
        assert answer.status_code == 200, answer.text
        found += answer.json().get("items", [])
        if not (token := answer.json().get("nextPageToken", "")):
            return found


def parameters(activity: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value", one) for what in activity["events"] for one in what["parameters"]}


def ask_policies(google: GoogleCaller, subject: str = ADMIN, **query: Any) -> httpx.Response:
    return google.cloudidentity("GET", "/v1/policies", subject=subject, params=query)
