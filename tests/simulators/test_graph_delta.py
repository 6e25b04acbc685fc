"""Delta queries: rounds, replays, empty pages, members inside, and tokens that no longer hold."""

from __future__ import annotations

import pytest

from tests.simulators.caller import Caller

USERS = "/users/delta?$select=id,displayName,mail"
GROUPS = "/groups/delta?$select=id,displayName,members"


def test_full_round_repeats_items_across_pages(caller: Caller) -> None:
    caller.behave(graph_page_size=10)
    found, _ = caller.delta(USERS)
    assert len({one["id"] for one in found}) == 40
    assert len(found) > 40
    # A property that was never set is not there at all.
    assert sum("mail" not in one for one in {one["id"]: one for one in found}.values()) == 2


def test_changes_come_after_an_empty_page(caller: Caller) -> None:
    _, link = caller.delta("/users/delta()?$select=id,displayName&$deltatoken=latest")
    assert caller.graph("GET", link).json()["value"] == []
    made = caller.customer("POST", "/users", {"displayName": "New", "userPrincipalName": "new@contoso.com"})
    gone = caller.rows("/users?$select=id&$filter=displayName eq 'Amber Oak'")[0]["id"]
    caller.customer("DELETE", f"/users/{gone}")
    page = caller.graph("GET", link).json()
    assert page["value"] == []
    changes, later = caller.delta(page["@odata.nextLink"])
    by_id = {one["id"]: one for one in changes}
    assert by_id[made["id"]]["displayName"] == "New"
    assert by_id[gone]["@removed"] == {"reason": "changed"}
    caller.customer("DELETE", f"/directory/deletedItems/{gone}")
    assert {one["id"]: one for one in caller.delta(link)[0]}[gone]["@removed"] == {"reason": "deleted"}
    assert caller.delta(later)[0] == []


def test_cleared_properties_are_null_and_minimal_answers_hold_changes_only(caller: Caller) -> None:
    _, link = caller.delta(f"{USERS}&$deltatoken=latest")
    key = caller.rows("/users?$select=id&$filter=displayName eq 'Amber Elm'")[0]["id"]
    caller.customer("PATCH", f"/users/{key}", {"mail": None})
    assert caller.delta(link)[0] == [{"id": key, "displayName": "Amber Elm", "mail": None}]
    caller.behave(delta_empty_page=False)
    minimal = caller.graph("GET", link, Prefer="return=minimal").json()["value"]
    assert minimal == [{"id": key, "mail": None}]


def test_members_inside_and_one_group_over_several_pages(caller: Caller) -> None:
    caller.behave(graph_page_size=3)
    found, link = caller.delta(GROUPS)
    sales = caller.rows("/groups?$filter=displayName eq 'Finance'")[0]["id"]
    entries = [one for one in found if one["id"] == sales]
    assert len(entries) >= 2
    members = {member["id"] for one in entries for member in one["members@delta"]}
    assert len(members) == 6
    leaving = min(members)
    caller.graph("DELETE", f"/groups/{sales}/members/{leaving}/$ref")
    changed = {one["id"]: one for one in caller.delta(link)[0]}[sales]
    assert changed["members@delta"] == [
        {"@odata.type": "#microsoft.graph.user", "id": leaving, "@removed": {"reason": "deleted"}}
    ]
    assert caller.graph("GET", f"/users/{leaving}").status_code == 200


def test_a_full_round_of_a_large_directory(large: Caller) -> None:
    found, _ = large.delta("/users/delta?$select=id,mail")
    assert len({one["id"] for one in found}) == 20_000


def test_deleted_groups(caller: Caller) -> None:
    made = caller.new_group()["id"]
    _, link = caller.delta(GROUPS)
    caller.graph("DELETE", f"/groups/{made}")
    assert caller.delta(link)[0] == [{"id": made, "@removed": {"reason": "changed"}}]


def test_a_group_nobody_sees_yet_is_not_lost(caller: Caller) -> None:
    caller.behave(group_visible_in_graph_seconds=60)
    _, link = caller.delta(f"{GROUPS}&$deltatoken=latest")
    made = caller.new_group()["id"]
    found, link = caller.delta(link)
    assert found == []
    caller.advance(61)
    assert [one["id"] for one in caller.delta(link)[0]] == [made]


def test_a_token_lives_seven_days(caller: Caller) -> None:
    _, link = caller.delta(USERS)
    caller.advance(8 * 86_400)
    caller.tokens.clear()
    refused = caller.graph("GET", link)
    assert refused.status_code == 410
    again = caller.graph("GET", refused.headers["location"])
    assert len(again.json()["value"]) == 40
    assert "mail" in again.json()["value"][0] or "displayName" in again.json()["value"][0]


@pytest.mark.parametrize(("knob", "status"), [("syncStateNotFound", 400), ("resyncRequired", 410)])
def test_the_platform_may_forget_a_token_earlier(caller: Caller, knob: str, status: int) -> None:
    _, link = caller.delta(USERS)
    caller.behave(delta_error=knob)
    refused = caller.graph("GET", link)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, knob)


def test_only_identities_can_be_filtered(caller: Caller) -> None:
    keys = [one["id"] for one in caller.rows("/users?$select=id")][:2]
    text = " or ".join(f"id eq '{key}'" for key in keys)
    assert len(caller.delta(f"{USERS}&$filter={text}")[0]) == 2
    assert caller.graph("GET", f"{USERS}&$filter=displayName eq 'x'").status_code == 400
