"""Who sends a request: an account of the configured issuer with a bearer token, or the holder of a console session."""

import logging
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.flows.app import App
from shared.flows.invitation import ADMINISTRATOR
from shared.foundation.errors import NoRole, Refused, Temporary
from shared.foundation.operator_settings import Operators
from shared.web import emergency, sessions
from shared.web.actors import BREAK_GLASS, Actor, Role
from shared.web.http import Request

if TYPE_CHECKING:  # a cold start with a token needs none of it
    from shared.deployment import openid

ONCE = "sign-in"
ONCE_LIFE = timedelta(minutes=15)
# The ledger is read years later, when a subject's number means nothing to anybody and only an address is still both
# readable and one person's; a plain name comes last of what people can read, for two may share it.
NAMES = ("preferred_username", "email", "name", "sub")
MAX_NAME_CHARS = 200
EVERY_CUSTOMER = "*"
# Whom the ledger means by these words, no account may be called.
RESERVED = frozenset({ADMINISTRATOR, "the service", "console", BREAK_GLASS})
# Letters of other alphabets that look like those of these words.
LOOK_ALIKE = str.maketrans("аαсϲԁеԍһіıӏкоοрѕтυѵν", "aaccdeghiilkoopstuvv")

log = logging.getLogger(__name__)


async def actor(app: App, request: Request) -> Actor:
    """Who sends the request, by its token or its cookie.

    Raises Refused 401 `sign_in_first`, 403 `no_role`, `no_customer` or `another_origin`, 503 `issuer_unreachable`.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        claims = await vouched(app, token.strip(), app.settings.operators.audience)
        if claims is None:
            raise _unknown()
        return admitted(app.settings.operators, claims)
    found = await sessions.current(app, request, _proven_again)
    if found is None:
        raise _unknown()
    same_origin(app, request)
    return found


async def _proven_again(app: App, before: Actor, proof: str) -> tuple[Actor, str] | None:
    """Who a session's account is by the issuer's word now. Raises Refused 503 while the issuer cannot be asked."""
    if before.is_break_glass:
        return (before, proof) if await emergency.is_open(app, proof) else None
    import jwt

    from shared.deployment import openid

    operators = app.settings.operators
    client = console(operators)
    with outage_told():
        where = await app.issuers.endpoint(operators.issuer, "token_endpoint")
        reply, answer = await openid.refresh(app.wire, where, client, proof)
        if reply.status != 200:
            return None
        keys = await app.issuers.endpoint(operators.issuer, "jwks_uri")
        try:
            claims = await openid.verified(
                app.issuers,
                str(answer.get("id_token")),
                client,
                nonce=None,
                keys_url=keys,
                names=(operators.issuer,),
                require=("sub",),
            )
            return admitted(operators, claims), str(answer.get("refresh_token") or proof)
        except (jwt.InvalidTokenError, Refused):
            return None


def console(operators: Operators) -> "openid.Client":
    """The console as a client of the issuer."""
    from shared.deployment import openid

    secret = operators.client_secret
    return openid.Client(id=operators.client_id, secret=secret.get_secret_value() if secret else "")


def _unknown() -> Refused:
    return Refused(
        401,
        "sign_in_first",
        "Sign in at /sign-in or with a sign-in link, or send a bearer token from this deployment's issuer.",
    )


def same_origin(app: App, request: Request) -> None:
    """A browser sends its cookie with other people's forms too; those come from another origin."""
    ours = "/".join(app.settings.public_url.split("/")[:3]).lower()
    if request.method not in ("GET", "HEAD") and request.headers.get("origin", "").lower() != ours:
        raise Refused(403, "another_origin", "This form was not sent from a page of this service.")


async def vouched(app: App, token: str, audience: str) -> dict[str, Any] | None:
    """What a token of our issuer for an audience says; None unless it holds. Raises Refused 503 during an outage."""
    import jwt

    issuer = app.settings.operators.issuer
    if not issuer:
        return None
    with outage_told():
        url = await app.issuers.endpoint(issuer, "jwks_uri")
        try:
            return await app.issuers.claims(token, url=url, audience=audience, issuers=(issuer,), require=("sub",))
        except jwt.InvalidTokenError:
            return None


@contextmanager
def outage_told() -> Iterator[None]:
    """An issuer that cannot be asked is nothing that the person who signs in can change."""
    try:
        yield
    except Temporary as error:
        log.warning("the operators' issuer cannot be asked", extra={"code": error.code})
        raise Refused(
            503, "issuer_unreachable", "The identity provider is unreachable. Try again in a minute."
        ) from None


def admitted(operators: Operators, claims: Mapping[str, Any]) -> Actor:
    """Whom an issuer's claims let in, and as what. Raises Refused 403 `no_role` or `no_customer`."""
    roles = claims.get("roles")
    # A list: in a plain string, "operator" would be found inside other words.
    role = next((role for role in reversed(Role) if isinstance(roles, list) and role in roles), None)
    if role is None:
        raise NoRole("Your account has none of the roles “viewer”, “operator” and “admin”.")
    return Actor(
        name=_name(claims),
        role=role,
        customer=_customer(operators.customer_claim, claims),
        subject=_subject(claims),
    )


def _subject(claims: Mapping[str, Any]) -> str:
    """Issuer and account. Where `sub` differs from application to application, `oid` is the same in all of them."""
    oid = claims.get("oid")
    account = oid if isinstance(oid, str) and oid else claims["sub"]
    return f"{claims['iss']} {account}"


def _name(claims: Mapping[str, Any]) -> str:
    given = ("".join(filter(str.isprintable, str(claims.get(name) or ""))).strip() for name in NAMES)
    return next((name for name in given if name and not _means_another(name)), "unnamed")[:MAX_NAME_CHARS]


def _means_another(name: str) -> bool:
    """Whether people would read a reserved word: signs, spaces, accents and the alphabet make no other name of it."""
    return _read(name) in {_read(word) for word in RESERVED}


def _read(name: str) -> str:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold()).translate(LOOK_ALIKE)
    return "".join(filter(str.isalnum, plain))


def _customer(claim: str, claims: Mapping[str, Any]) -> str | None:
    if not claim:
        return None
    given = claims.get(claim)
    match given if isinstance(given, list) else [given]:
        case customers if EVERY_CUSTOMER in customers:
            return None
        case [str(customer)] if customer and customer.isprintable():
            return customer
    raise Refused(403, "no_customer", f"Your account's “{claim}” does not name one customer, nor all of them.")


async def sign_in_link(app: App) -> str:
    """A one-time link that begins a console session: for the machine's own owner, printed at local start."""
    token = await app.links.create(ONCE, None, ONCE_LIFE)
    return f"{app.settings.public_url}/sign-in/once/{token}"
