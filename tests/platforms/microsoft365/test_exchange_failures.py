"""What Exchange's failures mean, by what their innermost part says."""

from datetime import timedelta
from typing import Any

import pytest

from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.entra import TokenRefused
from shared.platforms.microsoft365.exchange import AlreadyExists, Dehydrated, Exchange
from tests.foundation.test_http_client import UNREADABLE
from tests.harness import recorded_exchange as recorded
from tests.harness.exchange import ADMINISTRATOR, NOT_FOUND, TASKS, TENANT, Minted, failure, piped
from tests.harness.scripted_host import Host, Say, StillClock

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
    "200_error": Say(body={"error": {"code": "NotFound", "message": "x"}, "value": []}),
    "200_no_records": Say(body={"value": ["a"]}),
    "206": Say(status=206, body={"value": []}),
} | {f"200_{name}": Say(body=body) for name, body in UNREADABLE.items()}


@pytest.mark.hazard(1)
@pytest.mark.parametrize("say", UNSURE.values(), ids=UNSURE)
async def test_a_failed_read_is_never_absence(exchange: Exchange, host: Host, say: Say) -> None:
    host.says(say)
    with pytest.raises(FootprintError) as raised:
        await exchange.invoke("Get-TransportRule")
    assert not isinstance(raised.value, Missing)


@pytest.mark.hazard(1)
async def test_a_time_out_is_never_absence(clock: StillClock, host: Host, minted: Minted) -> None:
    host.says(Say(act="hang"))
    async with Wire(clock=clock, ca_file=None, timeout=0.1).client(host.url) as http:
        with pytest.raises(Temporary, match="platform_unreachable"):
            await Exchange(http, minted, TENANT).invoke("Get-TransportRule")


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
    with pytest.raises(Missing, match=r"not_found: .*couldn't be found"):
        await exchange.invoke("Remove-TransportRule", Identity="X")
    assert len(host.seen) == 1


async def test_the_innermost_exception_wins_over_the_details(exchange: Exchange, host: Host) -> None:
    inner = {"internalexception": {"type": TASKS + "InnerException", "message": "inner"}}
    host.says(piped(400, f"Ex6F9304|{NOT_FOUND}|details", innererror=inner))
    with pytest.raises(Permanent, match=r"exchange_refused.*inner"):
        await exchange.invoke("Set-TransportRule")


async def test_without_either_the_outer_message_is_told(exchange: Exchange, host: Host) -> None:
    host.says(Say(status=400, body={"error": {"message": "Outer.", "details": ["odd", None]}}))
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


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize(("name", "code"), recorded.EXCEPTIONS.items())
async def test_the_names_that_exchange_was_recorded_with_are_known(
    exchange: Exchange, host: Host, status: int, name: str, code: str
) -> None:
    for told in (failure(status, f"Microsoft.Exchange.Any.{name}", "words"), piped(status, f"Ex1|Any.{name}|words")):
        host.says(told)
        with pytest.raises(FootprintError) as raised:
            await exchange.invoke("New-TransportRule", Name="a")
        assert raised.value.code == code


@pytest.mark.parametrize(("sentence", "code"), recorded.SENTENCES.items())
async def test_the_sentences_that_exchange_was_recorded_with_are_known(
    exchange: Exchange, host: Host, sentence: str, code: str
) -> None:
    host.says(failure(500, "Microsoft.Exchange.Any.Exception", sentence))
    with pytest.raises(FootprintError) as raised:
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
