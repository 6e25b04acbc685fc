"""Who may operate: a bearer token of the configured issuer, or a console session begun with a one-time link."""

from datetime import timedelta

from shared.app import App
from shared.errors import FootprintError, Refused
from shared.web.messages import Request

SESSION, SIGN_IN = "session", "sign-in"
COOKIE = "footprint_session"
SESSION_LIFE = timedelta(hours=8)
SIGN_IN_LIFE = timedelta(minutes=15)
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
        await app.seal.follow(SESSION, session)
    except Refused:
        raise _unknown() from None
    return "console"


def _same_site(app: App, request: Request) -> None:
    """A browser sends its cookie with other people's forms too; those come from another origin."""
    ours = "/".join(app.settings.public_url.split("/")[:3]).lower()
    if request.method != "GET" and request.headers.get("origin", "").lower() != ours:
        raise Refused(403, "another_origin", "This form was not sent from the console.")


async def _bearer(app: App, token: str) -> str:
    import jwt

    operators = app.settings.operators
    if not operators.issuer or operators.jwks_url is None:
        raise _unknown()
    try:
        content = await app.keys.claims(
            token, url=operators.jwks_url, audience=operators.audience, issuers=(operators.issuer,), require=("sub",)
        )
    except (jwt.InvalidTokenError, TypeError, ValueError):
        raise _unknown() from None
    except FootprintError:
        raise Refused(503, "issuer_unreachable", "The issuer's keys cannot be had just now.") from None
    roles = content.get("roles")
    # A list: in a plain string, "operator" would be found inside other words.
    if not isinstance(roles, list) or ROLE not in roles:
        raise Refused(403, "not_an_operator", f"Your account lacks the role “{ROLE}”.")
    return str(content.get("name") or content["sub"])


async def sign_in_link(app: App) -> str:
    """A one-time link that begins a console session: for the machine's own owner, printed at local start."""
    token = await app.seal.link(SIGN_IN, None, SIGN_IN_LIFE)
    return f"{app.settings.public_url}/sign-in/{token}"


async def begin_session(app: App, token: str) -> str:
    """Use up a sign-in link and return the session's cookie."""
    await app.seal.use(SIGN_IN, token)
    session = await app.seal.link(SESSION, None, SESSION_LIFE)
    secure = "; Secure" if app.settings.public_url.startswith("https:") else ""
    return f"{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={int(SESSION_LIFE.total_seconds())}{secure}"
