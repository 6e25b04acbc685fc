"""Signing in on another device (RFC 8628): a code typed on a page, and a program that asks until somebody has."""

from __future__ import annotations

import html
import secrets

from infra.local.simulators.issuer.refusals import oauth
from infra.local.simulators.issuer.state import ACCOUNTS, CLI_CLIENT_ID, ROOT, TOKEN_LIFE, Account, Device, Issuer
from infra.local.simulators.wire import Answer

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LIFE, INTERVAL = 900, 1  # seconds
# Without letters that look like others.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def begin(issuer: Issuer, form: dict[str, str]) -> Answer:
    """Give out a device code for the program, and a user code for the person."""
    if form.get("client_id") != CLI_CLIENT_ID:
        raise oauth("invalid_client", "No public client has this client_id.", 401)
    if "openid" not in form.get("scope", "").split():
        raise oauth("invalid_scope", "scope lacks openid.")
    code = secrets.token_urlsafe(48)
    shown = "".join(secrets.choice(LETTERS) for _ in range(8))
    issuer.devices[code] = Device(user_code=shown, expires_at=issuer.clock.seconds() + LIFE)
    return Answer(
        body={
            "device_code": code,
            "user_code": shown,
            "verification_uri": f"{issuer.base}/oauth2/v2.0/deviceauth",
            "expires_in": LIFE,
            "interval": INTERVAL,
        },
        headers={"Cache-Control": "no-store"},
    )


def page() -> Answer:
    """Ask for the code, and for an account."""
    buttons = "".join(
        f'<p><button name="account" value="{one.address}">{html.escape(one.name)}, {one.address}</button></p>'
        for one in ACCOUNTS
    )
    return _page(
        f"""<form method="post" action="{ROOT}/oauth2/v2.0/deviceauth"><label>Code <input name="user_code"></label>
{buttons}<p><button name="account" value="">Decline</button></p></form>"""
    )


def decide(issuer: Issuer, form: dict[str, str]) -> Answer:
    """Note who has signed in for a code."""
    now, code = issuer.clock.seconds(), form.get("user_code", "").strip().upper()
    found = next((one for one in issuer.devices.values() if one.user_code == code and one.expires_at > now), None)
    if found is None:
        return _page("<p>That code is not known. Check it, and try again.</p>", status=400)
    found.account = next((one for one in ACCOUNTS if one.address == form.get("account")), None)
    found.declined = found.account is None
    return _page("<p>You can close this window.</p>")


def token(issuer: Issuer, form: dict[str, str]) -> Answer:
    """Give the program its token, once somebody has signed in; and a new one for a refresh token, which is used up."""
    if form.get("grant_type") == "refresh_token":
        account = issuer.renewals.pop(form.get("refresh_token", ""), None)
        if account is None:
            raise oauth("invalid_grant", "The refresh token is not known, or was used already.")
        return _tokens(issuer, account)
    if form.get("grant_type") != GRANT:
        raise oauth("unsupported_grant_type", f"grant_type has to be {GRANT} or refresh_token.")
    found = issuer.devices.get(form.get("device_code", ""))
    if found is None:
        raise oauth("invalid_grant", "The device code is not known, or was used already.")
    if found.expires_at <= issuer.clock.seconds():
        raise oauth("expired_token", "The device code is too old.")
    if found.declined:
        raise oauth("access_denied", "The user declined to sign in.")
    if found.account is None:
        raise oauth("authorization_pending", "Nobody has signed in yet.")
    del issuer.devices[form["device_code"]]
    return _tokens(issuer, found.account)


def _tokens(issuer: Issuer, account: Account) -> Answer:
    renewal = secrets.token_urlsafe(48)
    issuer.renewals[renewal] = account
    return Answer(
        body={
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
            "access_token": issuer.token(account.address, next(iter(account.roles), None), account.customer),
            "refresh_token": renewal,
        },
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    )


def _page(content: str, *, status: int = 200) -> Answer:
    return Answer(
        status=status,
        body=f"""<!doctype html><html lang="en"><head><title>Enter the code</title></head><body><main>
<h1>Enter the code</h1>{content}</main></body></html>""",
        content_type="text/html; charset=utf-8",
    )
