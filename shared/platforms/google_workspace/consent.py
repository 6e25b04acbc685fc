"""The administrator's consent: who gave it is proven by sign-in, that it is effective by using the delegation."""

from collections.abc import Mapping
from datetime import timedelta

from shared.connections import grants
from shared.connections.call_log import Operations
from shared.connections.grants import Grant
from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.foundation.errors import FootprintError, Permanent, Refused, Temporary
from shared.foundation.http_client import Try
from shared.platforms.contract import Consent, ConsentResult
from shared.platforms.google_workspace.api import Api, GoogleRefused
from shared.platforms.google_workspace.call_noting import call_recorder
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.methods import CUSTOMERS_GET, USERS_GET, Method
from shared.platforms.google_workspace.name import NAME
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.sign_in import Granted, SignIn
from shared.storage.ids import ConnectionId

# What a person must see at Google's own page is the same however they come to it.
PKCE, NONCE = "pkce", "nonce"


async def consent_url(sign_in: SignIn, context: Context, consent: Consent) -> str:
    """Google's page. What proves the callback to be this one's is worked out from the state, and kept nowhere."""
    expected = consent.connection.expected_tenant
    return sign_in.consent_url(
        redirect_uri=consent.redirect_uri,
        state=consent.state,
        verifier=await context.seal.secret(PKCE, consent.state),
        nonce=await context.seal.secret(NONCE, consent.state),
        hint=expected if expected and "." in expected else None,
    )


async def consent_result(
    sign_in: SignIn, context: Context, consent: Consent, query: Mapping[str, str]
) -> ConsentResult:
    """Exchange the callback's code and find out who consented, and for which customer."""
    if error := query.get("error"):
        told = (
            "Your organisation's own API controls block the application. Allow it in the Admin console, then open the "
            "invitation again."
            if error == "admin_policy_enforced"
            else "Google reports that consent was not given. Open the invitation again and sign in as a super "
            "administrator to accept."
        )
        raise Refused(403, "consent_declined", f"{told} ({_word(error)})")

    async def unused(account: str, secret: str) -> None:
        await _return(sign_in, context, account, secret)

    granted = await sign_in.exchange(
        query.get("code", ""),
        unused=unused,
        redirect_uri=consent.redirect_uri,
        verifier=await context.seal.secret(PKCE, consent.state),
        nonce=await context.seal.secret(NONCE, consent.state),
    )
    try:
        customer = await _customer_of(context, granted)
    except FootprintError:
        await unused(granted.account, granted.refresh_token)
        raise
    return ConsentResult(
        tenant=customer,
        names=frozenset({granted.domain, granted.address.rpartition("@")[2]}),
        grant=Grant(
            account=granted.account,
            address=granted.address,
            secret=granted.refresh_token,
            granted_at=context.clock.now(),
        ),
    )


def _word(error: str) -> str:
    """Google's own word for people to search for; what else stands there is anybody's to write."""
    return error if error.isascii() and error.replace("_", "").isalpha() and len(error) <= 40 else "no code"


async def _customer_of(context: Context, granted: Granted) -> str:
    """The customer of a super administrator, read with their own token."""

    async def token() -> str:
        return granted.access_token

    async with context.wire.client(context.settings.google.admin_url) as http:
        api = Api(http, token=token, renew=token, clock=context.clock, note=_unnoted)
        try:
            user = await api.call(USERS_GET, {"userKey": granted.account}, params={"fields": "id,isAdmin,customerId"})
        except (GoogleRefused, Permanent):
            raise _no_super_administrator() from None
    if user.get("isAdmin") is not True or not user.get("customerId"):
        raise _no_super_administrator()
    return str(user["customerId"])


def _unnoted(_method: Method, _target: str | None, _try: Try, _reason: str | None) -> None:
    """Made with the person's own token, which is not the service account's."""


def _no_super_administrator() -> Refused:
    return Refused(
        403,
        "not_an_administrator",
        "Only a super administrator can connect an organisation. Open the invitation again and sign in as one.",
    )


async def give_back(sign_in: SignIn, context: Context, result: ConsentResult, of: ConnectionId | None) -> None:
    """Give a grant back that will not be used."""
    if result.grant is not None:
        await _return(sign_in, context, result.grant.account, result.grant.secret, of)


async def _return(sign_in: SignIn, context: Context, account: str, secret: str, of: ConnectionId | None = None) -> None:
    """Give a token back, unless a connection other than `of` keeps a grant of its account.

    Google has one grant for an account and an application: with one of its tokens all of them end, those in use too.
    The caller that keeps it gives it back in the end.
    """
    if not set(await grants.holders(context.database, NAME, account)) - {of}:
        await sign_in.revoke(secret)


async def prove(
    delegation: Delegation, context: Context, connection: Connection, customer: str, scopes: frozenset[str]
) -> str:
    """The customer's id, read with the delegation itself, in the name of the administrator who consented."""
    subject = str(connection.administrator)

    async def token() -> str:
        try:
            return (await delegation.token(subject, scopes)).value
        except TokenRefused as refused:
            if refused.family is not Family.TENANT:
                raise
            raise not_delegated() from None

    operations = Operations(context.database, connection.id)
    note = call_recorder(operations, context.clock, client=delegation.address, subject=subject, run="consent")
    async with context.wire.client(context.settings.google.admin_url) as http:
        api = Api(http, token=token, renew=token, clock=context.clock, note=note)
        try:
            found = await api.call(
                CUSTOMERS_GET, {"customerKey": "my_customer"}, params={"fields": "id,customerDomain"}
            )
        finally:
            await operations.flush()
    if found.get("id") != customer:
        raise Permanent("wrong_tenant", "The delegation belongs to another customer than the consent.")
    return customer


def not_delegated() -> Temporary:
    """The customer's administrator has not let the service account in, or Google has not heard of it everywhere."""
    return Temporary(
        "delegation_not_effective",
        "Google does not let our service account in yet. Install the application for everyone in the organisation, or "
        "grant its data access in the Admin console; it may take up to a day to be effective everywhere.",
        after=timedelta(minutes=1),
    )
