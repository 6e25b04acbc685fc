"""Signing in to the console: by the issuer's page (OpenID Connect, code with PKCE), or by a one-time link; and out."""

import hmac
import logging
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from shared.deployment import openid
from shared.flows.app import App
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.foundation.http_client import Reply
from shared.web import sessions
from shared.web.accounts import ONCE, admitted, console, outage_told
from shared.web.actors import Actor, Role
from shared.web.http import Request, Response, redirect

STATE = "sign-in state"
# How long somebody may take at the issuer's page.
SIGN_IN_MAX_AGE = timedelta(minutes=10)
# With the last the issuer gives a refresh token, by which a role that was taken away is seen.
SCOPES = ("openid", "profile", "email", "offline_access")
# A path in plain letters. A second slash would name another host, and some browsers read a backslash as one; and more
# would not fit into a cookie, where each letter may take three.
PATH = re.compile(r"/(?!/)[!-\[\]-~]{0,300}")
NOT_A_PAGE = ("/api/", "/sign-in", "/sign-out")

log = logging.getLogger(__name__)


async def begin(app: App, request: Request) -> Response:
    """Send the browser to the issuer's page; after that it goes on to the page that `to` names."""
    operators = app.settings.operators
    if not operators.client_id:
        raise Refused(404, "no_sign_in", "This console has no issuer to sign in at. Ask for a sign-in link.")
    with outage_told():
        where = await app.issuers.endpoint(operators.issuer, "authorization_endpoint")
    state = await app.links.ticket(STATE, SIGN_IN_MAX_AGE)
    browser, verifier, nonce = await _secrets(app, state)
    url = openid.authorization_url(
        where,
        _client(app),
        redirect_uri=_redirect_uri(app),
        scopes=SCOPES,
        state=state,
        verifier=verifier,
        nonce=nonce,
    )
    held = f"{browser}.{quote(_own_page(request.query.get('to', '')), safe='')}"
    return redirect(url, **{"Set-Cookie": sessions.cookie(app, _cookie(app, state), held, SIGN_IN_MAX_AGE)})


async def back(app: App, request: Request) -> Response:
    """Where the browser comes back to with a code, or with the word that there is none."""
    state = request.query.get("state", "")
    browser, verifier, nonce = await _secrets(app, state)
    held, _, to = request.cookie(_cookie(app, state)).partition(".")
    # Else somebody could have others go on with a sign-in that they began, and act in their name unnoticed.
    if not hmac.compare_digest(held.encode(), browser.encode()):
        raise _over()
    if error := request.query.get("error"):
        raise Refused(403, "sign_in_declined", f"You were not signed in ({_word(error)}). Begin again.")
    id_token, proof = await _exchanged(app, request.query.get("code", ""), verifier)
    claims = await _proven(app, id_token, nonce)
    # Only now is anything written, for up to here it may be nobody.
    try:
        await app.links.spend(STATE, state)
    except Refused:
        raise _over() from None
    session = await sessions.begin(app, admitted(app.settings.operators, claims), proof)
    return redirect(_own_page(unquote(to)), **{"Set-Cookie": session})


async def once(app: App, request: Request) -> Response:
    """Follow a one-time link into the console."""
    await app.links.use(ONCE, request.args["token"])
    return redirect("/", **{"Set-Cookie": await sessions.begin(app, Actor(name="console", role=Role.ADMIN))})


async def end(app: App, request: Request) -> Response:
    """Sign out here, or with the form's `everywhere` in every browser."""
    from shared.web.pages import page
    from shared.web.pages.forms import one, posted

    everywhere = one(posted(request), "everywhere") == "1"
    await sessions.end(app, request)
    if everywhere:
        await sessions.end_all(app, request.actor)
    told = page(app, "signed_out.html", everywhere=everywhere, issuer=bool(app.settings.operators.client_id))
    return Response(headers={**told.headers, "Set-Cookie": sessions.cleared(app)}, body=told.body)


async def _secrets(app: App, state: str) -> list[str]:
    """What proves to us the browser, to the issuer us, and to us its token: worked out from the state, kept nowhere."""
    return [await app.seal.secret(f"sign-in {what}", state) for what in ("browser", "verifier", "nonce")]


def _redirect_uri(app: App) -> str:
    return f"{app.settings.public_url}/sign-in/back"


def _cookie(app: App, state: str) -> str:
    # Each sign-in has its own: a browser that opens yesterday's tabs begins several at once. With the prefix no other
    # host of the same domain can have put it there, to have somebody else end a sign-in that it began.
    return f"{'__Host-' if sessions.secure(app) else ''}footprint-sign-in-{state.partition('.')[0]}"


def _own_page(to: str) -> str:
    """The path, if it leads to a page of ours; else the first page. Nobody is sent elsewhere from here."""
    return to if PATH.fullmatch(to) and "//" not in to and not to.startswith(NOT_A_PAGE) else "/"


def _over() -> Refused:
    return Refused(410, "sign_in_over", "This sign-in is over, or was begun in another browser. Begin again.")


def _client(app: App) -> openid.Client:
    return console(app.settings.operators)


async def _exchanged(app: App, code: str, verifier: str) -> tuple[str, str]:
    """The id token that a code is exchanged for, and the refresh token that came with it, if one did."""
    with outage_told():
        url = await app.issuers.endpoint(app.settings.operators.issuer, "token_endpoint")
        reply, answer = await openid.exchange(
            app.wire, url, _client(app), code, redirect_uri=_redirect_uri(app), verifier=verifier
        )
    if reply.status != 200:
        raise _refusal(reply, answer)
    return str(answer.get("id_token")), str(answer.get("refresh_token") or "")


async def _proven(app: App, id_token: str, nonce: str) -> dict[str, Any]:
    """Who signed in, by this sign-in's own token."""
    import jwt

    issuer = app.settings.operators.issuer
    try:
        with outage_told():
            url = await app.issuers.endpoint(issuer, "jwks_uri")
            return await openid.verified(
                app.issuers,
                id_token,
                _client(app),
                nonce=nonce,
                keys_url=url,
                names=(issuer,),
                require=("sub",),
            )
    except jwt.InvalidTokenError:
        raise Refused(
            403, "sign_in_not_proven", "The issuer's answer does not say reliably who signed in. Begin again."
        ) from None


def _refusal(reply: Reply, answer: dict[str, Any]) -> FootprintError:
    error = _word(str(answer.get("error", "")))
    if error == "invalid_grant":
        return _over()
    log.error("the operators' issuer refuses the console", extra={"status": reply.status, "error": error})
    return Permanent(
        "issuer_refused_us",
        f"The issuer does not take this console's client id or secret ({error}). They require action.",
    )


def _word(error: str) -> str:
    """An error's own word; what else stands there is anybody's to write."""
    return error if re.fullmatch(r"[a-z_]{1,40}", error) else "no code"
