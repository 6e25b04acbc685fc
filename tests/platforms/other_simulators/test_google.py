"""Our sign-in against a Google that we did not write."""

import json
from pathlib import Path

import httpx
import pytest
import trustme
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from google.oauth2.id_token import verify_oauth2_token

from shared.connections.stages import Stage
from shared.deployment.identity import ISSUERS, Transport
from shared.flows import consent, grant, invitation
from shared.flows.access import found
from shared.flows.app import App
from shared.foundation.errors import Permanent, Refused, Temporary
from shared.foundation.schedule import Site
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.sign_in import SCOPES, Granted, SignIn
from tests.harness.emulated import (
    ADMIN,
    BACK,
    CLIENT,
    NONCE,
    PRIVATE,
    SECRET,
    SEED,
    UNVERIFIED,
    US,
    VERIFIER,
    WHY_NOT,
    app_at,
    at_google,
    consented,
    in_an_hour,
    signing_in,
)
from tests.programs.emulate import Emulate, emulate

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=f"skipped: {WHY_NOT}")


async def exchanged(sign_in: SignIn, code: str, verifier: str = VERIFIER) -> Granted:
    """What a code is exchanged for; a grant that is not good is given back at once."""

    async def give_back(_account: str, refresh_token: str) -> None:
        await sign_in.revoke(refresh_token)

    return await sign_in.exchange(code, redirect_uri=BACK, verifier=verifier, nonce=NONCE, unused=give_back)


async def test_an_administrators_grant_from_its_consent_to_its_end(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    granted = await exchanged(sign_in, code)
    assert (granted.address, granted.domain) == (ADMIN, "contoso.com")
    assert granted.account
    first, second = [await sign_in.refresh(granted.refresh_token) for _ in range(2)]
    assert in_an_hour(first.expires_at)
    assert len({granted.access_token, first.access_token, second.access_token}) == 3
    assert first.refresh_token is None
    assert await sign_in.holds(granted.refresh_token)

    await sign_in.revoke(granted.refresh_token)
    with pytest.raises(TokenRefused, match="invalid_grant") as gone:
        await sign_in.refresh(granted.refresh_token)
    assert gone.value.family is Family.GRANT
    assert not await sign_in.holds(granted.refresh_token)
    await sign_in.revoke(granted.refresh_token)  # given back already
    addresses = " ".join(seen.path for seen in google.seen)
    for secret in (SECRET, VERIFIER, code, granted.refresh_token, granted.access_token):
        assert secret not in addresses
        assert secret not in str(gone.value)


async def test_a_code_is_good_once(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    await exchanged(sign_in, code)
    with pytest.raises(Refused, match="callback_not_valid"):
        await exchanged(sign_in, code)


async def test_a_code_is_good_for_the_browser_that_began(sign_in: SignIn, google: Emulate) -> None:
    code = consented(sign_in, google)
    with pytest.raises(Refused, match="callback_not_valid"):
        await exchanged(sign_in, code, verifier="w" * 43)
    # It was the verifier, and nothing else.
    assert await exchanged(sign_in, code)


async def given_back(sign_in: SignIn, part: Emulate) -> bool:
    """Whether the one grant was given back, and does not hold any more."""
    (form,) = part.posted("/oauth2/revoke")
    return not await sign_in.holds(form["token"])


@pytest.mark.parametrize(
    ("address", "changed", "code"),
    [
        (PRIVATE, {}, "not_an_organisation"),
        (UNVERIFIED, {}, "callback_not_valid"),
        (ADMIN, {"scope": " ".join(SCOPES[:2])}, "consent_incomplete"),
        (ADMIN, {"nonce": "of-another-sign-in"}, "callback_not_valid"),
        (ADMIN, {"client_id": "another-client"}, "callback_not_valid"),
    ],
    ids=["private_account", "unverified_address", "box_not_ticked", "another_nonce", "another_audience"],
)
async def test_a_grant_that_is_not_good_is_given_back(
    sign_in: SignIn, google: Emulate, address: str, changed: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        await exchanged(sign_in, consented(sign_in, google, address, **changed))
    assert await given_back(sign_in, google)


async def test_another_issuer_is_not_google_whatever_its_keys(authority: trustme.CA, tmp_path: Path) -> None:
    with emulate("google", authority, SEED) as other:
        sign_in = signing_in(app_at(authority, tmp_path, google=at_google(other)))
        with pytest.raises(Refused, match="callback_not_valid"):
            await exchanged(sign_in, consented(sign_in, other))
        assert await given_back(sign_in, other)


@pytest.mark.parametrize("wrong", [{"client_secret": "expired"}, {"client_id": "client-2"}])
async def test_google_does_not_know_us(
    sign_in: SignIn, google: Emulate, authority: trustme.CA, tmp_path: Path, wrong: dict[str, str]
) -> None:
    granted = await exchanged(sign_in, consented(sign_in, google))
    stranger = signing_in(app_at(authority, tmp_path, google=at_google(google, **wrong)))
    with pytest.raises(Permanent, match="our_credential") as refused:
        await exchanged(stranger, consented(sign_in, google))
    assert "expired" not in str(refused.value)
    # That says nothing about the grant, which is nobody's to throw away.
    with pytest.raises(Permanent, match="our_credential"):
        await stranger.holds(granted.refresh_token)
    assert await sign_in.holds(granted.refresh_token)


async def test_googles_own_client_says_the_same(google_app: App, sign_in: SignIn, google: Emulate) -> None:
    """google-auth by our way to the network: it refreshes what we were granted, and verifies what we verify."""
    certs, token_url = google_app.settings.google.certs_url, f"{google.url}/oauth2/token"
    transport = Transport(google_app.wire, google_app.clock, lambda url: certs if url.endswith("/certs") else url)
    form = {
        "grant_type": "authorization_code",
        "code": consented(sign_in, google),
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **US,
    }
    granted = json.loads(transport.post(token_url, data=form).data)
    told = verify_oauth2_token(granted["id_token"], transport, CLIENT)
    ours = await google_app.issuers.claims(granted["id_token"], url=certs, audience=CLIENT, issuers=ISSUERS, require=())
    assert told == ours
    assert (told["email"], told["hd"], told["nonce"]) == (ADMIN, "contoso.com", NONCE)

    refresh = granted["refresh_token"]
    theirs = Credentials(None, refresh_token=refresh, token_uri=token_url, **US)
    theirs.refresh(transport)
    assert theirs.valid
    await sign_in.revoke(refresh)
    with pytest.raises(RefreshError, match="invalid_grant"):
        theirs.refresh(transport)


async def test_a_consent_whose_customer_cannot_be_known_is_given_back(migrated: App, google: Emulate) -> None:
    """The whole way from an operator's wish to the callback; there is no directory here to ask about the customer."""
    new = grant.NewConnection(platform="google", site=Site.EU, name="Contoso", tenant="contoso.com")
    made = await grant.create(migrated, new, "operator@msp.example")
    browser = await invitation.enter(migrated, made.consent_url.partition("#")[2])
    url = await consent.platform_url(migrated, await found(migrated, made.connection_id), browser)
    asked = httpx.URL(url).params
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", " ".join(SCOPES))
    _, said = google.pick(url, ADMIN)
    with pytest.raises(Temporary, match="unreadable_answer"):
        await consent.callback(migrated, "google", said, browser)
    assert await given_back(signing_in(migrated), google)
    with pytest.raises(Refused, match="consent_over"):  # the state is used up, whatever came of it
        await consent.callback(migrated, "google", said, browser)
    assert (await found(migrated, made.connection_id)).stage is Stage.NEW
