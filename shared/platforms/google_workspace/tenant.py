"""One Google Workspace customer, opened for one run: its clients, and what has been read from it so far."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.connections import choices, clocks, grants, record
from shared.connections.call_log import Operations
from shared.connections.choices import Choice
from shared.connections.grants import Grant
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.connections.tokens import Tokens
from shared.deployment.context import Context
from shared.engine.ledger import Ledger
from shared.foundation.brand import Brand
from shared.foundation.errors import ConsentMissing, Permanent, Temporary
from shared.foundation.platform_settings import Google
from shared.platforms.google_workspace.api import Api, GoogleRefused, Record, explained
from shared.platforms.google_workspace.call_noting import call_recorder, token_call
from shared.platforms.google_workspace.delegation import AccessToken, Delegation
from shared.platforms.google_workspace.methods import CUSTOMERS_GET
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.sign_in import SignIn
from shared.platforms.google_workspace.watched_mail import Watch, WatchedMail
from shared.protection.targets import Targets
from shared.storage.ids import new_id

log = logging.getLogger(__name__)

# What we hold tokens of: the administrator's own account, and the service account in their name.
IN_PERSON, DELEGATED = "administrator", "service account"
# A second refusal, this long after the first, and a grant is taken to be dead.
CONFIRMED_AFTER = timedelta(minutes=10)
DOUBTFUL = "grant_doubtful"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What stands for Google in this process: sign-in and delegation, and the scopes that a connection needs."""

    sign_in: SignIn
    delegation: Delegation
    scopes: Callable[[Connection], frozenset[str]]


class WorkspaceCustomer(WatchedMail):
    """What the Google Workspace resources are given."""

    def __init__(
        self,
        *,
        context: Context,
        connection: Connection,
        ledger: Ledger,
        credentials: Credentials,
        granted: Sequence[Grant],
        others: Sequence[Connection],
        said: Mapping[str, Choice],
        watch: Callable[["WorkspaceCustomer"], Watch] | None,
    ) -> None:
        self.opened_at = context.clock.now()
        self.context, self.connection, self.ledger, self.credentials = context, connection, ledger, credentials
        self.granted, self.others, self.choices = list(granted), list(others), said
        self.watch = watch(self) if watch else None
        self.run = new_id()[:12]
        self.operations = Operations(context.database, connection.id)
        self.tokens = Tokens(
            database=context.database,
            seal=context.seal,
            clock=context.clock,
            connection_id=connection.id,
            resources=(IN_PERSON, DELEGATED),
            fetch=self._fetch,
            keep=connection.stage < Stage.REVOKE,
        )
        self.read: dict[str, Any] = {}
        self.targets = Targets(context.database, connection.id)
        self.admin: Api
        self.policies: Api
        self.marketplace: Api
        self.groups_settings: Api

    @property
    def drained_at(self) -> datetime | None:
        """When the service last said that nothing of this tenant's mail is in flight."""
        return self.connection.drained_at

    @property
    def now(self) -> datetime:
        """The time."""
        return self.context.clock.now()

    @property
    def google(self) -> Google:
        """How we reach Google and who we are there."""
        return self.context.settings.google

    @property
    def id(self) -> str:
        """The customer's id."""
        return str(self.connection.tenant)

    @property
    def brand(self) -> Brand:
        """The names of this connection's objects."""
        return self.connection.brand

    @property
    def mark(self) -> str:
        """What we write on objects that have a description, so that we know our own and people know whose they are."""
        return self.brand.mark(self.connection.id)

    @property
    def grant(self) -> Grant | None:
        """The grant in use: the newest."""
        return self.granted[-1] if self.granted else None

    def forget_reads(self) -> None:
        """Forget what was read."""
        self.read.clear()
        self.targets = Targets(self.context.database, self.connection.id)

    async def look_ahead(self) -> None:
        """Nothing: a plan of a running customer reads one thing of Google."""

    async def customer(self) -> Record:
        """The customer's own record: id and primary domain."""
        if "customer" not in self.read:
            fields = {"fields": "id,customerDomain"}
            self.read["customer"] = await self.admin.call(CUSTOMERS_GET, {"customerKey": "my_customer"}, params=fields)
        found: Record = self.read["customer"]
        return found

    async def mint(self, subject: str | None, scopes: frozenset[str]) -> AccessToken:
        """A new token of the service account, noted in the log."""
        delegation, refused = self.credentials.delegation, None
        try:
            return await delegation.mint(subject, scopes)
        except TokenRefused as error:
            refused = error.family.name.lower()
            raise
        finally:
            self.operations.add(
                token_call(self.now, client=delegation.address, subject=subject, run=self.run, refused=refused)
            )

    async def _fetch(self, name: str) -> tuple[str, datetime]:
        return await (self._in_person() if name == IN_PERSON else self._delegated())

    async def _delegated(self) -> tuple[str, datetime]:
        subject = self.connection.administrator
        if subject is None:
            raise no_consent()
        try:
            token = await self.mint(subject, self.credentials.scopes(self.connection))
        except TokenRefused as refused:
            raise self._meaning(refused) from None
        return token.value, token.expires_at

    def _meaning(self, refused: TokenRefused) -> Permanent | Temporary:
        if refused.family is Family.TENANT and self.connection.stage is Stage.GRANT:
            from shared.platforms.google_workspace.consent import not_delegated

            return not_delegated()
        if refused.family is Family.TENANT:
            return ConsentMissing(
                "The organisation's administrator has taken the application's access away. Grant its data access in "
                "the Admin console again, or install it again.",
            )
        return Permanent(
            "administrator_gone",
            f"Google does not let us act for {self.connection.administrator} any more: the account is suspended, "
            "deleted or restricted. Another super administrator must open the invitation.",
        )

    async def _in_person(self) -> tuple[str, datetime]:
        grant = self.grant
        if grant is None:
            raise no_consent()
        try:
            answer = await self.credentials.sign_in.refresh(grant.secret)
        except TokenRefused as refused:
            if refused.family is not Family.GRANT:
                raise self._meaning(refused) from None
            raise await self._doubt(grant) from None
        await clocks.ended(self.context.database, self.connection, grant.doubt)
        if answer.refresh_token is not None:
            await self._keep_new(grant, answer.refresh_token)
        elif not grant.alive:
            await self._set(grant, alive=True)
        return answer.access_token, answer.expires_at

    async def _doubt(self, grant: Grant) -> Permanent | Temporary:
        """One refusal may be a mistake of Google's; a second one, some time later, is believed."""
        since = await clocks.since(self.context.database, self.connection.id, grant.doubt, self.now)
        if grant.alive and self.now < since + CONFIRMED_AFTER:
            sentence = "Google rejects the administrator's grant. A second request confirms this."
            return Temporary(DOUBTFUL, sentence, after=CONFIRMED_AFTER)
        await self._set(grant, alive=False)
        return no_consent()

    async def _set(self, grant: Grant, *, alive: bool) -> None:
        self.granted[-1] = await grants.mark(self.context.database, self.connection.id, grant, alive=alive)

    async def _keep_new(self, grant: Grant, secret: str) -> None:
        new = Grant(account=grant.account, address=grant.address, secret=secret, granted_at=grant.granted_at)
        box = await self.context.seal.credentials(self.connection.id)
        async with self.context.database.write() as write:
            await grants.keep(write, box, self.connection.id, new)
        self.granted[-1] = new


def no_consent() -> ConsentMissing:
    """The administrator's own grant does not hold."""
    return ConsentMissing(
        "The administrator's consent does not hold any more. A super administrator must open the invitation again.",
    )


async def _granted(context: Context, connection: Connection) -> list[Grant]:
    """The connection's grants. On the way out one that does not open is one that is gone: a revoke always ends."""
    try:
        return await grants.listed(context.database, context.seal, connection.id)
    except Permanent as error:
        if connection.stage < Stage.REVOKE:
            raise
        log.warning("grants do not open", extra={"connection": connection.id, "reason": error.code})
        return []


@asynccontextmanager
async def open_tenant(
    context: Context,
    connection: Connection,
    ledger: Ledger,
    credentials: Credentials,
    watch: Callable[[WorkspaceCustomer], Watch] | None,
) -> AsyncIterator[WorkspaceCustomer]:
    """Open a connection's customer; what was called is in the log when it is closed."""
    if connection.tenant is None:
        raise Permanent("not_connected", "Consent is missing. Send the invitation to the customer's administrator.")
    async with context.database.read() as read:
        others = await record.of_tenant(read, connection.platform, connection.tenant)
    opened = WorkspaceCustomer(
        context=context,
        connection=connection,
        ledger=ledger,
        credentials=credentials,
        granted=await _granted(context, connection),
        others=[other for other in others if other.id != connection.id and other.stage is not Stage.CLOSED],
        said=await choices.standing(context.database, connection.id, context.clock.now()),
        watch=watch,
    )
    google, address = context.settings.google, credentials.delegation.address

    async def license_token() -> str:
        from shared.platforms.google_workspace.scopes import LICENSE

        return (await credentials.delegation.token(None, frozenset({LICENSE}))).value

    note = call_recorder(
        opened.operations, context.clock, client=address, subject=connection.administrator, run=opened.run
    )
    own = call_recorder(opened.operations, context.clock, client=address, subject=None, run=opened.run)
    async with AsyncExitStack() as stack:

        async def api(url: str) -> Api:
            http = await stack.enter_async_context(context.wire.client(url))
            return Api(
                http,
                token=lambda: opened.tokens.get(DELEGATED),
                renew=lambda: opened.tokens.new(DELEGATED),
                clock=context.clock,
                note=note,
            )

        opened.admin = await api(google.admin_url)
        opened.policies = await api(google.cloudidentity_url)
        opened.groups_settings = await api(google.groupssettings_url)
        http = await stack.enter_async_context(context.wire.client(google.appsmarket_url))
        opened.marketplace = Api(http, token=license_token, renew=license_token, clock=context.clock, note=own)
        try:
            yield opened
        except GoogleRefused as refused:
            raise explained(refused, connection.administrator) from None
        finally:
            await opened.operations.flush()
