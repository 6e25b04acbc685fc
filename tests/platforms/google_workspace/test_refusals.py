"""What Google refuses, in its own words, and what people are told: whose matter it is and what to do."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from infra.local.simulators.google import application
from shared.connections.call_log import listed as operations_of
from shared.connections.grants import listed as grants_of
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows import consent
from shared.flows.jobs import run
from shared.foundation.errors import Permanent, Refused
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.scopes import LICENSE
from shared.web.routes import ROUTES
from tests.harness import workspace as google
from tests.harness.client import ask, at
from tests.harness.world import HARBOUR, MASTER_KEY, ORCHARD, World


def envelope(status: int, reason: str, message: str) -> dict[str, Any]:
    """A refusal of Google's JSON APIs."""
    inner = {"message": message, "domain": "global", "reason": reason}
    return {"status": status, "body": {"error": {"code": status, "message": message, "errors": [inner]}}}


def newer(status: int, code: str, reason: str) -> dict[str, Any]:
    """A refusal of Google's newer APIs, with the reason in an ErrorInfo behind other details."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    details = [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}, info]
    return {"status": status, "body": {"error": {"code": status, "message": "x", "status": code, "details": details}}}


def oauth(status: int, error: str, description: str) -> dict[str, Any]:
    """A refusal of the token endpoint."""
    return {"status": status, "body": {"error": error, "error_description": description}}


UNAUTHORISED = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any"
TOKENS = [
    ("jwt", oauth(401, "unauthorized_client", UNAUTHORISED), Status.ATTENTION, "consent_missing"),
    ("jwt", oauth(400, "access_denied", "Requested client not authorized"), Status.ATTENTION, "consent_missing"),
    ("jwt", oauth(400, "access_denied", "Account restricted"), Status.ATTENTION, "administrator_gone"),
    ("jwt", oauth(400, "invalid_grant", "Invalid email or User ID"), Status.ATTENTION, "administrator_gone"),
    ("jwt", oauth(400, "invalid_grant", "The account has been deleted"), Status.ATTENTION, "administrator_gone"),
    (
        "jwt",
        oauth(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token"),
        Status.ATTENTION,
        "our_credential",
    ),
    ("jwt", oauth(400, "access_denied", "The scopes are not authorized"), Status.ATTENTION, "consent_missing"),
    ("jwt", oauth(400, "invalid_grant", "Account disabled"), Status.ATTENTION, "administrator_gone"),
    ("jwt", oauth(400, "invalid_grant", "Invalid JWT Signature."), Status.ATTENTION, "our_credential"),
    ("jwt", oauth(400, "disabled_client", "The key is disabled"), Status.ATTENTION, "our_credential"),
    ("jwt", oauth(403, "rate_limit_exceeded", ""), Status.WAITING, "platform_unavailable"),
    ("jwt", oauth(500, "internal_failure", "Backend Error"), Status.WAITING, "platform_unavailable"),
    ("jwt", oauth(400, "nobody_knows", "what this is"), Status.WAITING, "token_refused"),
    ("refresh", oauth(400, "invalid_grant", "Token has been expired or revoked."), Status.WAITING, "grant_doubtful"),
    ("refresh", oauth(400, "invalid_grant", "reauth related error (invalid_rapt)"), Status.WAITING, "grant_doubtful"),
    ("refresh", oauth(400, "invalid_grant", "Bad Request"), Status.WAITING, "grant_doubtful"),
    ("refresh", oauth(401, "invalid_client", "Unauthorized"), Status.ATTENTION, "our_credential"),
    ("refresh", oauth(400, "admin_policy_enforced", "blocked"), Status.ATTENTION, "consent_missing"),
]


@pytest.mark.parametrize(("kind", "fault", "status", "reason"), TOKENS)
async def test_the_token_endpoints_refusals_are_told_apart(
    world: World, kind: str, fault: dict[str, Any], status: Status, reason: str
) -> None:
    connection = await google.connect(world, modes=["api"])
    # The person's own grant is refreshed first, then the service account is asked for.
    world.fault({"host": "oauth2", "path": "/token"}, {"kind": "status", **fault}, times=3, skip=int(kind == "jwt"))
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (status, reason)
    assert told.sentence


@pytest.mark.parametrize(("kind", "fault"), {row[3]: row[:2] for row in TOKENS}.values())
async def test_whatever_the_token_endpoint_refused_is_got_over_by_itself(
    world: World, kind: str, fault: dict[str, Any]
) -> None:
    connection = await google.connect(world, modes=["api"])
    world.fault({"host": "oauth2", "path": "/token"}, {"kind": "status", **fault}, times=3, skip=int(kind == "jwt"))
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert told.status is not Status.OK
    world.control("DELETE", "/faults")
    await world.pass_time(timedelta(days=1, hours=2))
    await world.tick()
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is Stage.RUN


LISTINGS = [
    (
        envelope(403, "forbidden", "Not Authorized to access this resource/api"),
        Status.ATTENTION,
        "administrator_not_allowed",
    ),
    (envelope(403, "insufficientPermissions", "Insufficient Permission"), Status.ATTENTION, "permission_missing"),
    (envelope(403, "accessNotConfigured", "Admin SDK API has not been used"), Status.ATTENTION, "api_not_enabled"),
    (envelope(403, "domainCannotUseApis", "The domain cannot use apis."), Status.ATTENTION, "blocked_by_customer"),
    (envelope(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), Status.WAITING, "throttled"),
    (envelope(403, "quotaExceeded", "Quota exceeded"), Status.WAITING, "throttled"),
    (envelope(403, "dailyLimitExceeded", "Daily Limit Exceeded"), Status.WAITING, "throttled"),
    (envelope(409, "conflict", "Conflict"), Status.WAITING, "platform_unavailable"),
    (newer(403, "PERMISSION_DENIED", "BILLING_DISABLED"), Status.ATTENTION, "api_not_enabled"),
    (newer(403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED"), Status.ATTENTION, "api_not_enabled"),
    (newer(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), Status.WAITING, "throttled"),
    (envelope(429, "rateLimitExceeded", "Rate Limit Exceeded"), Status.WAITING, "throttled"),
    (envelope(400, "invalid", "Invalid Input: customer"), Status.ATTENTION, "refused"),
    ({"status": 503, "body": "quota exceeded for the current request"}, Status.WAITING, "platform_unavailable"),
    ({"status": 502, "body": "<!DOCTYPE html><title>Error 502</title>"}, Status.WAITING, "platform_unavailable"),
    (
        {"status": 401, "body": {"error": {"code": 401, "message": "Invalid Credentials"}}},
        Status.WAITING,
        "token_refused",
    ),
]


@pytest.mark.parametrize(("fault", "status", "reason"), LISTINGS)
async def test_the_directorys_refusals_are_told_apart(
    world: World, fault: dict[str, Any], status: Status, reason: str
) -> None:
    connection = await google.connect(world, modes=["api"])
    world.fault({"host": "admin", "path": "/v1/users$"}, {"kind": "status", **fault}, times=6)
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (status, reason)
    world.control("DELETE", "/faults")
    assert (await google.sync(world, told)).status is Status.OK


async def test_a_token_that_is_refused_once_is_replaced(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    refused = envelope(401, "authError", "Invalid Credentials")
    world.fault({"host": "admin", "path": "/v1/users$"}, {"kind": "status", **refused})
    assert (await google.sync(world, connection)).status is Status.OK


async def test_a_topic_that_gmail_may_not_write_to_is_our_matter(world: World) -> None:
    world.behave(ORCHARD, topic_publisher=False)
    connection = await google.create(world, modes=["api"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    told = await world.until_true(connection, lambda now: now.reason == "topic_not_writable")
    assert told.status is Status.ATTENTION


async def test_nobody_elses_mailboxes_mean_a_wrong_installation(world: World) -> None:
    connection = await google.create(world, modes=["api"])
    world.admin("install-app", ORCHARD)
    world.behave(ORCHARD, installed_org_unit="/Nobody")
    await google.consent(world, connection)
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "delegation_not_effective"


@pytest.mark.hazard(22)
async def test_the_rule_that_lets_mail_back_in_needs_the_connections_own_secret(world: World) -> None:
    world.admin("install-app", HARBOUR)
    made = [await google.create(world, modes=["inline"], domain=domain) for domain in (ORCHARD, HARBOUR)]
    contents = [(await google.asked_values(world, connection, "rule"))["Content"] for connection in made]
    secrets = {content.partition(": ")[2] for content in contents}
    assert len(secrets) == 2
    assert all(len(secret) == 32 for secret in secrets)


@pytest.mark.hazard(29)
async def test_a_clock_that_jumps_ten_days_synchronises_once(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.sims.cloud.calls.clear()
    world.clock.move(timedelta(days=10))
    for _ in range(3):
        await world.tick()
    synced = [call for call in world.sims.cloud.calls if call.path.endswith("/domains")]
    assert len(synced) == 1
    assert (await world.connection(connection.id)).status is Status.OK


async def test_nothing_secret_is_shown_written_or_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = await google.connect(world)
    google.mail(world, google.ADMIN, subject="A subject nobody may keep")
    await google.deliver_all(world)
    secrets = [MASTER_KEY, world.sims.settings["FOOTPRINT_GOOGLE__CLIENT_SECRET"], "PRIVATE KEY", "A subject nobody"]
    (kept,) = await grants_of(world.app.database, world.app.seal, connection.id)
    secrets.append(kept.secret)
    secrets += list(world.sims.google.tokens)
    token, shown, not_there = world.sims.operator_token(role="admin"), [], dict[str, int]()
    for route in ROUTES:
        if route.method == "GET" and route.needs_account:
            found = await ask(world, "GET", at(route, id=connection.id, section="ledger", name="everyone"), token=token)
            shown.append(found.body.decode())
            if found.status != 200:
                not_there[route.name] = found.status
    # Nothing ended, was exported or reported yet.
    yet = ("get_certificate", "get_export", "get_report", "get_report_csv", "get_report_html")
    none = ("get_batch", "page_batch", "list_deliveries", "get_snapshot", "get_undo")
    # A plan for many needs an operation.
    assert not_there == dict.fromkeys((*yet, *none), 404) | {"page_batch_plan": 400}
    logged = await operations_of(world.app.database, connection.id, most=10_000)
    ledger = [entry async for entry in entries(world.app.database, connection.id)]
    text = "\n".join(shown) + caplog.text + repr(logged) + repr(ledger)
    assert len(text) > 10_000
    for secret in secrets:
        assert secret not in text


async def test_a_consent_that_comes_after_the_connection_was_taken_back_is_given_back(world: World) -> None:
    connection = await google.create(world)
    browser = await world.opens(connection)
    url = await consent.platform_url(world.app, connection, browser)
    await world.revoke(connection)
    with pytest.raises(Refused, match="taken back before you consented") as refused:
        await consent.callback(world.app, "google", dict(google.decide(url).params), browser)
    assert (refused.value.status, refused.value.code) == (410, "connection_given_up")
    assert await grants_of(world.app.database, world.app.seal, connection.id) == []
    assert google.state(world)["grants"] == {}
    assert (await world.connection(connection.id)).administrator is None


async def test_a_token_of_the_account_that_we_run_as_ends_before_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own clock it holds; the platform says no, and is asked with another one."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(world.sims.runtime_key))
    keyless = world.app.settings.google.model_copy(update={"service_account": SecretStr(application.SERVICE_ACCOUNT)})
    delegation = Delegation(keyless, world.app.wire, world.clock)
    for _ in range(2):
        assert (await delegation.mint(None, frozenset({LICENSE}))).value
        world.clock.move(timedelta(hours=2))
    delegation.close()


async def test_the_account_of_the_public_functions_signs_for_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(world.sims.public_key))
    keyless = world.app.settings.google.model_copy(update={"service_account": SecretStr(application.SERVICE_ACCOUNT)})
    delegation = Delegation(keyless, world.app.wire, world.clock)
    with pytest.raises(Permanent, match="cannot sign"):
        await delegation.mint(None, frozenset({LICENSE}))
    delegation.close()
