"""What this platform offers, in one place."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from shared.connections.lease import Lease
from shared.connections.record import Connection
from shared.connections.tokens import Tokens
from shared.deployment.context import Context
from shared.engine.last_look import Search
from shared.engine.ledger import Ledger
from shared.engine.rows import Published, Row, Sighting
from shared.foundation.brand import Brand
from shared.foundation.codes import Code
from shared.platforms.contract import AfterConsent, Compared, Consent, ConsentResult, Effect, Feed, Mode, Permission
from shared.platforms.history import History
from shared.platforms.microsoft365 import catalogue, consent, directory_audits, directory_sync, published
from shared.platforms.microsoft365.entra import Entra
from shared.platforms.microsoft365.name import NAME, TITLE
from shared.platforms.microsoft365.recycle_bin import emptied
from shared.platforms.microsoft365.searches import SEARCHES
from shared.platforms.microsoft365.sign_in import SignIn
from shared.platforms.microsoft365.tenant import MicrosoftTenant, open_tenant, tokens_of
from shared.storage.ids import ConnectionId


class Microsoft365:
    """The platform, with one client of Microsoft's sign-in for the whole process."""

    name: str = NAME
    title: str = TITLE
    modes: tuple[Mode, ...] = ()
    actions: frozenset[str] = frozenset()
    feed: Feed | None = None
    searches: tuple[Search, ...] = SEARCHES
    effects: tuple[Effect, ...] = (
        Effect(
            text="Mail that comes in for the people whom the policies protect, and mail that they send outside, "
            "passes through the service before it is delivered. Mail of everybody else, and mail within the "
            "organisation, flows as before."
        ),
        Effect(
            text="What comes back from the service has been scanned: Microsoft 365 does not filter it as spam a "
            "second time, and what the service found risky goes to the Junk folder."
        ),
        Effect(
            text="Routing is switched on last, when everything else has been read back and is as it should be, and "
            "it is switched off first. No message is changed or deleted while access is granted or revoked."
        ),
    )
    # https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent: of Microsoft Graph's application
    # permissions only these two roles.
    consent_by: str = "A Global Administrator or a Privileged Role Administrator of the tenant can consent."
    after_consent: AfterConsent = AfterConsent(
        reason="exchange_role_missing",
        sentence="In the Entra admin center, under Roles and administrators, open Exchange Administrator, choose Add "
        "assignments, and add the application. A Global Administrator or a Privileged Role Administrator can do that.",
        link="https://entra.microsoft.com/#view/Microsoft_AAD_IAM/RolesManagementMenuBlade/~/AllRoles",
        values=(
            ("Role", "Exchange Administrator"),
            ("Application", "{application}"),
            ("Application id", "{client_id}"),
        ),
    )
    how_it_ends: str = (
        "When access is revoked, mail is routed as before at once. Connectors and groups go when no mail uses them "
        "any more, the rest when all mail is back, a day later at the latest. You then remove the application, "
        "and receive a signed record of everything that was made and removed."
    )

    tells_of_changes: bool = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self.compares_books: bool = context.settings.microsoft.audit_log
        self.permissions: tuple[Permission, ...] = consent.PERMISSIONS
        if self.compares_books:
            self.permissions += directory_audits.PERMISSIONS
        self.entra = Entra(settings=context.settings.microsoft, wire=context.wire, clock=context.clock)
        self.sign_in = SignIn(context, self.entra.credential)

    def codes(self) -> tuple[Code, ...]:
        """What a person does about each code that only this platform has."""
        from shared.platforms.microsoft365 import codes

        return codes.CODES

    def rows(self, brand: Brand) -> tuple[Row, ...]:
        """The whole catalogue, with the names of a brand."""
        more = (directory_audits.ROW,) if self.compares_books else ()
        return (*catalogue.rows(brand, self._application), *more)

    def published(self, brand: Brand) -> tuple[Published, ...]:
        """The published table, with the names of a brand."""
        return published.published(brand)

    async def _application(self, tenant: MicrosoftTenant, _identity: str | None) -> Sighting:
        return await consent.application(self.entra, str(tenant.connection.tenant), self.context.settings.microsoft)

    async def words(self, connection: Connection) -> Mapping[str, str]:
        """Our application's name and id."""
        return {
            "application": connection.brand.application,
            "client_id": self.context.settings.microsoft.client_id,
        }

    def new_secrets(self) -> dict[str, str]:
        """What returned mail must bear to be trusted, and what mail bears that was scanned already."""
        return {"return header": secrets.token_hex(16), "loop header": secrets.token_hex(16)}

    async def consent_url(self, asked: Consent) -> str:
        """Microsoft's page for an administrator to sign in, and after that to consent."""
        return await self.sign_in.url(asked)

    async def consent_result(self, asked: Consent, query: Mapping[str, str]) -> ConsentResult:
        """The tenant of the administrator who signed in, or that they have consented for it."""
        return await self.sign_in.result(asked, query)

    async def give_back(self, _result: ConsentResult, *, of: ConnectionId | None = None) -> None:
        """A consent here leaves nothing with us that could be given back."""

    async def same_tenant(self, expected: str, result: ConsentResult) -> bool:
        """Whether the operator's domain or id for the tenant is the claimed one."""
        return await consent.same_tenant(self.entra, expected, result)

    async def prove(self, connection: Connection, claimed: str) -> str:
        """The tenant's id, read with the consent itself."""
        return await consent.prove(self.entra, self.context, connection, claimed)

    def open(self, connection: Connection, ledger: Ledger) -> AbstractAsyncContextManager[MicrosoftTenant]:
        """The tenant, for one run."""
        # The model of the mail flow is for those who act on a tenant, and no part of a start.
        from shared.platforms.microsoft365.mail_drift import MailWatch

        return open_tenant(self.context, connection, ledger, self.entra, MailWatch)

    @asynccontextmanager
    async def tokens(self, connection: Connection, _lease: Lease) -> AsyncIterator[Tokens]:
        """What renews the tokens; nothing is opened for that."""
        yield tokens_of(self.context, connection, self.entra)

    async def sync(self, tenant: MicrosoftTenant, *, accept_loss: bool) -> None:
        """Bring our copy of the directory up to date."""
        await directory_sync.sync(tenant, accept_loss=accept_loss)

    async def residue(self, tenant: MicrosoftTenant) -> list[dict[str, Any]]:
        """Our groups that lie in the recycle bin."""
        return await emptied(tenant)

    async def not_checkable(self, _tenant: MicrosoftTenant) -> list[dict[str, Any]]:
        """Once removed, the application lies where only an administrator can look."""
        # https://learn.microsoft.com/entra/identity/enterprise-apps/restore-application
        why = "Entra ID keeps it, once it is deleted, for 30 days in its recycle bin, which our access does not outlive"
        return [{"key": "application", "title": "The enterprise application in the recycle bin", "why": why}]

    def history(self) -> History:
        """How snapshots of the mail flow are read."""
        from shared.platforms.microsoft365.mail_history import MailHistory

        return MailHistory(self.context)

    async def compared(self, tenant: MicrosoftTenant, begin: datetime, end: datetime) -> Compared:
        """What the directory's own log says that our application did, looked up in our ledger."""
        return await directory_audits.compared(tenant, begin, end)

    async def unused(self, _connection: Connection, _since: datetime) -> Sequence[Permission]:
        """Each is used by the daily synchronisation, or opens Exchange; single calls are not logged here."""
        return ()

    async def quiet_since(self, _tenant: MicrosoftTenant, _since: datetime) -> bool:
        """Nobody says so: the customer's audit log takes a permission that the consent does not ask for."""
        return False
