"""Exchange's listings are whole or raise, and its failures mean what their innermost part says."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.http_client import Wire
from shared.platforms.microsoft365.entra import TokenRefused
from shared.platforms.microsoft365.exchange import AlreadyExists, Dehydrated, Exchange, add, remove
from tests.foundation.test_http_client import UNREADABLE
from tests.harness.scripted_host import Host, Say, StillClock

TENANT = "11111111-2222-4333-8444-555555555555"
TASKS = "Microsoft.Exchange.Configuration.Tasks."
MORE = "There are more results available than are currently displayed. To view them, increase the ResultSize."
NOT_FOUND = TASKS + "ManagementObjectNotFoundException"
ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"


class Minted:
    """A token whose claims a test chooses."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"roles": ["Exchange.ManageAsApp"], "wids": [ADMINISTRATOR]}

    async def __call__(self) -> str:
        return jwt.encode(self.claims, "k" * 32)


@pytest.fixture
def minted() -> Minted:
    return Minted()


@pytest.fixture
async def exchange(wire: Wire, host: Host, minted: Minted) -> AsyncIterator[Exchange]:
    async with wire.client(host.url) as http:
        yield Exchange(http, minted, TENANT)


def failure(status: int, kind: str, message: str, *, spelling: str = "internalexception") -> Say:
    inner = {"message": "Error executing cmdlet", spelling: {"message": message, "type": kind}}
    error = {"code": "BadRequest", "message": "Error executing cmdlet", "innererror": inner}
    return Say(status=status, body={"error": error})


def piped(status: int, text: str, **rest: Any) -> Say:
    details = [{"code": "Client", "target": "", "message": text}]
    return Say(status=status, body={"error": {"message": "Error executing cmdlet", "details": details, **rest}})


def page(*names: str, link: str | None = None, warnings: tuple[str, ...] = ()) -> Say:
    rows = [{"Name": name, "Priority@data.type": "System.Int32", "Priority": 0} for name in names]
    body: dict[str, Any] = {"@adminapi.warnings": list(warnings), "value": rows}
    return Say(body=body | ({"@odata.nextLink": link} if link else {}), headers={"request-id": "r-1"})


UNSURE = {
    "401": Say(status=401, body={"error": {"code": "Unauthorized", "message": ""}}),
    "401_empty": Say(status=401),
    "403_nul": Say(status=403, body=b"\x00" * 5000),
    "403_empty": Say(status=403),
    "403_named": failure(403, NOT_FOUND, "object 'X' couldn't be found"),
    "404_empty": Say(status=404),
    "404_html": Say(status=404, body=b"<html>"),
    "404_nul": Say(status=404, body=b"\x00" * 10),
    "404_other": failure(404, TASKS + "SomethingElseException", "couldn't be found"),
    "404_by_name": failure(404, TASKS + "OtherException", f"object '{NOT_FOUND}' is odd"),
    "404_segment": Say(status=404, body={"error": {"code": "NotFound", "message": "Resource not found"}}),
    "404_odd": Say(status=404, body={"error": "NotFound"}),
    "500_html": Say(status=500, body=b"<html>"),
    "500_named": failure(500, "System.Exception", "A server side error has occurred."),
    "503": Say(status=503),
    "429": Say(status=429),
    "302": Say(status=302, headers={"Location": "/"}),
    "204": Say(status=204),
    "dropped": Say(act="drop"),
    "cut": Say(act="cut", body={"value": [{"Name": "a"}]}),
    "200_no_value": Say(body={"@adminapi.warnings": []}),
    "200_null": Say(body={"value": None}),
    "200_a_list": Say(body=[]),
} | {f"200_{name}": Say(body=body) for name, body in UNREADABLE.items()}


@pytest.mark.parametrize("say", UNSURE.values(), ids=UNSURE)
async def test_hazard_01_a_failed_read_is_never_absence(exchange: Exchange, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(FootprintError) as raised:
        await exchange.invoke("Get-TransportRule")
    assert not isinstance(raised.value, Missing)


async def test_hazard_01_a_time_out_is_never_absence(clock: StillClock, host: Host, minted: Minted) -> None:
    host.says(Say(act="hang"))
    async with Wire(clock=clock, ca_file=None, timeout=0.1).client(host.url) as http:
        with pytest.raises(Temporary, match="platform_unreachable"):
            await Exchange(http, minted, TENANT).invoke("Get-TransportRule")


async def test_hazard_01_a_listing_that_is_cut_short_is_not_returned(exchange: Exchange, host: Host) -> None:
    host.says(page("a", warnings=(MORE,)))
    with pytest.raises(Temporary, match="incomplete_listing"):
        await exchange.invoke("Get-TransportRule")


async def test_hazard_01_a_later_page_that_fails_fails_the_listing(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next"), Say(status=500))
    with pytest.raises(Temporary, match="platform_unavailable"):
        await exchange.invoke("Get-TransportRule")


async def test_hazard_01_a_listing_without_end_is_a_failure(exchange: Exchange, host: Host) -> None:
    host.says(page("a", link=f"{host.url}/next", warnings=(MORE,)))
    with pytest.raises(Temporary, match="incomplete_listing"):
        await exchange.invoke("Get-TransportRule")


async def test_hazard_23_a_foreign_next_link(exchange: Exchange, host: Host, other: Host) -> None:
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
    with pytest.raises(Temporary, match="incomplete_listing"):
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


@pytest.mark.parametrize(
    "say",
    [failure(status, NOT_FOUND, "couldn't be found") for status in (400, 404, 500)]
    + [
        failure(404, NOT_FOUND, "couldn't be found", spelling="internalException"),
        piped(404, f"Ex6F9304|{NOT_FOUND}|The object 'X' couldn't be found."),
        piped(500, f"|{NOT_FOUND}|The object 'a|b' couldn't be found."),
    ],
)
async def test_absence_has_one_exception_and_any_status(exchange: Exchange, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(Missing, match=r"couldn't be found"):
        await exchange.invoke("Remove-TransportRule", Identity="X")
    assert len(host.seen) == 1


async def test_the_innermost_exception_wins_over_the_details(exchange: Exchange, host: Host) -> None:
    inner = {"internalexception": {"type": TASKS + "InnerException", "message": "inner"}}
    host.says(piped(400, f"Ex6F9304|{NOT_FOUND}|details", innererror=inner))
    with pytest.raises(Permanent, match=r"exchange_refused.*inner"):
        await exchange.invoke("Set-TransportRule")


async def test_without_either_the_outer_message_is_told(exchange: Exchange, host: Host) -> None:
    host.says(Say(status=400, body={"error": {"message": "Outer."}}))
    with pytest.raises(Permanent, match=r"exchange_refused: Exchange refused Set-TransportRule: Outer\."):
        await exchange.invoke("Set-TransportRule")


@pytest.mark.parametrize(
    ("say", "kind", "code"),
    [
        (failure(500, "A.ADObjectAlreadyExistsException", "'X' is there"), AlreadyExists, "already_exists"),
        (failure(400, "A.MemberAlreadyExistsException", "is a member"), AlreadyExists, "already_exists"),
        (
            failure(400, TASKS + "InvalidOperationInDehydratedContextException", "x"),
            Dehydrated,
            "organisation_dehydrated",
        ),
        (failure(500, "X", "You must be assigned a delegating role assignment"), Temporary, "exchange_roles_not_ready"),
        (failure(400, "A.CmdletAccessDeniedException", "x"), TokenRefused, "exchange_role_missing"),
        (failure(400, "X", "The role isn't supported in this scenario."), TokenRefused, "exchange_role_missing"),
        (failure(400, "A.AmbiguousParameterSetException", "x"), Permanent, "our_request_refused"),
        (failure(400, "A.ParameterTransformationException", "x"), Permanent, "our_request_refused"),
        (failure(400, "X", "A server side error has occurred"), Temporary, "platform_unavailable"),
        (failure(500, "X.TransientException", "Try later"), Temporary, "exchange_failed"),
        (failure(404, "X.UnknownException", "Nothing here"), Temporary, "exchange_failed"),
        (failure(400, "X.RuleLimitException", "Too many rules"), Permanent, "exchange_refused"),
    ],
)
async def test_what_each_exception_means(
    exchange: Exchange, host: Host, say: Say, kind: type[FootprintError], code: str
) -> None:
    host.says(say)
    with pytest.raises(kind) as raised:
        await exchange.invoke("New-TransportRule", Name="a")
    assert raised.value.code == code


async def test_roles_that_are_not_ready_are_waited_for(exchange: Exchange, host: Host) -> None:
    host.says(failure(400, "X", "You must be assigned a delegating role assignment"))
    with pytest.raises(Temporary) as raised:
        await exchange.invoke("New-TransportRule")
    assert raised.value.after == timedelta(seconds=150)


@pytest.mark.parametrize(
    ("claims", "step"),
    [
        ({}, "Exchange.ManageAsApp"),
        ({"roles": ["Exchange.ManageAsApp"]}, "role Exchange Administrator"),
        ({"roles": ["Exchange.ManageAsApp"], "wids": [ADMINISTRATOR]}, "not in effect there yet"),
    ],
)
async def test_a_refusal_names_the_step_that_is_missing(
    exchange: Exchange, host: Host, minted: Minted, claims: dict[str, Any], step: str
) -> None:
    minted.claims = claims
    host.says(UNSURE["403_nul"])
    with pytest.raises(TokenRefused, match=step) as raised:
        await exchange.invoke("Get-OrganizationConfig")
    assert raised.value.code == "exchange_role_missing"
    assert await minted() not in str(raised.value)


async def test_changed_conditions_of_sign_in_need_a_new_token(exchange: Exchange, host: Host) -> None:
    challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    host.says(Say(status=401, headers={"WWW-Authenticate": challenge}))
    with pytest.raises(TokenRefused, match="token_refused"):
        await exchange.invoke("Get-OrganizationConfig")
