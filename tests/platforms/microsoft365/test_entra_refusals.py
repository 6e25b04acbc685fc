"""What the sign-in host's refusals and failures mean, and what of them is told."""

import logging
from datetime import timedelta

import pytest

from shared.foundation.errors import ConsentMissing, FootprintError, Permanent, Temporary
from shared.foundation.platform_settings import Microsoft
from shared.platforms.microsoft365.entra import Entra
from shared.platforms.microsoft365.sign_in_refusals import REFUSALS, classify
from tests.foundation.test_http_client import UNREADABLE
from tests.harness.entra import SECRET, TENANT, SignIn, granted, refused
from tests.harness.scripted_host import Host, Say

UNSURE = {
    "unknown_code": (refused(123456789), "token_refused"),
    "no_code": (Say(status=400, body={"error": "invalid_request"}), "token_refused"),
    "401_unknown": (refused(1, status=401), "token_refused"),
    "400_html": (Say(status=400, body=b"<html>"), "unreadable_answer"),
    "400_list": (Say(status=400, body=[]), "unreadable_answer"),
    "302": (Say(status=302, headers={"Location": "/"}), "unreadable_answer"),
    "no_lifetime": (Say(body={"access_token": "t0k"}), "unreadable_answer"),
    "odd_token": (Say(body=granted("x") | {"access_token": {}}), "unreadable_answer"),
    "429": (Say(status=429, headers={"Retry-After": "77"}), "throttled"),
    "500": (Say(status=500), "platform_unavailable"),
    "503": (Say(status=503, body=b"<html>"), "platform_unavailable"),
    "dropped": (Say(act="drop"), "platform_unreachable"),
    "cut": (Say(act="cut", body=granted(SECRET)), "platform_unreachable"),
} | {f"200_{name}": (Say(body=body), "unreadable_answer") for name, body in UNREADABLE.items()}


@pytest.mark.hazard(1)
@pytest.mark.parametrize(("say", "code"), UNSURE.values(), ids=UNSURE)
async def test_no_answer_is_no_refusal(entra: Entra, sign_in: SignIn, settings: Microsoft, say: Say, code: str) -> None:
    sign_in.tokens = [say]
    with pytest.raises(Temporary) as raised:
        await entra.token(TENANT, settings.graph_url)
    assert raised.value.code == code


async def test_the_wait_that_sign_in_asks_for(entra: Entra, sign_in: SignIn, settings: Microsoft) -> None:
    sign_in.tokens = [UNSURE["429"][0]]
    with pytest.raises(Temporary) as raised:
        await entra.token(TENANT, settings.graph_url)
    assert raised.value.after == timedelta(seconds=77)


@pytest.mark.hazard(1)
@pytest.mark.parametrize(
    "say", [Say(status=500), Say(act="drop"), Say(status=404, body=b"<html>"), Say(body={}), Say(body=b"<html>")]
)
async def test_failed_discovery_is_no_missing_tenant(entra: Entra, login: Host, settings: Microsoft, say: Say) -> None:
    login.says(say)
    with pytest.raises(Temporary):
        await entra.token(TENANT, settings.graph_url)
    with pytest.raises(Temporary):
        await entra.tenant_of("contoso.example")


@pytest.mark.parametrize(
    "say",
    [
        refused(7000229),
        refused(7000215, status=401),
        Say(body=b'{"access_token": "' + SECRET.encode()),
        Say(status=400, body=f"<html>{SECRET}".encode()),
        Say(status=500, body=SECRET.encode()),
        Say(act="cut", body=granted(SECRET)),
    ],
)
async def test_neither_errors_nor_logs_tell_secrets(
    entra: Entra, sign_in: SignIn, settings: Microsoft, caplog: pytest.LogCaptureFixture, say: Say
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in.tokens = [say]
    with pytest.raises(FootprintError) as raised:
        await entra.token(TENANT, settings.graph_url)
    chain = [raised.value, raised.value.__cause__]
    assert SECRET not in "".join(map(str, chain)) + caplog.text
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("name", ["nobody.example", "../common", "a/b", "", "a?b", "-", "a@b"])
async def test_a_name_that_no_tenant_has(entra: Entra, sign_in: SignIn, settings: Microsoft, name: str) -> None:
    with pytest.raises(Permanent, match="tenant_not_found"):
        await entra.tenant_of(name)
    with pytest.raises(Permanent, match="tenant_"):
        await entra.token(name, settings.graph_url)
    assert sign_in.posted == []


@pytest.mark.parametrize(
    ("aadsts", "kind", "code"),
    [
        (7000229, Permanent, "consent_missing"),
        (700016, Permanent, "consent_missing"),
        (65001, Permanent, "consent_missing"),
        (650056, Permanent, "consent_missing"),
        (7000215, Permanent, "our_credential"),
        (7000222, Permanent, "our_credential"),
        (700027, Temporary, "our_credential_not_known_yet"),
        (500011, Permanent, "exchange_not_licensed"),
        (700011, ConsentMissing, "consent_missing"),
        (90094, ConsentMissing, "consent_missing"),
        (500014, Permanent, "service_disabled"),
        (50001, Permanent, "service_disabled"),
        (530032, Permanent, "blocked_by_customer"),
        (530034, Permanent, "delegated_administrator_blocked"),
        (90038, Permanent, "tenant_in_another_cloud"),
        (90002, Permanent, "tenant_gone"),
        (53003, Permanent, "blocked_by_customer"),
        (50196, Temporary, "token_loop"),
        (90006, Temporary, "platform_unavailable"),
        (90095, ConsentMissing, "consent_missing"),
        (90099, ConsentMissing, "consent_missing"),
        (7000218, Permanent, "our_credential"),
        (700030, Permanent, "our_credential"),
        (50194, Permanent, "our_credential"),
        (650057, Permanent, "our_credential"),
        (50105, Permanent, "blocked_by_customer"),
        (501051, Permanent, "blocked_by_customer"),
        (500021, Permanent, "blocked_by_customer"),
        (500213, Permanent, "blocked_by_customer"),
        (530035, Permanent, "blocked_by_customer"),
        (1000031, Permanent, "blocked_by_customer"),
        (53000, Permanent, "blocked_by_customer"),
        (135011, Permanent, "blocked_by_customer"),
        (900382, Permanent, "tenant_in_another_cloud"),
        (50048, Permanent, "our_credential"),
        (900384, Permanent, "our_credential"),
        (50059, Permanent, "tenant_gone"),
        (50128, Permanent, "tenant_gone"),
        (650054, Permanent, "service_disabled"),
        (50072, Permanent, "blocked_by_customer"),
        (50161, Permanent, "blocked_by_customer"),
        (90033, Temporary, "platform_unavailable"),
        (90055, Temporary, "platform_unavailable"),
        (424242, Temporary, "token_refused"),
    ],
)
def test_what_each_code_means(aadsts: int, kind: type[FootprintError], code: str) -> None:
    for said in ({"error_codes": [aadsts]}, {"error_description": f"AADSTS{aadsts}: words"}):
        found = classify(said)
        assert isinstance(found, kind)
        assert (found.code, f"AADSTS{aadsts}" in found.sentence) == (code, True)


@pytest.mark.parametrize("listed", [[None], ["AADSTS53003"], {}, "53003"])
def test_codes_that_are_none_are_read_from_the_text(listed: object) -> None:
    found = classify({"error_codes": listed, "error_description": "AADSTS53003: words"})
    assert found.code == "blocked_by_customer"


def test_no_code_means_two_things() -> None:
    codes = [code for refusal in REFUSALS for code in refusal.codes]
    assert len(codes) == len(set(codes))


def test_a_loop_is_left_alone_for_an_hour() -> None:
    found = classify({"error_codes": [50196]})
    assert isinstance(found, Temporary)
    assert found.after == timedelta(hours=1)
