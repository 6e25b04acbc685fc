"""Our sign-in against a Microsoft that we did not write."""

from pathlib import Path

import pytest
import trustme

from shared.flows.app import App
from shared.foundation.errors import Refused, Temporary
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.entra import Entra
from shared.storage.migrate import migrate
from shared.web import sign_in as console
from shared.web.accounts import actor
from shared.web.http import Request
from tests.harness.emulated import (
    ADMIN,
    CLIENT,
    CONSOLE,
    SECRET,
    TENANT,
    US,
    WHY_NOT,
    Person,
    app_at,
    at_microsoft,
    in_an_hour,
)
from tests.programs.emulate import Emulate

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=f"skipped: {WHY_NOT}")


async def test_a_tenants_token(entra: Entra, microsoft: Emulate, microsoft_app: App) -> None:
    """Discovery is followed: the token endpoint is not where Microsoft has it, but on the same host."""
    settings = microsoft_app.settings.microsoft
    tokens = [await entra.token(TENANT, resource) for resource in (settings.graph_url, settings.exchange_url)]
    assert all(in_an_hour(token.expires_at) for token in tokens)
    assert len({token.value for token in tokens}) == 2
    assert [(seen.method, seen.path) for seen in microsoft.seen] == [
        ("GET", f"/{TENANT}/v2.0/.well-known/openid-configuration"),
        ("POST", "/oauth2/v2.0/token"),
        ("POST", "/oauth2/v2.0/token"),
    ]
    forms = microsoft.posted("/oauth2/v2.0/token")
    assert [form["scope"] for form in forms] == [f"{settings.graph_url}/.default", f"{settings.exchange_url}/.default"]
    assert {form["grant_type"] for form in forms} == {"client_credentials"}


async def test_a_tenants_id_is_read_from_the_issuer(entra: Entra) -> None:
    assert await entra.tenant_of(TENANT) == TENANT


@pytest.mark.parametrize("wrong", [{"client_secret": "expired"}, {"client_id": "client-2"}])
async def test_a_refusal_without_a_code_proves_nothing(
    microsoft: Emulate, authority: trustme.CA, tmp_path: Path, wrong: dict[str, str]
) -> None:
    """Microsoft says why in a code, and by that we decide; this sign-in has only OAuth's word, which may mean much."""
    app = app_at(authority, tmp_path, microsoft=at_microsoft(microsoft, **wrong))
    entra = Entra(settings=app.settings.microsoft, wire=app.wire, clock=app.clock)
    with pytest.raises(Temporary, match="token_refused") as refused:
        await entra.token(TENANT, app.settings.microsoft.graph_url)
    entra.close()
    assert "invalid_client" in refused.value.sentence
    assert "expired" not in str(refused.value)


async def test_nobody_is_believed_without_the_authority(microsoft: Emulate, microsoft_app: App) -> None:
    wire = Wire(clock=microsoft_app.clock, ca_file=None)
    entra = Entra(settings=microsoft_app.settings.microsoft, wire=wire, clock=microsoft_app.clock)
    with pytest.raises(Temporary, match="platform_unreachable"):
        await entra.token(TENANT, microsoft_app.settings.microsoft.graph_url)
    entra.close()
    assert microsoft.seen == []


def test_a_person_signs_in_by_msal(person: Person) -> None:
    flow, back = person.begin()
    signed_in = person.finish(flow, back)
    assert signed_in["id_token_claims"]["tid"] == TENANT
    assert signed_in["id_token_claims"]["preferred_username"] == ADMIN
    assert person.finish(flow, back)["error"] == "invalid_grant"  # the code was used
    assert SECRET not in " ".join(seen.path for seen in person.part.seen)


def test_msal_keeps_what_is_whose(person: Person) -> None:
    flow, back = person.begin()
    with pytest.raises(ValueError, match="state"):
        person.finish(flow, {**back, "state": "another"})
    assert person.finish({**flow, "code_verifier": "w" * 43}, back)["error"] == "invalid_grant"
    with pytest.raises(RuntimeError, match="nonce"):
        person.finish({**flow, "nonce": "another"}, back)


def test_each_refresh_token_is_good_once_and_the_last_until_revoked(person: Person) -> None:
    first = person.finish(*person.begin())["refresh_token"]
    second = person.refresh(first)["refresh_token"]
    assert second != first
    assert person.refresh(first)["error"] == "invalid_grant"
    third = person.refresh(second)["refresh_token"]
    assert person.transport.post(f"{person.part.url}/oauth2/v2.0/revoke", data={"token": third}).status == 200
    assert person.refresh(third)["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("tenant", "audience", "status"),
    [(TENANT, CLIENT, 403), (TENANT, "api://other", 401), (TENANT[::-1], CLIENT, 401)],
    ids=["ours", "another_audience", "another_issuer"],
)
async def test_a_persons_token_at_our_own_door(
    person: Person, microsoft: Emulate, authority: trustme.CA, tmp_path: Path, tenant: str, audience: str, status: int
) -> None:
    """Its signature, issuer, audience and times hold; only the role is missing, which this sign-in knows none of."""
    token = person.finish(*person.begin())["id_token"]
    issuer = f"{microsoft.url}/{tenant}/v2.0"
    app = app_at(authority, tmp_path, operators={"issuer": issuer, "audience": audience})
    request = Request(method="GET", path="/", query={}, headers={"authorization": f"Bearer {token}"}, body=b"")
    with pytest.raises(Refused) as refused:
        await actor(app, request)
    assert refused.value.status == status


async def test_a_person_at_the_consoles_door(microsoft: Emulate, authority: trustme.CA, tmp_path: Path) -> None:
    """Discovery, PKCE, the code's exchange and the token's nonce hold with it too; again only the role is missing."""
    app = app_at(authority, tmp_path, operators={"issuer": f"{microsoft.url}/{TENANT}/v2.0", **US})
    await migrate(app.database)
    begun = await console.begin(app, Request(method="GET", path="/sign-in", query={}, headers={}, body=b""))
    where, said = microsoft.pick(begun.headers["Location"], ADMIN)
    assert where == CONSOLE
    cookie = {"cookie": begun.headers["Set-Cookie"].partition(";")[0]}
    with pytest.raises(Refused, match="no_role"):
        await console.back(app, Request(method="GET", path="/sign-in/back", query=said, headers=cookie, body=b""))
    await app.database.close()
