"""Exchange's listings are whole or raise, and what is sent is sent once."""

from typing import Any

import pytest

from shared.foundation.errors import Permanent, Temporary
from shared.platforms.microsoft365.exchange import Exchange, add, remove
from tests.harness.exchange import TENANT, page
from tests.harness.recorded_exchange import MORE
from tests.harness.scripted_host import Host, Say


@pytest.mark.hazard(1)
async def test_a_listing_that_is_cut_short_is_not_returned(exchange: Exchange, host: Host) -> None:
    host.says(page("a", warnings=(MORE,)))
    with pytest.raises(Temporary, match="incomplete_listing"):
        await exchange.invoke("Get-TransportRule")


@pytest.mark.hazard(1)
async def test_a_later_page_that_fails_fails_the_listing(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next"), Say(status=500))
    with pytest.raises(Temporary, match="platform_unavailable"):
        await exchange.invoke("Get-TransportRule")


@pytest.mark.hazard(1)
async def test_a_listing_without_end_is_a_failure(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next", warnings=(MORE,)))
    with pytest.raises(Temporary, match="incomplete_listing"):
        await exchange.invoke("Get-TransportRule")


@pytest.mark.hazard(23)
async def test_a_foreign_next_link(exchange: Exchange, host: Host, other: Host) -> None:
    host.says(page("a", link=f"{other.url}/adminapi/beta/{TENANT}/InvokeCommand?$skiptoken=1"))
    with pytest.raises(Permanent, match="foreign_link"):
        await exchange.invoke("Get-TransportRule")
    assert other.seen == []


async def test_pages_are_asked_with_the_same_body(exchange: Exchange, host: Host) -> None:
    link = f"{host.url}/adminapi/beta/{TENANT}/InvokeCommand?%24skiptoken=1"
    host.says(page("a", link=link, warnings=(MORE, "Mind the step.")), page("b"))
    answer = await exchange.invoke("Get-TransportRule", State="Enabled")
    assert answer.rows == [{"Name": "a", "Priority": 0}, {"Name": "b", "Priority": 0}]
    assert (answer.warnings, answer.request_id) == (["Mind the step."], "r-1")
    first, second = host.seen
    assert (second.method, second.body) == ("POST", first.body)
    assert first.headers["connection-id"] == second.headers["connection-id"]
    assert first.headers["client-request-id"] != second.headers["client-request-id"]


EXPIRED = Say(status=400, body={"error": {"code": "BadRequest", "message": "Expired or Invalid pagination request."}})


async def test_an_expired_page_begins_the_listing_again_once(exchange: Exchange, host: Host) -> None:
    link = f"{host.url}/next"
    host.says(page("a", link=link), EXPIRED, page("a", link=link), page("b"))
    assert [row["Name"] for row in (await exchange.invoke("Get-TransportRule")).rows] == ["a", "b"]


async def test_a_page_that_expires_twice_is_tried_another_time(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next"), EXPIRED, page("a", link=f"{host.url}/next"), EXPIRED)
    with pytest.raises(Temporary, match=r"exchange_pages_refused: .*Get-TransportRule"):
        await exchange.invoke("Get-TransportRule")
    assert len(host.seen) == 4


async def test_what_is_sent(exchange: Exchange, host: Host) -> None:
    host.says(page())
    await exchange.invoke("Get-OrganizationConfig")
    (seen,) = host.seen
    assert seen.path == f"/adminapi/beta/{TENANT}/InvokeCommand"
    assert seen.json() == {"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}}
    assert seen.headers["x-cmdletname"] == "Get-OrganizationConfig"
    assert seen.headers["x-anchormailbox"] == f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT}"
    assert seen.headers["x-responseformat"] == "json"
    assert seen.headers["prefer"] == "odata.maxpagesize=1000"
    assert seen.headers["accept-language"] == "en-US"
    assert seen.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("cmdlet", "added"),
    [
        ("Get-TransportRule", {"ResultSize": "Unlimited"}),
        ("Get-AcceptedDomain", {"ResultSize": "Unlimited"}),
        ("Get-UnifiedGroup", {"ResultSize": "Unlimited"}),
        ("Get-TenantAllowBlockListSpoofItems", {}),
        ("Remove-TransportRule", {"Confirm": False}),
        ("Disable-TransportRule", {"Confirm": False}),
        ("Remove-TenantAllowBlockListItems", {}),
        ("New-TransportRule", {}),
    ],
)
async def test_what_is_added_to_a_cmdlets_parameters(
    exchange: Exchange, host: Host, cmdlet: str, added: dict[str, Any]
) -> None:
    host.says(page())
    await exchange.invoke(cmdlet, Name="a")
    assert host.seen[0].json()["CmdletInput"]["Parameters"] == {"Name": "a"} | added


def test_shared_lists_are_changed_by_element() -> None:
    assert add("192.0.2.0/28") == {"@odata.type": "#Exchange.GenericHashTable", "Add": ["192.0.2.0/28"]}
    assert remove("a", "b") == {"@odata.type": "#Exchange.GenericHashTable", "Remove": ["a", "b"]}


@pytest.mark.parametrize(("cmdlet", "requests"), [("Get-TransportRule", 3), ("New-TransportRule", 1)])
@pytest.mark.parametrize("say", [Say(act="drop"), Say(status=500)])
async def test_only_reads_are_sent_again_after_a_lost_answer(
    exchange: Exchange, host: Host, cmdlet: str, requests: int, say: Say
) -> None:
    host.says(say)
    with pytest.raises(Temporary):
        await exchange.invoke(cmdlet)
    assert len(host.seen) == requests


async def test_a_change_is_never_run_again_to_see_its_next_page(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next"))
    await exchange.invoke("New-TransportRule", Name="a")
    assert len(host.seen) == 1
