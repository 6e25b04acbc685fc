"""Who may operate: a bearer token of the configured issuer, or a console session begun with a one-time link."""

import json
from datetime import timedelta
from typing import Any

import jwt
from jwt.types import Options

from shared.errors import FootprintError, Refused
from shared.platform import App
from shared.web.messages import Request

SESSION, SIGN_IN = "session", "sign-in"
COOKIE = "footprint_session"
SESSION_LIFE = timedelta(hours=8)
SIGN_IN_LIFE = timedelta(minutes=15)
# The issuer's clock may be a little ahead of ours, in seconds.
LEEWAY = 60.0
# The times are compared here, with a clock that on one machine can be moved.
BY_OUR_CLOCK: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
# The only role that there is so far; a token without it is of no use here.
ROLE = "operator"


def _unknown() -> Refused:
    return Refused(
        401,
        "sign_in_first",
        "Sign in first: open a sign-in link, or send a bearer token of this deployment's issuer.",
    )


async def operator(app: App, request: Request) -> str:
    """The name of whoever sends the request. Raises Refused 401 or 403."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return await _bearer(app, token)
    session = request.cookie(COOKIE)
    if not session:
        raise _unknown()
    _same_site(app, request)
    try:
        await app.seal.follow(app.database, SESSION, session, app.clock.now())
    except Refused:
        raise _unknown() from None
    return "console"


def _same_site(app: App, request: Request) -> None:
    """A browser sends its cookie with other people's forms too; those come from another origin."""
    ours = "/".join(app.settings.public_url.split("/")[:3]).lower()
    if request.method != "GET" and request.headers.get("origin", "").lower() != ours:
        raise Refused(403, "another_origin", "This form was not sent from the console.")


async def _bearer(app: App, token: str) -> str:
    operators = app.settings.operators
    if not operators.issuer or operators.jwks_url is None:
        raise _unknown()
    try:
        header = jwt.get_unverified_header(token)
        content: dict[str, Any] = jwt.decode(
            token,
            await _key(app, str(header.get("kid")), operators.jwks_url),
            algorithms=["RS256"],
            audience=operators.audience,
            issuer=operators.issuer,
            options={"require": ["exp", "iat", "iss", "aud", "sub"], **BY_OUR_CLOCK},
        )
        begins, ends = float(content.get("nbf", 0)), float(content["exp"])
    except (jwt.InvalidTokenError, TypeError, ValueError):
        raise _unknown() from None
    if not begins - LEEWAY <= app.clock.now().timestamp() < ends:
        raise _unknown()
    roles = content.get("roles")
    # A list: in a plain string, "operator" would be found inside other words.
    if not isinstance(roles, list) or ROLE not in roles:
        raise Refused(403, "not_an_operator", f"Your account lacks the role “{ROLE}”.")
    return str(content.get("name") or content["sub"])


async def _key(app: App, kid: str, url: str) -> Any:
    if kid not in app.issuer_keys:
        origin = "/".join(url.split("/")[:3])
        async with app.wire.client(origin) as http:
            try:
                keys = (await http.send("GET", url)).json()["keys"]
            except FootprintError:
                raise Refused(503, "issuer_unreachable", "The issuer's keys cannot be had just now.") from None
        app.issuer_keys.clear()  # the issuer has rotated: what it does not list any more does not count
        rsa = [key for key in keys if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
        app.issuer_keys.update({str(key.get("kid")): jwt.PyJWK.from_json(json.dumps(key), "RS256").key for key in rsa})
    if kid not in app.issuer_keys:
        raise jwt.InvalidTokenError("unknown key")
    return app.issuer_keys[kid]


async def sign_in_link(app: App) -> str:
    """A one-time link that begins a console session: for the machine's own owner, printed at local start."""
    token = await app.seal.link(app.database, SIGN_IN, None, app.clock.now(), SIGN_IN_LIFE)
    return f"{app.settings.public_url}/sign-in/{token}"


async def begin_session(app: App, token: str) -> str:
    """Use up a sign-in link and return the session's cookie."""
    await app.seal.use(app.database, SIGN_IN, token, app.clock.now())
    session = await app.seal.link(app.database, SESSION, None, app.clock.now(), SESSION_LIFE)
    secure = "; Secure" if app.settings.public_url.startswith("https:") else ""
    return f"{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={int(SESSION_LIFE.total_seconds())}{secure}"
